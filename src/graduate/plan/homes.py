"""Where definitions and local modules go: the folders of the package, and who lives in them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import PurePosixPath

from graduate.model.facts import Facts, ProgramFacts, Role
from graduate.model.plan import ROLE_HOMES, DefinitionPlan, FilePlan, ModulePlan, ProgramPlan
from graduate.model.source import SourceModule, Sources

FOLDERS = ("data", "models", "training", "utils", "config")
FUNCTIONS = "utils/functions.py"

HOMES: Mapping[Role, str] = {**ROLE_HOMES, "settings": FUNCTIONS, "other": FUNCTIONS}

# The runtime's files stand in every generated project beside the moved code.
CANONICAL = frozenset({*HOMES.values(), "config/settings.py"}) | frozenset(
    f"utils/{entry.name}"
    for entry in resources.files("graduate.runtime").iterdir()
    if entry.name.endswith(".py") and entry.name != "__init__.py"
)

_OPENING = re.compile(r"(\s*)(?:async\s+)?(?:def|class)\s+(\w+)")
_WORD = re.compile(r"[A-Za-z_]\w*")
_MAIN_SHARE = 0.6


def propose_definitions(
    sources: Sources, facts: Facts, programs: tuple[ProgramPlan, ...]
) -> tuple[ProgramPlan, ...]:
    """The programs with a home for each of their definitions.

    The home is that of the definition's role; one without a role goes where it is used, or to
    `utils/functions.py` when several use it. No two homes come to import each other.
    """
    taken: set[tuple[str, str]] = set()
    result = []
    for plan, program in zip(programs, facts.programs, strict=True):
        module = sources.module(program.path)
        homes = _find_homes(module, program, plan)
        definitions = []
        for name, home in homes.items():
            if (home, name) in taken:
                home = _told_apart(home, program.name)
            taken.add((home, name))
            definitions.append(DefinitionPlan(name, home))
        result.append(replace(plan, definitions=tuple(definitions)))
    return tuple(result)


def _told_apart(home: str, origin: str) -> str:
    path = PurePosixPath(home)
    return str(path.with_name(f"{origin}_{path.name}"))


@dataclass(frozen=True, slots=True)
class _Uses:
    """Which definitions each definition uses, and which the segments of each home use."""

    definitions: Mapping[str, frozenset[str]]
    segments: Mapping[str, frozenset[str]]

    def find_users(self) -> dict[str, set[str]]:
        """Definition → the definitions that use it."""
        users: dict[str, set[str]] = {name: set() for name in self.definitions}
        for user, used in self.definitions.items():
            for name in used:
                users[name].add(user)
        return users


def _find_homes(module: SourceModule, program: ProgramFacts, plan: ProgramPlan) -> dict[str, str]:
    names = list(dict.fromkeys(definition.name for definition in program.definitions))
    uses = _find_uses(module, names, plan)
    homes = {d.name: HOMES[d.role] for d in program.definitions if d.role != "other"}
    if program.parser is not None and program.parser.function in names:
        homes[program.parser.function] = FUNCTIONS
    users = uses.find_users()
    for name in _order_by_use([name for name in names if name not in homes], users):
        found = {homes[user] for user in users[name] if user in homes}
        found |= {home for home, used in uses.segments.items() if name in used}
        homes[name] = found.pop() if len(found) == 1 else FUNCTIONS
    _part_cycles(homes, uses)
    return {name: homes[name] for name in names}


def _order_by_use(names: Sequence[str], users: Mapping[str, set[str]]) -> list[str]:
    """Users before what they use, as far as that can be."""
    ordered: dict[str, None] = {}
    entered: set[str] = set()
    own = set(names)
    for start in names:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            entered.add(name)
            before = [user for user in sorted(users[name] & own) if user not in entered]
            if before:
                waiting.extend(before)
            else:
                ordered.setdefault(waiting.pop())
    return list(ordered)


def _find_uses(module: SourceModule, names: Sequence[str], plan: ProgramPlan) -> _Uses:
    lines = module.text.split("\n")
    known = set(names)
    inside = _find_definition_lines(lines, known)
    own = {number for start, stop in inside.values() for number in range(start, stop)}
    segments: dict[str, set[str]] = {}
    for step in plan.steps if names else ():
        for segment in step.segments:
            span = range(segment.first_line - 1, segment.end_line)
            used = _words(lines[number] for number in span if number not in own) & known
            segments.setdefault(HOMES[segment.role], set()).update(used)
    definitions = {name: frozenset(_words(lines[slice(*inside.get(name, (0, 0)))]) & known) for name in names}
    return _Uses(
        {name: used - {name} for name, used in definitions.items()},
        {home: frozenset(used) for home, used in segments.items()},
    )


def _find_definition_lines(lines: Sequence[str], names: set[str]) -> dict[str, tuple[int, int]]:
    """The lines (0-based, end exclusive) of each definition in the text; of several of one name, the first."""
    found: dict[str, tuple[int, int]] = {}
    for number, line in enumerate(lines):
        match = _OPENING.match(line)
        if match is None or match[2] not in names or match[2] in found:
            continue
        stop = number + 1
        while stop < len(lines) and not _closes(lines[stop], len(match[1])):
            stop += 1
        found[match[2]] = (number, stop)
    return found


def _closes(line: str, depth: int) -> bool:
    """Whether a line ends a block whose head is indented by `depth` (the end of a long signature does not)."""
    text = line.lstrip()
    return bool(text) and len(line) - len(text) <= depth and text[0] not in "#)]}"


def _words(lines: Iterable[str]) -> set[str]:
    return {word for line in lines for word in _WORD.findall(line)}


def _part_cycles(homes: dict[str, str], uses: _Uses) -> None:
    """Move what makes homes import each other to `utils/functions.py`, with what it uses from them."""
    edges: dict[str, set[str]] = {}
    for name, used in uses.definitions.items():
        edges.setdefault(homes[name], set()).update(homes[other] for other in used)
    for home, used in uses.segments.items():
        edges.setdefault(home, set()).update(homes[other] for other in used)
    reach = {home: _reachable(home, edges) for home in edges}
    knot = {a for a in edges for b in edges if a != b and b in reach[a] and a in reach[b]}
    if not knot:
        return
    moved = {
        other
        for name, used in uses.definitions.items()
        for other in used
        if homes[name] in knot and homes[other] in knot and homes[name] != homes[other]
    } | {
        other
        for home, used in uses.segments.items()
        for other in used
        if home in knot and homes[other] in knot and home != homes[other]
    }
    waiting = list(moved)
    while waiting:
        for other in uses.definitions[waiting.pop()]:
            if homes[other] in knot and other not in moved:
                moved.add(other)
                waiting.append(other)
    for name in moved:
        homes[name] = FUNCTIONS


def _reachable(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def propose_modules(sources: Sources, facts: Facts) -> tuple[ModulePlan, ...]:
    """A home for each local module, under its own name in the folder of its role; packages stay whole.

    An entry module that others import is a local module too.
    """
    roots = {str(PurePosixPath(program.path).parent) for program in sources.programs} | {".", "src"}
    paths = find_local_modules(sources)
    roles = dict(facts.module_roles)
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(_unit(path, roots), []).append(path)
    taken = set(CANONICAL)
    settings: dict[str, tuple[str, ...]] = {}
    for option in facts.module_options:
        settings[option.place.path] = (*settings.get(option.place.path, ()), option.name)
    plans = []
    for unit, members in sorted(groups.items()):
        role = _main_role([roles.get(path, "other") for path in members])
        folder = _folder(role)
        name = _free_name(unit, folder, sources.name, taken)
        taken.add(f"{folder}/{name}")
        inner_paths = {
            path: "/".join(map(_importable, path[len(unit) :].lstrip("/").split("/"))) for path in members
        }
        # A folder is a package there, and would hide a module of its name.
        inside = {str(parent) for inner in inner_paths.values() for parent in PurePosixPath(inner).parents}
        for path in members:
            inner = _free_inside(inner_paths[path], inside)
            home = f"{folder}/{name}/{inner}" if inner else f"{folder}/{name}"
            plans.append(ModulePlan(path, home, roles.get(path, "other"), settings.get(path, ())))
    return tuple(sorted(plans, key=lambda plan: plan.path))


def propose_files(facts: Facts) -> tuple[FilePlan, ...]:
    """All values of the configuration files as settings."""
    settings: dict[str, tuple[str, ...]] = {}
    for option in facts.file_options:
        settings[option.place.path] = (*settings.get(option.place.path, ()), ".".join(option.keys))
    return tuple(FilePlan(path, names) for path, names in settings.items())


def find_local_modules(sources: Sources) -> list[str]:
    """The paths of the modules that move as a whole."""
    entries = {program.path for program in sources.programs}
    importers: dict[str, set[str]] = {}
    for module in sources.modules:
        for name in _imported_names(module.text):
            importers.setdefault(name, set()).add(module.path)

    def is_imported(path: str) -> bool:
        return bool(importers.get(PurePosixPath(path).stem, set()) - {path})

    return [
        m.path
        for m in sources.modules
        if m.path not in entries or (m.path.endswith(".py") and is_imported(m.path))
    ]


_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+import\b|import\s+([\w.]+))", re.MULTILINE)


def _imported_names(text: str) -> set[str]:
    """What the modules that a text imports are called: `c` of `from a.b.c import d`, each part of `import a.b`."""
    found: set[str] = set()
    for module, dotted in _IMPORT.findall(text):
        found.update(dotted.split(".") if dotted else [module.rpartition(".")[2]])
    return found


def _unit(path: str, roots: set[str]) -> str:
    """What moves as one: the module itself, or the outermost package (folder under a root) that it is in."""
    parts = PurePosixPath(path).parts
    depth = max(len(PurePosixPath(root).parts) for root in roots if PurePosixPath(path).is_relative_to(root))
    return "/".join(parts[: depth + 1])


def _main_role(roles: Sequence[Role]) -> Role:
    """The role that most modules of a unit have; "other" when they serve several."""
    serving = [role for role in roles if role != "other"]
    if not serving:
        return "other"
    folders = [_folder(role) for role in serving]
    best = max(dict.fromkeys(serving), key=serving.count)
    return best if folders.count(_folder(best)) >= _MAIN_SHARE * len(folders) else "other"


def _folder(role: Role) -> str:
    return "config" if role == "settings" else HOMES[role].split("/")[0]


def _free_name(unit: str, folder: str, project: str, taken: set[str]) -> str:
    """The name of a module or package in a folder; one that clashes is told apart by where it comes from.

    The `__init__.py` of a folder whose modules move one by one becomes a module of the folder's name.
    """
    path = PurePosixPath(unit)
    if path.name == "__init__.py":
        path = PurePosixPath(f"{path.parent}.py" if path.parent.name else f"{project}.py")
    path = path.with_name(_importable(path.name))
    origins = [*reversed([part for part in path.parent.parts if part.isidentifier()]), project]
    for name in (path.name, *(f"{origin}_{path.name}" for origin in origins)):
        stem = name.removesuffix(".py")
        if f"{folder}/{stem}" not in taken and f"{folder}/{stem}.py" not in taken:
            return name
    number = 2
    while f"{folder}/{path.stem}_{number}{path.suffix}" in taken:
        number += 1
    return f"{path.stem}_{number}{path.suffix}"


def _free_inside(inner: str, taken: set[str]) -> str:
    """A path within a package that no other file of it has, whatever their names were before."""
    if inner.endswith("__init__.py"):
        return inner
    stem = inner.removesuffix(".py")
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    taken.add(name)
    return name + inner[len(stem) :]


def _importable(name: str) -> str:
    """The name of a file or folder as one that can be imported: `2-run me.py` is `run_me.py`."""
    stem = re.sub(r"\.(py|ipynb|[Rr]md|qmd|md)$", "", name)
    suffix = ".py" if stem != name else ""
    if stem and not stem.isidentifier():
        words = re.sub(r"\W+", "_", stem).strip("_")
        stem = re.sub(r"^[\d_]+", "", words) or f"module_{words}"
    return f"{stem}_{suffix}" if keyword.iskeyword(stem) else f"{stem}{suffix}"
