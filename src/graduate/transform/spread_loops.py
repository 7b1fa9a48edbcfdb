"""Pass: loops over data whose turns need nothing of each other can run in several processes (`parallel`)."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from graduate.model.facts import Hazard
from graduate.model.source import Place
from graduate.syntax.code import ModuleCode
from graduate.syntax.imports import qualify
from graduate.syntax.independence import Carries, Judge
from graduate.syntax.independent_loops import DataLoop, find_data_loops
from graduate.syntax.long_loops import function_unit, functions_of
from graduate.syntax.loops import Unit
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.process_state import process_state
from graduate.transform.draft import ProgramDraft

_UNSEEN_STATE = (
    "warnings.",
    "matplotlib.",
    "seaborn.",
    "sys.path",
    "tqdm.",
    "gc.",
    "logging.",
    "transformers.",
)
"""State of the process that no turn which may run elsewhere can see."""


def spread_loops(draft: ProgramDraft) -> None:
    """Fill `draft.spread`; say of other loops over data why they are not among them."""
    if draft.level == "steps+loops":
        skipped = {plan.node for plans in draft.loops.values() for plan in plans}
        definitions = [each.node for each in draft.syntax.definitions.values()]
        _spread(draft, [*_in_segments(draft), *_in_functions(draft, definitions)], skipped)


def spread_loops_of_module(draft: ProgramDraft, skipped: Collection[ast.AST]) -> None:
    """The same for a local module, which moves as a whole."""
    if draft.level == "steps+loops":
        _spread(draft, _in_functions(draft, draft.syntax.source.tree.body), skipped)


def _spread(
    draft: ProgramDraft, units: Iterable[tuple[Unit, Collection[str]]], skipped: Collection[ast.AST]
) -> None:
    module = draft.code.modules[draft.module.path]
    judge = Judge(draft.code)
    late = _late_state(draft)
    for unit, outer in units:
        for loop in find_data_loops(unit, judge, module, outer, skipped):
            why = loop.why_not or _why_not(draft, loop, module, late)
            if why is None:
                draft.spread[id(loop.node)] = loop.targets
            else:
                _tell(draft, loop.node, why)


def _in_segments(draft: ProgramDraft) -> Iterator[tuple[Unit, Collection[str]]]:
    """The segments, with the names that are around their loops."""
    names = draft.syntax.variables
    for segment in draft.segments:
        body = [s.node for s in segment.statements]
        arguments, returns = frozenset(segment.arguments), frozenset(segment.returns)
        scopes = draft.syntax.spine.scopes
        yield Unit(draft.flow(), body, scopes, names.__contains__, arguments, returns), names


def _in_functions(draft: ProgramDraft, nodes: Iterable[ast.stmt]) -> Iterator[tuple[Unit, Collection[str]]]:
    """The functions and methods, with the names that are around their loops."""
    source, names = draft.syntax.source, draft.syntax.names
    for node in nodes:
        for qualified, function in functions_of(node):
            if isinstance(function, ast.FunctionDef):
                lifted = draft.lifted.get(qualified, ())
                unit = function_unit(source, names, function, lifted, draft.syntax.spine.scopes, draft.passed)
                yield unit, names.scopes[function].bound


def _why_not(
    draft: ProgramDraft, loop: DataLoop, module: ModuleCode, late: ast.stmt | None
) -> Carries | None:
    stored = draft.flow().stores(loop.node) & draft.context
    if stored:
        return Carries(module.path, loop.node.lineno, f"it assigns {min(stored)}, which functions read")
    if late is not None:
        text = ast.unparse(late).partition("\n")[0]
        return Carries(
            module.path, late.lineno, f"{text} sets a state of the process, which others would not have"
        )
    return None


def _late_state(draft: ProgramDraft) -> ast.stmt | None:
    """A statement that sets a state of the process after its start."""
    leading = {id(each.node) for each in draft.setup}
    imports = draft.syntax.qualified
    for node in list_nodes(draft.syntax.source.tree):
        if isinstance(node, ast.stmt) and id(node) not in leading and process_state(node, imports) == "state":
            called = node.value if isinstance(node, ast.Expr | ast.Assign) else node
            target = called.func if isinstance(called, ast.Call) else getattr(node, "targets", [called])[0]
            name = dotted(target.value if isinstance(target, ast.Subscript) else target)
            if not qualify(name, imports).startswith(_UNSEEN_STATE):
                return node
    return None


def _tell(draft: ProgramDraft, loop: ast.For, why: Carries) -> None:
    place = draft.module.place(loop.lineno)
    there = (
        draft.module.place(why.line) if why.path == draft.module.path else Place(why.path, why.line, why.line)
    )
    at = f" ({there})" if there.line != place.line or there.path != place.path else ""
    draft.hazards.append(Hazard("G117", f"runs one turn after the other: {why.why}{at}", place))
