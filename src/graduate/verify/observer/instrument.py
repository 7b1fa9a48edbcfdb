"""Adds a report of the local names at the end of functions, without changing what they do."""

from __future__ import annotations

import ast
from collections.abc import Collection

REPORT = "__graduate_observe__"
LOOP = "loop "
PROGRAM = "program "


def watch_functions(tree: ast.Module, names: Collection[str]) -> None:
    """Make the top-level functions with these names report their locals when they end.

    A loop with checkpoints keeps the names that it rebinds on its `LoopState`; these are reported when the loop
    ends, but for those that the code after it assigns again.
    """
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in names:
            _Loops(node).visit(node)
            head = _head(node.body)
            rest = node.body[head:]
            if rest:
                node.body[head:] = [_reporting(rest, node.name)]
    ast.fix_missing_locations(tree)


def watch_module(tree: ast.Module, program: str) -> None:
    """Make a module that is a whole program report its names when its code ends."""
    head = _head(tree.body)
    while head < len(tree.body) and _is_future(tree.body[head]):
        head += 1
    rest = tree.body[head:]
    if rest:
        tree.body[head:] = [_reporting(rest, f"{PROGRAM}{program}")]
    ast.fix_missing_locations(tree)


def _reporting(body: list[ast.stmt], label: str) -> ast.Try:
    """`try: body finally: __graduate_observe__(label, __name__, locals())`."""
    template = ast.parse(f"try:\n    pass\nfinally:\n    {REPORT}({label!r}, __name__, locals())").body[0]
    assert isinstance(template, ast.Try)
    template.body = body
    for node in ast.walk(template.finalbody[0]):
        if hasattr(node, "lineno"):
            ast.copy_location(node, body[-1])
    return ast.copy_location(template, body[0])


class _Loops(ast.NodeTransformer):
    """Adds a report of the state after each `with Checkpoint("name", state)` of a function."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.function = function
        self.stores: dict[str, int] = {}
        for name, line in _stores(function.body).items():
            self.stores[name] = line

    def visit_With(self, node: ast.With) -> ast.With | list[ast.stmt]:
        self.generic_visit(node)
        state, checkpoint = _names_of(node)
        if not state:
            return node
        end = node.end_lineno or node.lineno
        again = tuple(sorted(name for name, line in self.stores.items() if line > end))
        inside = tuple(sorted({name for name in _stores(node.body) if name not in again}))
        skipped = f"{inside!r} if getattr({checkpoint}, 'is_done', False) else ()"
        text = f"{REPORT}({LOOP + self.function.name!r}, __name__, vars({state}), {again!r}, {skipped})"
        report = ast.parse(text).body[0]
        for each in ast.walk(report):
            if hasattr(each, "lineno"):
                ast.copy_location(each, node)
        return [node, report]


def _stores(body: list[ast.stmt]) -> dict[str, int]:
    """The names that a body assigns, and the last line at which it does."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = max(node.lineno, found.get(node.id, 0))
    return found


def _names_of(node: ast.With) -> tuple[str, str]:
    """The two names in `with Checkpoint("name", state) as checkpoint`, "" for another block.

    The class may go by another name where the research code has one of its own.
    """
    call, given = node.items[0].context_expr, node.items[0].optional_vars
    if (
        not isinstance(call, ast.Call)
        or not isinstance(call.func, ast.Name)
        or not isinstance(given, ast.Name)
    ):
        return "", ""
    second = call.args[1] if len(call.args) > 1 else None
    if not call.func.id.endswith("Checkpoint") or not isinstance(second, ast.Name):
        return "", ""
    return second.id, given.id


def _head(body: list[ast.stmt]) -> int:
    """1 when the body starts with a docstring."""
    first = body[0] if body else None
    value = first.value if isinstance(first, ast.Expr) else None
    return int(isinstance(value, ast.Constant) and isinstance(value.value, str))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
