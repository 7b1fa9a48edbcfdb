"""Pins the requirements, with hashes, by asking uv. The only place of emission that needs a network.

Wheels in the folders of PIP_FIND_LINKS are preferred to what the index has, since they were put there for this
machine (a build of PyTorch for the CPU is there because the default one is gigabytes of CUDA).
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from email import message_from_bytes
from functools import partial
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from graduate.emit.resolve import NO_LOCK, OWN_LIBRARIES, Resolved, Wanted, read_wanted, resolve
from graduate.errors import ToolError
from graduate.model.project import Project, ProjectFile

_PYTHON = re.compile(r"^PYTHON_VERSION := (\S+)$", re.MULTILINE)
_AS_OF = re.compile(r"^(AS_OF \?=)(?: (\S+))?$", re.MULTILINE)

_WITH_CUDA = (
    "on Linux requirements.lock brings libraries of CUDA, gigabytes: for the CPU build of PyTorch, convert with "
    "a folder with its wheel as PIP_FIND_LINKS, or with UV_TORCH_BACKEND=cpu"
)
_OWN = re.compile(r"^OWN := .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Locked:
    """A project with its locks; `notes` say what is to know about their versions."""

    project: Project
    notes: tuple[str, ...] = ()


def lock_project(project: Project) -> Locked:
    """The project with requirements.lock (to run), and on top of it those to test and check (dev), to serve and watch
    (service), to sweep, to run loops in several processes (parallel, ray), to audit, and to run on a GPU (cuda, where
    PyTorch is asked for).

    The versions are those of the day that the Makefile names, if it names one; where they do not fit together it names
    none any more. Raises ToolError when uv is missing, cannot reach its index, or finds no versions that fit.
    """
    texts = {file.path: file.text for file in project.files if file.text is not None}
    found = _PYTHON.search(texts["Makefile"])
    assert found is not None
    day = _AS_OF.search(texts["Makefile"])
    as_of = date.fromisoformat(day[2]) if day and day[2] else None
    wanted = read_wanted(texts["requirements.in"])
    made = lock_requirements(wanted, found[1], as_of=as_of)
    # Everything that runs is pinned by now, so that the tools alone are free, and new.
    pins = _pins(made.text)
    dev = lock_requirements([*wanted, *read_wanted(texts["requirements-dev.in"])], found[1], constraints=pins)
    locks, notes = _lock_extras(texts, wanted, found[1], pins)
    if any(each.name == "torch" for each in wanted) and any(pin.startswith("nvidia-cudnn") for pin in pins):
        notes.append(_WITH_CUDA)
    limit = f" {made.as_of}" if made.as_of else ""
    makefile = _AS_OF.sub(rf"\g<1>{limit}", texts["Makefile"])
    if made.as_of:
        makefile = _OWN.sub("OWN := " + " ".join(list_exempt(found[1])), makefile)
    new = {
        "Makefile": makefile,
        "requirements.lock": made.text,
        "requirements-dev.lock": dev.text,
        **locks,
    }
    files = [replace(file, text=new.pop(file.path)) if file.path in new else file for file in project.files]
    files += [ProjectFile(path, text=text) for path, text in new.items()]
    files.sort(key=lambda file: file.path)
    return Locked(replace(project, files=tuple(files)), (*made.notes, *notes))


def _lock_extras(
    texts: Mapping[str, str], wanted: Iterable[Wanted], python: str, pins: list[str]
) -> tuple[dict[str, str], list[str]]:
    """The locks that a project can do without, by path; and a note for each that cannot be made."""
    asked = list(wanted)
    extras = {
        f"requirements-{extra}.lock": [*asked, *read_wanted(texts.get(f"requirements-{extra}.in", ""))]
        for extra in ("service", "sweep", "parallel", "ray")
    }
    made: dict[str, Callable[[], Resolved]] = {
        **{path: partial(lock_requirements, each, python, constraints=pins) for path, each in extras.items()},
        "requirements-audit.lock": lambda: lock_requirements(
            read_wanted(texts["requirements-audit.in"]), python
        ),
    }
    made = {path: make for path, make in made.items() if path.replace(".lock", ".in") in texts}
    if any(each.name == "torch" for each in asked):
        # The build with CUDA is the index's own: the local wheels and their versions (`+cpu`) are left out.
        public = [re.sub(r"\+[\w.]+", "", each) for each in pins]
        made["requirements-cuda.lock"] = lambda: resolve(asked, python, constraints=public, links=False)
    locks, notes = {}, []
    with ThreadPoolExecutor() as pool:
        results = {path: pool.submit(make) for path, make in made.items()}
    for path, result in results.items():
        try:
            locks[path] = result.result().text
        except ToolError as error:
            notes.append(f"{path} could not be made ({error.why.partition('; uv says')[0][:200]})")
    return locks, notes


def render_lock(requirements: Iterable[str], python: str, *, constraints: Iterable[str] = ()) -> str:
    """The text of a lock: every distribution with its version and hashes; no address, no path of this machine."""
    return lock_requirements([Wanted(each) for each in requirements], python, constraints=constraints).text


def lock_requirements(
    wanted: Iterable[Wanted], python: str, *, constraints: Iterable[str] = (), as_of: date | None = None
) -> Resolved:
    """The lock of what is wanted; local wheels are taken where the requirements allow them."""
    asked, given = list(wanted), list(constraints)
    texts = [each.requirement for each in asked]
    wheels = find_wheels(python).items()
    named = {canonicalize_name(Requirement(each).name) for each in given}
    local = [f"{n}=={version}" for n, version in wheels if n not in named and _may_be(n, version, texts)]
    exempt = list_exempt(python) if as_of else ()
    made = resolve(asked, python, constraints=given, preferred=local, as_of=as_of, exempt=exempt)
    if "://" in made.text:
        raise ToolError(
            "A requirement is an address, which cannot be locked with a hash.",
            where=next((each.origin for each in asked if "://" in each.requirement), ""),
            why=next(line for line in made.text.split("\n") if "://" in line).split(" \\")[0],
            fix=f"name a released version instead, or {NO_LOCK}",
        )
    return made


def list_exempt(python: str) -> tuple[str, ...]:
    """What the day does not count for: the runtime's libraries, and what the local wheels of this machine ask for."""
    needs: set[str] = set()
    for path in _find_wheel_files(python).values():
        with zipfile.ZipFile(path) as wheel:
            name = next((n for n in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)), "")
            asked = message_from_bytes(wheel.read(name)).get_all("Requires-Dist", []) if name else []
        requirements = [Requirement(text) for text in asked]
        needs.update(
            canonicalize_name(each.name)
            for each in requirements
            if each.marker is None or each.marker.evaluate({"extra": "", "python_version": python})
        )
    return tuple(sorted({*OWN_LIBRARIES, *needs}))


