"""The nodes of syntax trees, faster than `ast.walk` (each tree is walked several times), and their names."""

from __future__ import annotations

import ast

_LEAVES = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


def list_nodes(*trees: ast.AST) -> list[ast.AST]:
    """The nodes in source order (a parent before its children); contexts and operators are left out."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(reversed(trees))
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
