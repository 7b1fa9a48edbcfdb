"""Pass: long loops are made resumable by `Checkpoint`; what they carry is put on a `LoopState`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from graduate.syntax.flow import Flow
from graduate.syntax.loops import LoopNode, LoopPlan, Unit, does_work, has_training, plan_loops
from graduate.syntax.scopes import Names
from graduate.syntax.text import SourceText
from graduate.transform.draft import FunctionNode, ProgramDraft


def checkpoint_loops(draft: ProgramDraft) -> None:
    """Fill `draft.loops` for the segments and the functions and methods of the program."""
    if draft.level != "steps+loops":
        return
    roles = {d.name: d.role for d in draft.facts.definitions}
    trainers = frozenset(name for name, role in roles.items() if role == "train")
    source, names = draft.syntax.source, draft.syntax.names
    for segment in draft.segments:
        unit = Unit(
            draft.flow(),
            [s.node for s in segment.statements],
            draft.syntax.spine.scopes,
            draft.is_variable,
            frozenset(segment.arguments),
            frozenset(segment.returns),
        )
        plans = plan_loops(unit, lambda loop, role=segment.role: _is_long(loop, role == "train", trainers))  # type: ignore[misc]
        draft.loops[id(segment)] = plans
        draft.loop_names[id(segment)] = segment.name
    depths = call_depths([s.node for s in draft.syntax.statements], draft.syntax.source.tree)
    for definition in draft.syntax.definitions.values():
        for qualified, function in functions_of(definition.node):
            lifted = draft.lifted.get(definition.name, ()) if not definition.is_class else ()
            is_train = roles.get(definition.name) == "train"
            plans = function_loops(
                source, names, function, lifted, draft, is_train, trainers, depths.get(function.name, 0)
            )
            draft.loops[id(function)] = plans
            draft.loop_names[id(function)] = qualified


def function_loops(
    source: SourceText,
    names: Names,
    function: FunctionNode,
    lifted: Sequence[str],
    draft: ProgramDraft | None,
    is_train: bool,
    trainers: frozenset[str],
    depth: int,
) -> list[LoopPlan]:
    """The plans of a function's loops; only of functions that are not called in a loop themselves."""
    if depth > 0 or isinstance(function, ast.AsyncFunctionDef):
        return []
    scope = names.scopes[function]
    scopes = [scope, *(draft.syntax.spine.scopes if draft is not None and lifted else [])]
    passed = draft._passed if draft is not None else None
    bound = scope.bound | set(lifted)
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    unit = Unit(
        Flow(source, names, scopes, passed),
        function.body,
        [scope],
        bound.__contains__,
        frozenset(a.arg for a in every) | frozenset(lifted),
        frozenset(),
    )
    return plan_loops(unit, lambda loop: _is_long(loop, False, trainers) or (is_train and does_work(loop)))


def functions_of(node: ast.stmt) -> Iterator[tuple[str, FunctionNode]]:
    """A function itself, or the methods of a class, with their qualified names."""
    if isinstance(node, FunctionNode):
        yield node.name, node
    elif isinstance(node, ast.ClassDef):
        for child in node.body:
            if isinstance(child, FunctionNode):
                yield f"{node.name}.{child.name}", child


def _is_long(loop: LoopNode, in_training: bool, trainers: frozenset[str]) -> bool:
    if has_training(loop, trainers):
        return True
    if not in_training or not does_work(loop):
        return False
    return not (isinstance(loop, ast.For) and isinstance(loop.iter, ast.Tuple | ast.List | ast.Dict))


def call_depths(spine: Sequence[ast.stmt], tree: ast.Module) -> dict[str, int]:
    """By how many loops, at least one or none, the calls of each function or method name are surrounded.

    A function that is only called by a function called in a loop counts as called in a loop.
    """
    calls: dict[str, set[tuple[str, bool]]] = {}

    def visit(node: ast.AST, caller: str, looped: bool) -> None:
        if isinstance(node, FunctionNode):
            caller, looped = node.name, False
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            calls.setdefault(name, set()).add((caller, looped))
        inside = looped or isinstance(
            node, ast.For | ast.While | ast.AsyncFor | ast.ListComp | ast.GeneratorExp
        )
        for child in ast.iter_child_nodes(node):
            visit(child, caller, inside)

    visit(tree, "", False)
    depths = {name: int(any(looped for _, looped in sites)) for name, sites in calls.items()}
    changed = True
    while changed:
        changed = False
        for name, sites in calls.items():
            if not depths[name] and any(depths.get(caller, 0) for caller, _ in sites if caller != name):
                depths[name] = 1
                changed = True
    return depths