def find_wheels(python: str, environment: Mapping[str, str] | None = None) -> dict[str, Version]:
    """The newest wheel of each distribution in the folders of PIP_FIND_LINKS that fits this machine."""
    files = _find_wheel_files(python, environment)
    return {name: parse_wheel_filename(path.name)[1] for name, path in files.items()}


def _find_wheel_files(python: str, environment: Mapping[str, str] | None = None) -> dict[str, Path]:
    folders = (os.environ if environment is None else environment).get("PIP_FIND_LINKS", "").split()
    major, minor = map(int, python.split("."))
    fitting = {*cpython_tags((major, minor)), *compatible_tags((major, minor), f"cp{major}{minor}")}
    found: dict[str, tuple[Version, Path]] = {}
    for folder in folders:
        for path in sorted(Path(folder).glob("*.whl")):
            try:
                name, version, _, tags = parse_wheel_filename(path.name)
            except InvalidWheelFilename:
                continue
            if tags & fitting and version >= found.get(name, (version,))[0]:
                found[name] = (version, path)
    return {name: path for name, (_, path) in found.items()}


def _may_be(name: str, version: Version, requirements: Iterable[str]) -> bool:
    """Whether no requirement excludes this version."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        fits = not requirement.url and requirement.specifier.contains(version, prereleases=True)
        if canonicalize_name(requirement.name) == name and not fits:
            return False
    return True


def _pins(lock: str) -> list[str]:
    """`name==version` of every entry of a lock, with the marker of those that are not for every machine."""
    return [m[1].strip() for m in re.finditer(r"^([A-Za-z0-9][\w.\-]*==[^\s\\][^\\\n]*)", lock, re.MULTILINE)]
