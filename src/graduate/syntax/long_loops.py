"""Where loops that take long are looked for: in which functions, and which loops they are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence

from graduate.syntax.flow import Flow
from graduate.syntax.loops import Unit
from graduate.syntax.scopes import Names, Scope
from graduate.syntax.text import SourceText

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def function_unit(
    source: SourceText,
    names: Names,
    function: FunctionNode,
    lifted: Sequence[str] = (),
    spine: Sequence[Scope] = (),
    passed: Callable[[int, int], Iterable[str]] | None = None,
) -> Unit:
    """A function as a unit for `plan_loops`. `lifted` are names of the `spine` that it gets as parameters."""
    scope = names.scopes[function]
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    local = scope.bound | set(lifted)
    return Unit(
        Flow(source, names, [scope, *(spine if lifted else ())], passed),
        function.body,
        [scope],
        local.__contains__,
        frozenset(a.arg for a in every) | frozenset(lifted),
        frozenset(),
    )


def functions_of(node: ast.stmt) -> Iterator[tuple[str, FunctionNode]]:
    """A function itself, or the methods of a class, with their qualified names."""
    if isinstance(node, FunctionNode):
        yield node.name, node
    elif isinstance(node, ast.ClassDef):
        for child in node.body:
            if isinstance(child, FunctionNode):
                yield f"{node.name}.{child.name}", child


def call_depths(tree: ast.Module) -> dict[str, int]:
    """By how many loops, at least one or none, the calls of each function or method name are surrounded.

    A function that is only called by a function called in a loop counts as called in a loop.
    """
    calls: dict[str, set[tuple[str, bool]]] = {}

    def visit(node: ast.AST, caller: str, looped: bool) -> None:
        if isinstance(node, FunctionNode):
            caller, looped = node.name, False
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name:  # what is called as it is made has none, and the empty name stands for the module
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
