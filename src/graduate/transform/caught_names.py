"""Names whose lack the program looks at: a global that has no value fails in other words than a local one."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.program import ProgramSyntax
from graduate.syntax.spine import SpineStatement

_CATCHES = frozenset({"NameError", "UnboundLocalError", "Exception", "BaseException", ""})
_SHOWS = frozenset({"traceback", "sys.exc_info", "exc_info"})


def find_caught_names(syntax: ProgramSyntax, statements: Iterable[SpineStatement]) -> set[str]:
    """Globals that are used where a `NameError` is caught and its text, or its class, can be seen."""
    found: set[str] = set()
    for statement in statements:
        for node in list_nodes(statement.node):
            if isinstance(node, ast.Try | ast.TryStar) and any(map(_sees, node.handlers)):
                first, last = syntax.source.start(node.body[0]), syntax.source.end(node.body[-1])
                uses = syntax.names.within(first, last)
                found |= {o.name for o in uses if syntax.is_spine_scope(o.scope) and o.scope.kind == "module"}
    return found


def _sees(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {dotted(kind) if kind is not None else "" for kind in kinds}
    if "UnboundLocalError" in names or (handler.name and names & _CATCHES):
        return True
    return bool(names & _CATCHES) and any(
        dotted(node).startswith(tuple(_SHOWS)) for part in handler.body for node in list_nodes(part)
    )
