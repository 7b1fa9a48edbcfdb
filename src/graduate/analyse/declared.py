"""What a repository declares that it needs, where, and what of it contradicts itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from posixpath import basename

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from graduate.analyse import manifests
from graduate.model.source import Place, SourceModule, Sources
from graduate.syntax.install_commands import CONDA_NAMES, is_constraints, is_requirements


@dataclass(frozen=True)
class Declared:
    """A declared requirement: its canonical name, PEP 508 text and place. `kind` says what sort of place it is."""

    name: str
    requirement: str
    place: Place
    kind: str = ""

    @property
    def origin(self) -> str:
        return f"{self.place} ({self.kind})" if self.kind else str(self.place)

    @cached_property
    def parsed(self) -> Requirement:
        return Requirement(self.requirement)

    @property
    def specifier(self) -> SpecifierSet:
        return self.parsed.specifier

    @property
    def has_version(self) -> bool:
        return bool(self.specifier) or self.parsed.url is not None

    @property
    def is_exact(self) -> bool:
        return any(s.operator in {"==", "==="} and not s.version.endswith("*") for s in self.specifier)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two requirements of one distribution that no version satisfies; the first one is obeyed."""

    taken: Declared
    other: Declared


_EMPTY = {
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "pil": "pillow",
    "yaml": "pyyaml",
}
"""What people write for a distribution of another name. Such names stand for an empty distribution or none at all,
so their version says nothing about the real one."""

_Reader = Callable[[str], Iterator[manifests.Line]]
_READERS: tuple[tuple[re.Pattern[str], _Reader, str], ...] = (
    (re.compile(r"pyproject\.toml"), manifests.read_pyproject, ""),
    (re.compile(r"setup\.cfg"), manifests.read_setup_config, ""),
    (re.compile(r"setup\.py"), manifests.read_setup, ""),
    (re.compile(r"pipfile"), manifests.read_pipfile, ""),
    (re.compile(r"(environment|env|conda).*\.ya?ml"), manifests.read_environment, ""),
    (re.compile(r"pipfile\.lock"), manifests.read_pipfile_lock, "lock"),
    (re.compile(r"(poetry|uv|pdm)\.lock"), manifests.read_lock, "lock"),
    (re.compile(r".*\.(sh|bash)|(gnu)?makefile|.*\.mk|dockerfile.*"), manifests.read_commands, "install"),
    (re.compile(r"readme.*"), manifests.read_commands, "install"),
)
"""Which files declare something, those whose word counts most first; requirements files come before all of them."""


def find_declared(sources: Sources) -> dict[str, Declared]:
    """The requirements of a repository by canonical name.

    The first one with a version wins: by depth of its folder, then in the order of `_READERS`. An exact version that
    a later file gives within it (a lock, say) makes it exact, and constraints narrow it.
    """
    found: dict[str, Declared] = {}
    for declared in list_declared(sources):
        known = found.get(declared.name)
        found[declared.name] = declared if known is None else _combine(known, declared)
    return found


def find_conflicts(sources: Sources, chosen: dict[str, Declared]) -> tuple[Conflict, ...]:
    """The declared requirements that contradict the chosen ones, one for each distribution and file.

    A lock that differs from what else is declared is only older or newer than that: no contradiction.
    """
    found: dict[tuple[str, str], Conflict] = {}
    for declared in list_declared(sources):
        taken = chosen.get(declared.name)
        if taken is None or taken.place == declared.place or "lock" in (declared.kind, taken.kind):
            continue
        if not can_both_hold(taken.specifier, declared.specifier):
            found.setdefault((declared.name, declared.place.path), Conflict(taken, declared))
    return tuple(found.values())


def can_both_hold(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Whether a version can satisfy both: tried are the ones that they name, and what lies just above each."""
    named = [each.version.removesuffix(".*") for each in (*one, *other)]
    probes = [Version("0")]
    for text in named:
        try:
            version = Version(text)
        except InvalidVersion:
            return True
        probes += [version, Version(f"{version.epoch}!{version.base_version}.0.0.1")]
    return not named or any(
        one.contains(probe, prereleases=True) and other.contains(probe, prereleases=True) for probe in probes
    )


def _combine(known: Declared, later: Declared) -> Declared:
    if not later.has_version or later.parsed.url:
        return known
    if not known.has_version:
        return later
    if known.parsed.url or known.is_exact or not can_both_hold(known.specifier, later.specifier):
        return known
    if later.is_exact:
        return later
    if is_constraints(later.place.path):
        both = Requirement(known.requirement)
        both.specifier = known.specifier & later.specifier
        return replace(known, requirement=str(both))
    return known


def list_declared(sources: Sources) -> Iterator[Declared]:
    """All that is declared, in the order in which it counts."""
    files = sorted(sources.texts, key=lambda item: (item[0].count("/"), _rank(item[0]), item[0]))
    in_files = (
        declared
        for path, text in files
        for requirement, line in _read(path, text)
        if (declared := _declare(requirement, Place(path, line, line), _kind(path)))
    )
    in_code = (
        declared
        for module in sources.modules
        for text in module.requirements
        if (declared := _declare(text, _find_install(module, text), "%pip install"))
    )
    return chain(in_files, in_code)


def _declare(text: str, place: Place, kind: str) -> Declared | None:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    if requirement.url is None and requirement.marker is not None and not requirement.marker.evaluate():
        return None
    name = canonicalize_name(requirement.name)
    if name in _EMPTY:
        return Declared(_EMPTY[name], _EMPTY[name], place, kind)
    return Declared(CONDA_NAMES.get(name, name), str(requirement), place, kind)


def _find_install(module: SourceModule, requirement: str) -> Place:
    """Where a notebook installs something."""
    for omission in module.omissions:
        if "install" in omission.source and requirement in omission.source:
            return omission.place
    return Place(module.path)


def _reader(path: str) -> tuple[int, _Reader, str]:
    if is_constraints(path):
        return len(_READERS) + 1, manifests.read_requirements, ""
    if is_requirements(path):
        return 0, manifests.read_requirements, ""
    name = basename(path).lower()
    for number, (pattern, reader, kind) in enumerate(_READERS, 1):
        if pattern.fullmatch(name):
            return number, reader, kind
    return len(_READERS) + 2, lambda _: iter(()), ""


def _rank(path: str) -> int:
    return _reader(path)[0]


def _kind(path: str) -> str:
    return _reader(path)[2]


def _read(path: str, text: str) -> Iterator[manifests.Line]:
    return _reader(path)[1](text)
