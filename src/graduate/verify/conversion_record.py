"""What `conversion.json` says about a project: where the pieces of the research code went."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from graduate.errors import VerifyError

RECORD = "conversion.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProjectOption:
    """A setting: its field in the project, and the option or constant of the research code that it was."""

    field: str
    program: str
    kind: str
    flags: tuple[str, ...]
    action: str
    positional: bool
    takes_several: bool = False
    path: str = ""
    line: int = 0
    keys: tuple[str, ...] = ()

    @property
    def is_switch(self) -> bool:
        """Whether its flag takes no value."""
        return self.action in ("store_true", "store_false", "count")

    def names(self) -> tuple[str, ...]:
        """The names that it may have in the research code; a field that clashed was renamed by its program."""
        found = [self.field]
        for prefix in (f"{self.program}_{self.kind}_", f"{self.program}_"):
            if self.program and self.field.startswith(prefix):
                found.append(self.field.removeprefix(prefix))
        return (*found, *(name.removesuffix("_") for name in found if name.endswith("_")))


@dataclass(frozen=True, slots=True)
class Conversion:
    """The parts of `conversion.json` that verification needs. `steps` holds (name, program) in order.

    `segments` maps a module to its watched functions with the programs that each belongs to; `wrapped`
    maps the module of a program that runs as it stands to that program; `opened` names, per program, the
    function whose body became part of the spine. `workspace` is the folder that stands for the research folder.
    """

    package: str
    programs: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    segments: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    wrapped: dict[str, str] = field(default_factory=dict)
    opened: dict[str, tuple[str, ...]] = field(default_factory=dict)
    options: tuple[ProjectOption, ...] = ()
    places: dict[str, str] = field(default_factory=dict)
    workspace: str = ""
    entries: tuple[str, ...] = ()
    """The files of the programs."""

    def with_former_names(self, text: str) -> str:
        """Printed text with the modules that classes and functions of the project are in called as they were."""
        homes: dict[str, str] = {}
        for where, place in self.places.items():
            path = place.rpartition(":")[0]
            name = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            homes.setdefault(where.partition(":")[0], "__main__" if path in self.entries else name)
        named = "|".join(re.escape(home) for home in sorted(homes, key=len, reverse=True))
        pattern = re.compile(rf"\b{re.escape(self.package)}\.({named})(?!\w)")
        return pattern.sub(lambda found: homes[found[1]], text) if homes else text


def was_modernized(project: Path) -> bool:
    """Whether a project was made from Python 2 code. Raises VerifyError when it is no project that graduate made."""
    return _read(project, lambda record: any(each["code"] == "G113" for each in record.get("hazards", [])))


def read_conversion(project: Path) -> Conversion:
    """The record of a project. Raises VerifyError when the folder is not a project that graduate made."""
    return _read(project, _conversion)


def _read(project: Path, read: Callable[[dict[str, Any]], T]) -> T:
    try:
        return read(json.loads((project / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VerifyError(
            f"{project.name} is not a project that graduate made.",
            where=RECORD,
            why=f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else "it cannot be read",
            fix="convert the research code first: graduate convert SRC",
        ) from error


def _conversion(record: dict[str, Any]) -> Conversion:
    programs = list(record["programs"])
    segments: dict[str, dict[str, list[str]]] = {}
    for step in record["steps"]:
        for segment in step["segments"]:
            owners = segments.setdefault(segment["module"], {}).setdefault(segment["function"], [])
            if step["program"] not in owners:
                owners.append(step["program"])
    wrapped: dict[str, str] = {}
    opened: dict[str, tuple[str, ...]] = {}
    rows = record.get("rows", [])
    for program in programs:
        own = [row for row in rows if row["place"]["path"] == program["path"]]
        if program["level"] == "wrapped":
            homes = [row["where"].partition(":")[0] for row in own if ":" in row["where"]]
            wrapped.update(dict.fromkeys(homes, program["name"]))
            opened[program["name"]] = ("main",)
        else:
            heads = [
                re.match(r"def (\w+)\(", row["source"]) for row in own if row["where"].startswith("pipeline:")
            ]
            opened[program["name"]] = tuple(head[1] for head in heads if head)
    options = tuple(
        ProjectOption(
            option["name"],
            option.get("program", ""),
            option.get("kind", "constant"),
            tuple(option.get("flags", ())),
            option.get("action", "store"),
            bool(option.get("positional", False)),
            option.get("nargs") not in (None, "'?'", '"?"'),
            option.get("place", {}).get("path", ""),
            option.get("place", {}).get("line", 0),
            tuple(option.get("keys", ())),
        )
        for option in record.get("options", [])
    )
    return Conversion(
        package=record["name"],
        programs=tuple(p["name"] for p in programs),
        steps=tuple((step["name"], step["program"]) for step in record["steps"]),
        segments=segments,
        wrapped=wrapped,
        opened=opened,
        options=options,
        places=_places(rows),
        workspace=record.get("workspace", ""),
        entries=tuple(p["path"] for p in programs),
    )


def _places(rows: list[dict[str, Any]]) -> dict[str, str]:
    """`module:function` → the first place in the source that went there."""
    found: dict[str, str] = {}
    for row in rows:
        where = ":".join(row["where"].split(":")[:2])
        found.setdefault(where, f"{row['place']['path']}:{row['place']['line']}")
    return found
