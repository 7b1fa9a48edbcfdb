"""The nodes of syntax trees, faster than `ast.walk` (each tree is walked several times), and their names."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TypeGuard

_LEAVES = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.Module:
    """The tree of a text that many ask for: who gets it must not change it."""
    return ast.parse(text)


def list_nodes(*trees: ast.AST) -> list[ast.AST]:
    """The nodes in source order (a parent before its children); contexts and operators are left out.

    A tree remembers them, so it must not be changed after it was asked.
    """
    if len(trees) != 1:
        return [node for tree in trees for node in list_nodes(tree)]
    tree = trees[0]
    found: list[ast.AST] | None = tree.__dict__.get("_nodes")
    if found is None:
        found = tree.__dict__["_nodes"] = _walk(tree)
    return found


def _walk(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        found.append(node)
        children: list[ast.AST] = []
        for field in node._fields:
            value = getattr(node, field, None)
            if value.__class__ is list:
                children += [child for child in value if isinstance(child, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, _LEAVES):
                children.append(value)
        children.reverse()
        stack += children
    return found


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of attributes on a name, "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def shows_locals(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a call gives the local names of where it stands: `locals()`, `vars()`, `dir()`."""
    match node:
        case ast.Call(func=ast.Name(id="locals" | "vars" | "dir"), args=[], keywords=[]):
            return True
        case _:
            return False


def named_global(node: ast.AST) -> str:
    """The name in `globals()["name"]` where it is read, "" for anything else."""
    match node:
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id="globals"), args=[], keywords=[]),
            slice=ast.Constant(value=str(name)),
            ctx=ast.Load(),
        ) if name.isidentifier():
            return name
        case _:
            return ""
