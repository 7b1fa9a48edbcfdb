"""Adds a report of the local names at the end of functions, without changing what they do."""

from __future__ import annotations

import ast
from collections.abc import Collection

REPORT = "__graduate_observe__"


def watch_functions(tree: ast.Module, names: Collection[str]) -> None:
    """Make the top-level functions with these names report their locals when they end."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in names:
            head = _head(node.body)
            rest = node.body[head:]
            if rest:
                node.body[head:] = [_reporting(rest, node.name)]
    ast.fix_missing_locations(tree)


def watch_module(tree: ast.Module, label: str) -> None:
    """Make a module report its names when its code ends."""
    head = _head(tree.body)
    while head < len(tree.body) and _is_future(tree.body[head]):
        head += 1
    rest = tree.body[head:]
    if rest:
        tree.body[head:] = [_reporting(rest, label)]
    ast.fix_missing_locations(tree)


def _reporting(body: list[ast.stmt], label: str) -> ast.Try:
    """`try: body finally: __graduate_observe__(label, locals())`."""
    template = ast.parse(f"try:\n    pass\nfinally:\n    {REPORT}({label!r}, __name__, locals())").body[0]
    assert isinstance(template, ast.Try)
    template.body = body
    for node in ast.walk(template.finalbody[0]):
        if hasattr(node, "lineno"):
            ast.copy_location(node, body[-1])
    return ast.copy_location(template, body[0])


def _head(body: list[ast.stmt]) -> int:
    """1 when the body starts with a docstring."""
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    return int(isinstance(value, ast.Constant) and isinstance(value.value, str))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def carried_last(tree: ast.Module) -> dict[str, dict[str, dict[str, bool]]]:
    """Function → name of a `LoopState` → attribute → whether the attribute is assigned after the plain name.

    A loop keeps the names that it rebinds on its state, and the code after it assigns the plain names again
    where they are still needed; the last of both is the value that the research code ended with.
    """
    found: dict[str, dict[str, dict[str, bool]]] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        states = {
            target.id
            for each in ast.walk(node)
            if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)
            if isinstance(each.value.func, ast.Name) and each.value.func.id == "LoopState"
            for target in each.targets
            if isinstance(target, ast.Name)
        }
        if states:
            found[node.name] = {state: _later(node, state) for state in states}
    return found


def _later(function: ast.FunctionDef, state: str) -> dict[str, bool]:
    plain: dict[str, tuple[int, int]] = {}
    carried: dict[str, tuple[int, int]] = {}
    for node in ast.walk(function):
        at = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            plain[node.id] = max(at, plain.get(node.id, at))
        elif _is_of(node, state):
            assert isinstance(node, ast.Attribute)
            carried[node.attr] = max(at, carried.get(node.attr, at))
    return {name: at > plain.get(name, (0, 0)) for name, at in carried.items()}


def _is_of(node: ast.AST, state: str) -> bool:
    """Whether a node assigns an attribute of the name `state`."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == state
