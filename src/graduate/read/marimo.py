"""marimo notebooks: the bodies of their cells, in the order in which what one uses the others have defined."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from graduate.errors import ReadError
from graduate.model.source import Cell, Omission
from graduate.read.headings import last_heading
from graduate.read.lines import Gathered, Line, join, span
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.scopes import bound_names
from graduate.syntax.text import string_lines


@dataclass(frozen=True, slots=True)
class MarimoCell:
    """A cell: the lines of its body moved to the left, the names that it takes from others and gives to them."""

    number: int
    lines: tuple[Line, ...]
    takes: frozenset[str]
    gives: frozenset[str]
    markdown: str = ""


def is_marimo(tree: ast.Module) -> bool:
    """Whether a module is a marimo notebook: it makes an `App` and has cells of it."""
    made = any(
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and dotted(node.value.func) == "marimo.App"
        for node in tree.body
    )
    return made and any(_kind(node) for node in tree.body)


def read_cells(
    tree: ast.Module, lines: Sequence[Line], path: str, gathered: Gathered
) -> tuple[list[Line], tuple[Cell, ...]]:
    """The lines of the cells as one program, and where each cell is. Raises ReadError when cells need each other."""
    cells = list(_find(tree, lines, gathered))
    owners = {name: cell.number for cell in cells for name in cell.gives}
    needs = {
        cell.number: sorted({owners[name] for name in cell.takes if name in owners} - {cell.number})
        for cell in cells
    }
    by_number = {cell.number: cell for cell in cells}
    try:
        order = _in_order(needs)
    except CycleError as error:
        first = by_number[error.args[1][0]]
        raise ReadError(
            f"{path} has cells that need each other.",
            where=str(first.lines[0].place),
            why="marimo refuses to run such cells, too.",
            fix="Open it in marimo and resolve the cycle that it shows.",
        ) from error
    result: list[Line] = []
    found: list[Cell] = []
    above: list[str] = []
    heading = ""
    for number in order:
        cell = by_number[number]
        if cell.markdown:
            above.append(cell.markdown)
            heading = last_heading(cell.markdown) or heading
        if result:
            result.append(result[-1].with_text(""))
        first_line = len(result) + 1
        result += cell.lines
        found.append(Cell(number, first_line, len(result), "\n\n".join(above), heading, False))
        above = []
    return result, tuple(found)


def _in_order(needs: dict[int, list[int]]) -> list[int]:
    """The cells as they stand in the file, but each after those that it needs."""
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    waiting: list[int] = []
    order = []
    while sorter.is_active():
        waiting = sorted([*waiting, *sorter.get_ready()])
        order.append(waiting.pop(0))
        sorter.done(order[-1])
    return order


def _kind(node: ast.stmt) -> str:
    """ "cell", "function", "class_definition" or "setup" for what belongs to the app, "" for the rest."""
    if isinstance(node, ast.With):
        named = [dotted(item.context_expr) for item in node.items]
        return "setup" if named == ["app.setup"] else ""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for decorator in node.decorator_list:
            name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name in ("app.cell", "app.function", "app.class_definition"):
                return name.removeprefix("app.")
    return ""


def _find(tree: ast.Module, lines: Sequence[Line], gathered: Gathered) -> Iterator[MarimoCell]:
    for number, node in enumerate(tree.body, 1):
        kind = _kind(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and kind in (
            "function",
            "class_definition",
        ):
            used = {n.id for n in list_nodes(node) if isinstance(n, ast.Name)}
            own = tuple(lines[node.lineno - 1 : node.end_lineno])
            yield MarimoCell(number, own, frozenset(used), frozenset({node.name}))
        elif isinstance(node, ast.With) and kind == "setup":
            yield MarimoCell(number, _moved(node.body, lines), frozenset(), frozenset(bound_names(node.body)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and kind == "cell":
            body = [each for each in node.body if not isinstance(each, ast.Return)]
            own = _moved(body, lines)
            if own and _is_disabled(node):
                gathered.omissions.append(Omission(span(own), join(own), "the cell is disabled"))
            elif own:
                takes = frozenset(argument.arg for argument in node.args.args)
                yield MarimoCell(number, own, takes, frozenset(bound_names(body)), _markdown(body))


def _is_disabled(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        keyword.arg == "disabled" and isinstance(keyword.value, ast.Constant) and bool(keyword.value.value)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
    )


def _moved(body: Sequence[ast.stmt], lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of statements, moved to the left edge except for the inside of strings."""
    if not body:
        return ()
    first, last = body[0], body[-1]
    start = min(first.lineno, *(d.lineno for d in getattr(first, "decorator_list", [])), first.lineno)
    own = list(lines[start - 1 : last.end_lineno])
    inside = string_lines("if 1:\n" + join(own))
    width = first.col_offset
    return tuple(
        line
        if number + 1 in inside
        else line.with_text(line.text[width:] if line.text[:width].isspace() else line.text)
        for number, line in enumerate(own)
    )


def _markdown(body: Sequence[ast.stmt]) -> str:
    """The text of a cell that is nothing but `mo.md("…")`."""
    match body:
        case [ast.Expr(value=ast.Call(func=function, args=[ast.Constant(value=str() as text)]))]:
            return text if dotted(function).endswith(".md") else ""
    return ""
