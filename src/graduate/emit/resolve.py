"""Asks uv for versions that fit together: those of the day of the code, else the newest; and why there are none."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from graduate.errors import ToolError

NO_LOCK = "convert with --no-lock, and run 'make lock' in the project later"
OWN_LIBRARIES = (
    *("annotated-types", "cloudpickle", "pydantic", "pydantic-core"),
    *("pyyaml", "typing-extensions", "typing-inspection"),
)
"""What the runtime needs, with what that needs: it is younger than the research code may be."""

_WHEELS_SINCE = {
    "3.11": date(2023, 6, 1),
    "3.12": date(2024, 6, 1),
    "3.13": date(2025, 6, 1),
    "3.14": date(2026, 6, 1),
}
"""Since when the libraries of research have had wheels for a Python: about eight months after it came out."""
_TIMEOUT = 900
_OFFLINE = re.compile(
    r"Failed to fetch|Request failed|error sending request|cannot be run|uv is missing|dns error"
)
_NAME = r"(?<![\w.\-]){}(?![\w\-])"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A direct requirement and where it was asked for."""

    requirement: str
    origin: str = ""

    @property
    def name(self) -> str:
        return canonicalize_name(Requirement(self.requirement).name)

    def __str__(self) -> str:
        return f"{self.requirement} ({self.origin})" if self.origin else self.requirement


@dataclass(frozen=True, slots=True)
class Resolved:
    """The text of a lock, the last day whose versions it holds (None: no limit), and what is to be told about that."""

    text: str
    as_of: date | None = None
    notes: tuple[str, ...] = ()


class NothingFits(ToolError):
    """No versions satisfy all requirements."""


class NewerPython(NothingFits):
    """The requirements fit together on a newer Python only, `python` at least."""

    python = ""


def resolve(
    wanted: Iterable[Wanted],
    python: str,
    *,
    constraints: Iterable[str] = (),
    preferred: Iterable[str] = (),
    as_of: date | None = None,
    exempt: Iterable[str] = OWN_LIBRARIES,
    links: bool = True,
) -> Resolved:
    """The versions of all that is wanted, in the text of a lock; the day does not count for what is `exempt`.

    Tried in turn, until one works: with the `preferred` versions as of the day, with these of any day, without them as
    of the day, without them of any day. Raises ToolError when the last one fails, or the index cannot be reached.
    """
    asked, given, local, free = list(wanted), list(constraints), list(preferred), tuple(exempt)
    notes = []
    day = as_of
    if day is not None and day < _WHEELS_SINCE.get(python, day):
        day = _WHEELS_SINCE[python]
        notes.append(
            f"the code is of {as_of}, before there were libraries for Python {python}: as of {day} instead"
        )
    for extra, limit in _list_attempts(local, day):
        try:
            options = list_date_options(limit, free)
            text, said = _compile(asked, [*given, *extra], python, options, links=links)
        except ToolError as error:
            failure = error
            if _OFFLINE.search(error.why):
                break
            if limit is not None and limit == day and (reason := _why_not(error, extra, local)):
                notes.append(reason.format(day=day))
            continue
        if limit is not None and "missing an upload date" in said:
            notes.append(
                "the index does not tell when each file was uploaded: those without a date were left out"
            )
        return Resolved(text, limit, tuple(dict.fromkeys(notes)))
    raise failure


def _list_attempts(local: list[str], day: date | None) -> Iterator[tuple[list[str], date | None]]:
    for extra in [local, []] if local else [[]]:
        yield from [(extra, day), (extra, None)] if day is not None else [(extra, None)]


def _why_not(error: ToolError, extra: list[str], local: list[str]) -> str:
    if "missing an upload date" in error.why:
        return "the index does not tell when files were uploaded, so the newest versions are taken, not those of {day}"
    if extra != local:
        return ""
    return (
        "no versions of {day} fit together, so the newest are taken: "
        + error.why.partition("; uv says")[0][:200]
    )


