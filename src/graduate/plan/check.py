"""Whether a plan agrees with the code: every contradiction is refused, with its place and reason."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import get_args

from graduate.errors import PlanError
from graduate.model.facts import Facts, ProgramFacts, Role, StatementFact
from graduate.model.plan import LEVELS, Plan, ProgramPlan, SegmentPlan
from graduate.model.source import Sources
from graduate.plan.distributions import find_fault
from graduate.plan.homes import CANONICAL, FOLDERS, HOMES, find_local_modules
from graduate.plan.names import BUILTINS, RESERVED
from graduate.plan.segmentation import count_crossing
from graduate.plan.steps import STEP_ROLES, STEPS
from graduate.syntax.nodes import list_nodes, parse

ROLES: tuple[Role, ...] = get_args(Role)
SEGMENT_ROLES = frozenset(ROLES) - {"metric", "settings", "other"}

# Where in the plan: keys and indices from the top (`("programs", 0, "steps", 1, "step")`).
Key = tuple[str | int, ...]
Locate = Callable[[Key], str]

_RUNTIME_HOMES = CANONICAL - set(HOMES.values())


@dataclass(frozen=True, slots=True)
class _Problem:
    key: Key
    what: str
    why: str
    fix: str


def check(plan: Plan, sources: Sources, facts: Facts, locate: Locate | None = None) -> None:
    """Raise PlanError for the first thing in which the plan contradicts the code.

    `locate` gives `file:line` of a part of the plan, for plans that were read from a file.
    """
    for problem in _find_problems(plan, sources, facts):
        where = locate(problem.key) if locate is not None else ".".join(str(part) for part in problem.key)
        raise PlanError(problem.what, where=where, why=problem.why, fix=problem.fix)


def _find_problems(plan: Plan, sources: Sources, facts: Facts) -> Iterator[_Problem]:
    if not _is_name(plan.name) or plan.name != plan.name.lower():
        yield _Problem(
            ("project",),
            f"{plan.name!r} cannot be the name of the project",
            "it becomes the name of the Python package",
            "use lower-case letters, digits and underscores",
        )
    planned = [program.name for program in plan.programs]
    known = [program.name for program in facts.programs]
    if planned != known:
        yield _Problem(
            ("programs",),
            "the plan is for other programs than the source has",
            f"the plan has {_list(planned)}, the source has {_list(known)}, in this order",
            "run `graduate plan` again and carry your changes over",
        )
        return
    names = _UniqueNames()
    for index, (program, found) in enumerate(zip(plan.programs, facts.programs, strict=True)):
        at: Key = ("programs", index)
        yield from _check_program(program, found, sources, at)
        yield from _check_names(program, found, sources, names, at)
        yield from _check_spine(program, found, sources, at)
        yield from _check_definitions(program, found, at)
    yield from _check_modules(plan, sources, facts)
    yield from _check_files(plan, facts)
    yield from _check_distributions(plan, facts)


def _check_program(
    program: ProgramPlan, found: ProgramFacts, sources: Sources, at: Key
) -> Iterator[_Problem]:
    if program.path != found.path:
        yield _Problem(
            (*at, "file"),
            f"the program {program.name} is not in {program.path}",
            f"it is in {found.path}",
            "leave the file as `graduate plan` wrote it",
        )
    if program.level not in LEVELS:
        yield _Problem(
            (*at, "level"), f"there is no level {program.level!r}", "a level says how far code is refactored",
            f"use one of {_list(LEVELS)}",
        )  # fmt: skip
    yield from _check_settings(program.settings, {o.name for o in found.options}, found.path, at)


def _check_settings(names: Iterable[str], known: set[str], path: str, at: Key) -> Iterator[_Problem]:
    for name in names:
        if name not in known:
            yield _Problem(
                (*at, "settings"),
                f"{name} cannot become a setting",
                f"{path} has no constant, field, option or value of this name that is bound once",
                f"remove it; possible are {_list(sorted(known)) or 'none'}",
            )


class _UniqueNames:
    """Names of steps and functions that were seen in the plan so far."""

    def __init__(self) -> None:
        self.steps: set[str] = set()
        self.functions: set[str] = set()


def _check_names(
    program: ProgramPlan, found: ProgramFacts, sources: Sources, names: _UniqueNames, at: Key
) -> Iterator[_Problem]:
    used = _find_used_names(sources.module(found.path).text)
    for i, step in enumerate(program.steps):
        key: Key = (*at, "steps", i)
        base = next((s for s in sorted(STEPS, key=len, reverse=True) if _is_step(step.name, s)), None)
        if base is None:
            yield _Problem(
                (*key, "step"),
                f"{step.name!r} cannot be the name of a step",
                "the make targets know the steps by their names",
                f"use one of {_list(STEPS)}, or one of them with an ending, like train-final",
            )
        elif step.role != STEP_ROLES[base]:
            yield _Problem(
                (*key, "role"),
                f"the step {step.name} cannot have the role {step.role!r}",
                "its name says what it is for",
                f"use role {STEP_ROLES[base]}, or another name",
            )
        if step.name in names.steps:
            yield _Problem(
                (*key, "step"), f"there are two steps called {step.name}", "a step is known by its name",
                f"give one of them an ending, like {step.name}-final",
            )  # fmt: skip
        names.steps.add(step.name)
        if not step.segments:
            yield _Problem(
                key, f"the step {step.name} has no segments", "it would do nothing", "remove the step"
            )
        for j, segment in enumerate(step.segments):
            yield from _check_segment(segment, used, names, (*key, "segments", j))


def _check_segment(segment: SegmentPlan, used: set[str], names: _UniqueNames, at: Key) -> Iterator[_Problem]:
    name = segment.name
    if segment.role not in SEGMENT_ROLES:
        yield _Problem(
            (*at, "role"),
            f"a segment cannot have the role {segment.role!r}",
            "the role says which module the function goes to",
            f"use one of {_list(sorted(SEGMENT_ROLES))}",
        )
    reason = ""
    if not _is_name(name):
        reason = "it is no Python identifier"
    elif name in BUILTINS or name in RESERVED:
        reason = "Python or the generated project uses this name itself"
    elif name in used:
        reason = "the program uses this name for something else"
    elif name in names.functions:
        reason = "another segment has this name"
    if reason:
        yield _Problem(
            (*at, "function"), f"{name!r} cannot be the name of a function", reason, "choose another name"
        )
    names.functions.add(name)


def _check_spine(program: ProgramPlan, found: ProgramFacts, sources: Sources, at: Key) -> Iterator[_Problem]:
    """Segments hold whole statements, all of them, in their order."""
    length = len(sources.module(found.path).text.split("\n"))
    spine = found.spine
    position = 0
    firsts: list[tuple[int, Key]] = []
    segments = [
        (segment, (*at, "steps", i, "segments", j, "lines"), j == 0)
        for i, step in enumerate(program.steps)
        for j, segment in enumerate(step.segments)
    ]
    for segment, key, begins_step in segments:
        first, last = segment.first_line, segment.end_line
        problem = _check_lines(segment, length, key)
        if problem is not None:
            yield problem
            return
        start = position
        if position < len(spine) and not first <= spine[position].line <= last:
            yield _not_covered(found, spine[position], first, key)
            return
        while position < len(spine) and first <= spine[position].line <= last:
            position += 1
        if position == start:
            reason = "segments stand in the order of the code, and each line is in one only"
            yield _Problem(
                key, f"{segment.name} holds no statement of its own", reason, "correct its lines or remove it"
            )
            return
        cut = spine[position - 1]
        if cut.end_line > last:
            yield _Problem(
                key,
                f"{segment.name} ends inside a statement",
                f"the statement of {cut.place} ends at line {cut.place.end_line}",
                "end the segment where a statement ends",
            )
            return
        if begins_step:
            firsts.append((start, key))
    if position < len(spine):
        yield _not_covered(found, spine[position], None, (*at, "steps"))
        return
    yield from _check_crossing(found, firsts[1:])


def _check_lines(segment: SegmentPlan, length: int, key: Key) -> _Problem | None:
    first, last = segment.first_line, segment.end_line
    if first < 1 or last > length:
        return _Problem(
            key, f"{segment.name} has lines that do not exist", f"the code has lines 1-{length}",
            "correct its lines",
        )  # fmt: skip
    if first > last:
        return _Problem(
            key, f"{segment.name} ends before it begins", f"its lines are {first}-{last}", "correct its lines"
        )
    return None


def _not_covered(found: ProgramFacts, statement: StatementFact, before: int | None, key: Key) -> _Problem:
    text = statement.text.split("\n")[0][:60]
    inside = before is not None and statement.end_line >= before
    return _Problem(
        key,
        f"a segment begins inside the statement of {statement.place}"
        if inside
        else f"the statement of {statement.place} is in no segment, or in the wrong order",
        f"every statement of {found.path} runs, in its order: {text}",
        "begin the segment where a statement begins"
        if inside
        else "put its lines into a segment; segments stand in the order of the code",
    )


def _check_crossing(found: ProgramFacts, firsts: list[tuple[int, Key]]) -> Iterator[_Problem]:
    for name in found.unstorable:
        crossing = count_crossing(
            [[n for n in s.reads if n == name] for s in found.spine],
            [[n for n in s.writes if n == name] for s in found.spine],
            to_the_last_read=True,
        )
        for start, key in firsts:
            if crossing[start]:
                yield _Problem(
                    key,
                    f"no step can begin at {found.spine[start].place}",
                    f"{name!r} is made before it and used after it, and its value cannot be stored",
                    "put both uses into the same step",
                )


def _check_definitions(program: ProgramPlan, found: ProgramFacts, at: Key) -> Iterator[_Problem]:
    names = {definition.name for definition in found.definitions}
    seen: set[str] = set()
    for definition in program.definitions:
        key: Key = (*at, "definitions", definition.name)
        if definition.name not in names:
            yield _Problem(
                key,
                f"there is no function or class {definition.name}",
                f"{found.path} defines {_list(sorted(names)) or 'none'}",
                "remove it",
            )
        if definition.name in seen:
            yield _Problem(key, f"{definition.name} has two homes", "it moves once", "remove one")
        seen.add(definition.name)
        yield from _check_home(definition.home, key)
    for name in sorted(names - seen):
        yield _Problem(
            (*at, "definitions"), f"{name} has no home", "every function and class has to go somewhere",
            f"add it, for example with {HOMES['other']}",
        )  # fmt: skip


def _check_home(home: str, key: Key) -> Iterator[_Problem]:
    path = PurePosixPath(home)
    named = [*path.parts[:-1], path.name.removesuffix(".py")]
    allowed = len(named) > 1 and named[0] in FOLDERS and path.suffix == ".py"
    if not allowed or not all(part.isidentifier() and not keyword.iskeyword(part) for part in named):
        yield _Problem(
            key,
            f"{home!r} cannot be a home",
            "code goes into Python files in the folders of the package",
            f"use a .py file in one of {_list(FOLDERS)}",
        )
    elif home in _RUNTIME_HOMES or named[1:] == ["__init__"]:
        yield _Problem(
            key, f"{home!r} cannot be a home", "the generated project has a file of its own there",
            "use another file name",
        )  # fmt: skip


def _check_modules(plan: Plan, sources: Sources, facts: Facts) -> Iterator[_Problem]:
    local = set(find_local_modules(sources))
    homes: dict[str, str] = {definition.home: "" for p in plan.programs for definition in p.definitions}
    seen: set[str] = set()
    for index, module in enumerate(plan.modules):
        key: Key = ("modules", index)
        if module.path not in local:
            yield _Problem(
                (*key, "file"), f"there is no local module {module.path}", f"there are {_list(sorted(local))}",
                "remove it",
            )  # fmt: skip
        if module.path in seen:
            yield _Problem((*key, "file"), f"{module.path} is there twice", "it moves once", "remove one")
        if module.role not in ROLES:
            yield _Problem(
                (*key, "role"), f"there is no role {module.role!r}", "the role says what a module is for",
                f"use one of {_list(ROLES)}",
            )  # fmt: skip
        seen.add(module.path)
        known = {option.name for option in facts.module_options if option.place.path == module.path}
        yield from _check_settings(module.settings, known, module.path, key)
        yield from _check_home(module.home, (*key, "home"))
        if module.home in homes or module.home in CANONICAL:
            yield _Problem(
                (*key, "home"), f"{module.home} is taken", homes.get(module.home) or "other code goes there",
                "use another file name",
            )  # fmt: skip
        homes[module.home] = f"{module.path} goes there"
    for path in sorted(local - seen):
        yield _Problem(
            ("modules",), f"{path} has no home", "every local module has to go somewhere",
            f"add it, for example with home: utils/{PurePosixPath(path).name}",
        )  # fmt: skip


def _check_files(plan: Plan, facts: Facts) -> Iterator[_Problem]:
    for index, file in enumerate(plan.files):
        key: Key = ("files", index)
        known = {".".join(option.keys) for option in facts.file_options if option.place.path == file.path}
        if not known:
            yield _Problem(
                (*key, "file"), f"{file.path} is no configuration file of these programs",
                "none of them loads it, or nothing in it could be a setting", "remove it",
            )  # fmt: skip
        else:
            yield from _check_settings(file.settings, known, file.path, key)


def _check_distributions(plan: Plan, facts: Facts) -> Iterator[_Problem]:
    open_ones = {each.imports[0] for each in facts.dependencies if each.candidates}
    for each in plan.distributions:
        key: Key = ("distributions", each.module)
        if each.module not in open_ones:
            yield _Problem(
                key, f"there is nothing to choose for {each.module}", "the code or its requirements decide it",
                f"remove it; open are {_list(sorted(open_ones)) or 'none'}",
            )  # fmt: skip
        elif reason := find_fault(each.requirement):
            yield _Problem(
                key, f"{each.requirement!r} cannot be installed for {each.module}", reason,
                f"use one of {_list(each.candidates)}, or another with its version, like name==1.2",
            )  # fmt: skip


def _find_used_names(text: str) -> set[str]:
    used: set[str] = set()
    for node in list_nodes(parse(text)):
        if isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            used.add(node.name)
        elif isinstance(node, ast.alias):
            used.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.arg):
            used.add(node.arg)
    return used


def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _is_step(name: str, step: str) -> bool:
    return bool(re.fullmatch(rf"{step}(-[a-z0-9]+)*", name))


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
