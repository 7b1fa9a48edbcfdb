"""`await` at the top level of a notebook cell, which a module cannot hold."""

from __future__ import annotations

import ast

from graduate.errors import ReadError
from graduate.read.lines import Gathered, Line, join
from graduate.syntax.nodes import list_nodes
from graduate.syntax.text import Edit, SourceText

# These give futures of a running event loop, not coroutines.
_NEEDS_LOOP = {"gather", "create_task", "ensure_future", "shield", "run_in_executor", "as_completed"}
_ASYNC = (ast.AsyncFor, ast.AsyncWith)


def replace_awaits(lines: list[Line], tree: ast.Module, gathered: Gathered) -> list[Line]:
    """The lines with `await f(…)` at top level as `asyncio.run(f(…))`.

    Raises ReadError for what needs one event loop for several statements.
    """
    edits: list[Edit] = []
    awaiting: list[int] = []
    source = SourceText(gathered.path, join(lines))
    for node in _top_level(tree):
        if isinstance(node, _ASYNC) or (isinstance(node, ast.Await) and not _is_coroutine_call(node.value)):
            raise _refuse(lines[node.lineno - 1])
        if isinstance(node, ast.Await):
            start, end, value = source.start(node), source.end(node), source.start(node.value)
            is_wrapped = "(" in source.slice(start, value)
            edits.append(Edit(start, value, "asyncio.run("))
            if not is_wrapped:
                edits.append(Edit(end, end, ")"))
            awaiting.append(node.lineno - 1)
    if not edits:
        return lines
    for number in awaiting:
        reason = "`await` is kept as `asyncio.run`, an event loop of its own"
        gathered.omit(lines[number : number + 1], lines[number].text.strip(), reason)
    new = source.edited(0, len(source.data), edits).split("\n")
    result = [line.with_text(text) for line, text in zip(lines, new, strict=True)]
    if "asyncio" in gathered.imported:
        return result
    first = next(s for s in tree.body if s.lineno - 1 <= awaiting[0] < (s.end_lineno or s.lineno)).lineno - 1
    gathered.imported.add("asyncio")
    return [*result[:first], result[first].with_text("import asyncio"), *result[first:]]


def _top_level(tree: ast.Module) -> list[ast.AST]:
    """The nodes that do not belong to a function."""
    inside = {
        part
        for node in list_nodes(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for part in list_nodes(node)
    }
    return [node for node in list_nodes(tree) if node not in inside]


def _is_coroutine_call(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call):
        return False
    function = value.func
    return getattr(function, "attr", getattr(function, "id", "")) not in _NEEDS_LOOP


def _refuse(line: Line) -> ReadError:
    return ReadError(
        "A cell awaits at top level what needs a running event loop.",
        where=str(line.place),
        why=line.text.strip(),
        fix="Put it into a function, `async def main(): …`, and call `asyncio.run(main())`.",
    )
