"""Values that a notebook showed and its code takes up again: `_`, `_3`, `Out[3]`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from graduate.read.lines import Line, join
from graduate.read.parsing import parse_python
from graduate.read.raw_cells import RawCell
from graduate.syntax.nodes import list_nodes
from graduate.syntax.text import Edit, SourceText

_NUMBERED = re.compile(r"_(\d+)")


def find_recalled(cells: Sequence[RawCell], trees: Mapping[int, ast.Module]) -> dict[int, tuple[str, ...]]:
    """The names under which the value that a cell shows is taken up by other cells, by the cell's number.

    IPython leaves `_` alone once the code itself binds it.
    """
    nodes = list_nodes(*trees.values())
    names = {n.id for n in nodes if isinstance(n, ast.Name)}
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    numbered = {name for name in names - bound if _NUMBERED.fullmatch(name)}
    if "Out" not in bound:
        numbered |= {f"_{_number(n)}" for n in nodes if _number(n)}
    code = [cell for cell in cells if cell.kind == "code" and cell.number in trees]
    last = -1
    if "_" in names - bound:
        last = max(n for n, cell in enumerate(code) if "_" in _loads(trees[cell.number]))
    found = {}
    for position, cell in enumerate(code):
        given = ["_"] if position < last else []
        given += [f"_{cell.executed}"] if f"_{cell.executed}" in numbered else []
        if given:
            found[cell.number] = tuple(given)
    return found


def _loads(tree: ast.Module) -> set[str]:
    return {n.id for n in list_nodes(tree) if isinstance(n, ast.Name)}


def _number(node: ast.AST) -> int:
    """The number of `Out[number]`; 0 for anything else."""
    match node:
        case ast.Subscript(value=ast.Name("Out"), slice=ast.Constant(int(number))):
            return number
    return 0


def name_recalled(lines: list[Line], path: str, names: Sequence[str]) -> list[Line]:
    """The lines with `_3` in place of each `Out[3]` of these names."""
    text = join(lines)
    if "Out[" not in text:
        return lines
    source = SourceText(path, text)
    edits = [
        Edit(source.start(node), source.end(node), f"_{_number(node)}")
        for node in list_nodes(parse_python(text))
        if _number(node) and f"_{_number(node)}" in names
    ]
    new = source.edited(0, len(source.data), edits).split("\n")
    return [line.with_text(one) for line, one in zip(lines, new, strict=True)]
