"""Where loops begin and end in a source file; asked only where a loop may have been left by `break`."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path


@functools.cache
def _tree(filename: str) -> ast.Module | None:
    try:
        return ast.parse(Path(filename).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


@functools.cache
def encloses(filename: str, loop_line: int, line: int) -> bool:
    """Whether the loop with its header at `loop_line` has `line` in its body. When unsure, yes."""
    tree = _tree(filename)
    nodes = list(ast.walk(tree)) if tree is not None else []
    found = [
        node for node in nodes if isinstance(node, (ast.For, ast.While)) and _has_header_at(node, loop_line)
    ]
    if not found:
        return True
    innermost = max(found, key=lambda node: node.lineno)
    return any(each.lineno <= line <= (each.end_lineno or each.lineno) for each in innermost.body)


def _has_header_at(node: ast.For | ast.While, line: int) -> bool:
    header = node.test if isinstance(node, ast.While) else node.iter
    return node.lineno <= line <= (header.end_lineno or node.lineno)


@functools.cache
def block_allows_done(filename: str, line: int, exhausted: bool) -> bool:
    """Whether what comes after the `with` block at `line` can go on from the state in which the block was left.

    Not so when it may have been left by a `return`, or when a loop's `else` would run once more.
    """
    tree = _tree(filename)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.With) and node.lineno <= line < node.body[0].lineno:
            own = list(_own_statements(node))
            returns = [each for each in own if isinstance(each, ast.Return)]
            ends = [
                each.orelse for each in node.body if isinstance(each, (ast.For, ast.While)) and each.orelse
            ]
            after = [each for end in ends for statement in end for each in ast.walk(statement)]
            if not all(map(_is_guarded, ends)) or any(each in after for each in returns):
                return False
            return exhausted or not returns
    return exhausted


def _is_guarded(orelse: list[ast.stmt]) -> bool:
    """Whether the `else` of a loop is what conversion makes of it: `if not checkpoint.is_done: …`."""
    first = orelse[0]
    return (
        len(orelse) == 1
        and isinstance(first, ast.If)
        and isinstance(first.test, ast.UnaryOp)
        and isinstance(first.test.operand, ast.Attribute)
        and first.test.operand.attr == "is_done"
    )


def _own_statements(node: ast.AST) -> Iterator[ast.AST]:
    """What is inside, without the bodies of functions and classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield child
            yield from _own_statements(child)