def _compile(
    wanted: list[Wanted], constraints: list[str], python: str, options: list[str], *, links: bool = True
) -> tuple[str, str]:
    """The text of the lock, and what uv said beside it. Raises ToolError.

    One lock for all systems, where there are versions for all; else one for this one. With `links`, wheels in the
    folders of PIP_FIND_LINKS count.
    """
    try:
        return _run_uv(wanted, constraints, python, [*options, "--universal"], links)
    except ToolError as error:
        if _OFFLINE.search(error.why):
            raise
        return _run_uv(wanted, constraints, python, options, links)


def _run_uv(
    wanted: list[Wanted], constraints: list[str], python: str, options: list[str], links: bool
) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [each.requirement for each in wanted]
        (folder / "requirements.in").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "constraints.txt").write_text("\n".join(constraints) + "\n", encoding="utf-8")
        command = [_find_uv(), "pip", "compile", "requirements.in", "--constraint", "constraints.txt"]
        command += ["--python-version", python, "--generate-hashes", "--no-progress"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--no-emit-build-options", "--color=never", *options]
        for folder_of_wheels in os.environ.get("PIP_FIND_LINKS", "").split() if links else ():
            command += ["--find-links", folder_of_wheels]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolError(
                "uv cannot be run to lock the requirements.", why=str(error), fix=NO_LOCK
            ) from error
    if done.returncode:
        raise _explain(done.stderr, wanted)
    return done.stdout, done.stderr


def list_date_options(limit: date | None, exempt: Iterable[str]) -> list[str]:
    """The options of uv that leave out what was uploaded after a day, by its end in UTC."""
    if limit is None:
        return []
    free = [option for name in exempt for option in ("--exclude-newer-package", f"{name}=false")]
    return ["--exclude-newer", f"{limit}T23:59:59Z", *free]


def _explain(message: str, wanted: Iterable[Wanted]) -> ToolError:
    """uv's refusal, with the requirements that it is about and where each was asked for."""
    asked = list(wanted)
    reason = shorten(message)
    if _OFFLINE.search(message):
        return ToolError(
            "The index of packages cannot be reached.", why=reason, fix=f"see to the network, or {NO_LOCK}"
        )
    required = " ".join(re.findall(r"you require (.*?)(?:, we can|$)", " ".join(message.split())))
    about = [each for each in asked if re.search(_NAME.format(re.escape(each.name)), required.lower())]
    said = f"; uv says: {reason}" if about else reason
    why = " and ".join(map(str, about)) + (" cannot be had together" if len(about) > 1 else " cannot be had")
    where = ", ".join(each.origin for each in about if each.origin) or "requirements.in"
    newer = re.search(r"only supports >=(3\.\d+)", message)
    error = (NewerPython if newer else NothingFits)(
        "The requirements cannot be locked.",
        where=where,
        why=why + said if about else reason,
        fix=f"correct the requirements of the research code, or {NO_LOCK}",
    )
    if isinstance(error, NewerPython) and newer:
        error.python = newer[1]
    return error


def _find_uv() -> str:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise ToolError(
            "uv is missing, which locks the requirements.",
            why=str(error),
            fix=f"pip install uv, or {NO_LOCK}",
        ) from error


def shorten(message: str) -> str:
    """uv's reason in one line, without addresses, and without the count of what it found before."""
    missing = "a file is missing an upload date; " if "missing an upload date" in message else ""
    lines = [line for line in message.splitlines() if not line.startswith(("warning:", "Resolved "))]
    text = " ".join(" ".join(lines).split()).lstrip("× ").removeprefix("error: ")
    return missing + re.sub(r"\(?(?:https?|file)://\S+\)?", "(index)", text)[:600]


def read_wanted(text: str) -> list[Wanted]:
    """The requirements of requirements.in with their remarks, without references to other files."""
    found = []
    for line in text.split("\n"):
        requirement, _, remark = (
            part.strip() for part in re.sub(r"(^|\s)#", "\0", line, count=1).partition("\0")
        )
        if requirement and not requirement.startswith("-"):
            found.append(Wanted(requirement, remark))
    return found
