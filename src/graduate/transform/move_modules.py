"""Pass: local modules move whole, under their own names, into the folder of their role."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType

from graduate.model.facts import Hazard, Option, ProgramFacts, Role
from graduate.model.plan import Level, ProgramPlan
from graduate.model.project import GeneratedModule, Row
from graduate.model.source import SourceModule
from graduate.syntax.code import Code
from graduate.syntax.long_loops import call_depths, function_unit, functions_of
from graduate.syntax.loops import LoopPlan, plan_loops
from graduate.syntax.nodes import parse
from graduate.syntax.program import take_apart
from graduate.syntax.text import Edit, SourceText
from graduate.transform.assemble import PROJECT_NAMES, free_names, import_of_own
from graduate.transform.draft import ProgramDraft
from graduate.transform.local_modules import LocalModules, dotted_home
from graduate.transform.move_constants_to_settings import (
    load_files_with_settings,
    move_class_fields_to_settings,
    read_constants_from_settings,
    read_variables_from_settings,
)
from graduate.transform.resume_fits import resume_fits
from graduate.transform.spread_loops import spread_loops_of_module
from graduate.transform.write_units import UnitWriter


def move_module(
    module: SourceModule,
    home: str,
    local: LocalModules,
    code: Code,
    *,
    roles: dict[str, Role],
    name: str = "",
    with_loops: bool = True,
    libraries: frozenset[str] = frozenset(),
    settings: Mapping[str, str] = MappingProxyType({}),
    options: tuple[Option, ...] = (),
) -> tuple[GeneratedModule, list[Row], list[LoopPlan], list[Hazard]]:
    """A source module at its new place: imports of local modules, `__file__` and `__name__` rewritten,
    its training loops resumable. `name` is what `__name__` is (as it was when it was imported by default); `settings`
    maps its constants and fields to the fields of the settings that they are read from, `options` are all settings;
    `libraries` are those with a `fit` that the project imports."""
    syntax = take_apart(module.path, module.text)
    facts = ProgramFacts(module.path, module.path, (), (), (), (), ())
    plan = ProgramPlan(module.path, module.path, "steps", (), settings=tuple(settings))
    level: Level = "steps+loops" if with_loops else "steps"
    draft = ProgramDraft(module, syntax, facts, plan, level, local, code, dict(settings), libraries=libraries)
    draft.options = options
    load_files_with_settings(draft)
    read_variables_from_settings(draft)
    move_class_fields_to_settings(draft)
    read_constants_from_settings(draft)
    resume_fits(draft)
    trainers = frozenset(n for n, r in roles.items() if r == "train")
    plans: list[LoopPlan] = []
    names: dict[int, str] = {}
    depths = call_depths(syntax.source.tree)
    for node in syntax.source.tree.body if with_loops else ():
        for qualified, function in functions_of(node):
            if depths.get(function.name, 0) or not isinstance(function, ast.FunctionDef):
                continue
            unit = function_unit(syntax.source, syntax.names, function)
            found = plan_loops(unit, roles.get(getattr(node, "name", "")) == "train", trainers)
            for number, loop in enumerate([p for p in found if not p.why_not], start=1):
                names[id(loop.node)] = qualified if number == 1 else f"{qualified}-{number}"
                plans.append(loop)
    spread_loops_of_module(draft, {plan.node for plan in plans})
    writer = UnitWriter(draft, name or _import_name(module.path))
    text = writer.span(0, len(syntax.source.data), plans, names, home)
    text = _with_imports(text, draft, home)
    rows = _rows(module, syntax.source, text, home)
    generated = GeneratedModule(home, text if text.endswith("\n") else text + "\n")
    return generated, rows, plans, draft.hazards


def _import_name(path: str) -> str:
    return dotted_home(path).removeprefix("src.")


def _with_imports(text: str, draft: ProgramDraft, home: str) -> str:
    """The text with imports of the project's own names that it uses and does not bind."""
    unused = {draft.own_names["context"], *([] if draft.fields else [draft.own_names["settings"]])}
    needed = sorted(free_names(text) - unused)
    lines = [f"{line}\n" for line in (import_of_own(n, draft, home) for n in needed) if line]
    if not lines:
        return text
    source = SourceText("", text)
    at = 0
    for index, node in enumerate(source.tree.body):
        is_docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            at = source.line_start(source.line(source.end(node)) + 1)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            at = source.line_start(source.line(source.end(node)) + 1)
            continue
        break
    return source.edited(0, len(source.data), [Edit(at, at, "".join(lines))])


def _rows(module: SourceModule, source: SourceText, text: str, home: str) -> list[Row]:
    """A row for every top-level statement: they are the same ones, in the same order."""
    new = [n for n in parse(text).body if not _is_ours(n)]
    old = source.tree.body
    rows = []
    # An import of several local modules becomes several statements: align from what is not an import.
    moved = iter([n for n in new if not isinstance(n, ast.Import | ast.ImportFrom)])
    for node in old:
        first = source.source(node).split("\n", 1)[0]
        place = module.place(node.lineno, node.end_lineno)
        if isinstance(node, ast.Import | ast.ImportFrom):
            rows.append(Row(place, first, f"{dotted_home(home)}:imports"))
            continue
        there = next(moved, None)
        lines = f"{there.lineno}-{there.end_lineno}" if there is not None else ""
        rows.append(Row(place, first, f"{dotted_home(home)}:{getattr(node, 'name', '')}:{lines}"))
    return rows


def _is_ours(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and all(a.name in PROJECT_NAMES for a in node.names)
