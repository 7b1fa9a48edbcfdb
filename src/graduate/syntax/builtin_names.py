"""Builtins whose names a program binds anew, and uses before: `print = partial(print, flush=True)`; `__file__`, too.

A name that some statement of a program binds is a variable of it. So that such a one has its value from the start, it
is bound to the builtin above the first statement, which changes nothing in the program.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import replace

from graduate.model.source import Place, SourceModule, Sources
from graduate.syntax.nodes import list_nodes
from graduate.syntax.scopes import Occurrence, resolve_names
from graduate.syntax.text import SourceText

_FILE = "__file__"
_BUILTINS = frozenset(
    name for name in dir(builtins) if name[0] != "_" and name not in ("True", "False", "None")
) | {_FILE}


def bind_builtins(sources: Sources) -> Sources:
    """The sources with such names bound at the top of the programs that have any."""
    entries = {program.path for program in sources.programs}
    bound = (_bind(module) if module.path in entries else module for module in sources.modules)
    return replace(sources, modules=tuple(bound))


def _bind(module: SourceModule) -> SourceModule:
    source = SourceText(module.path, module.text)
    names = sorted(_find_names(source))
    if not names:
        return module
    at = 0
    for statement in source.tree.body:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (is_docstring or is_future):
            break
        at = statement.end_lineno or 0
    new = [f"{name} = builtins.{name}" for name in names if name != _FILE]
    new = ["import builtins", *new] if new else []
    if _FILE in names and module.has_file:
        new.append(f"{_FILE} = {_FILE}")
    return _insert(module, at, new)


def _find_names(source: SourceText) -> Iterator[str]:
    stored = {
        node.id
        for node in list_nodes(source.tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    if not stored & _BUILTINS:
        return
    names = resolve_names(source)
    uses: dict[str, list[Occurrence]] = {}
    for each in names.occurrences:
        if each.scope is names.module and each.name in _BUILTINS:
            uses.setdefault(each.name, []).append(each)
    for name, found in uses.items():
        first = next((each for each in found if each.use == "store" and each.form == "name"), None)
        if first is None:
            continue
        statement = source.statement_at(first.start)
        is_certain = statement in source.tree.body and isinstance(statement, ast.Assign | ast.AnnAssign)
        end = source.end(statement) if is_certain else len(source.data)
        if any(each.use == "load" and each.start < end for each in found):
            yield name


def _insert(module: SourceModule, at: int, new: list[str]) -> SourceModule:
    """The module with lines put in below its line `at`; their place is that of the line that followed it."""
    lines = module.text.split("\n")
    places = list(module.places) or [Place(module.path, n, n) for n in range(1, len(lines) + 1)]
    below = places[min(at, len(places) - 1)]
    cells = tuple(
        replace(
            cell,
            first_line=cell.first_line + (len(new) if cell.first_line > at else 0),
            end_line=cell.end_line + (len(new) if cell.end_line > at else 0),
        )
        for cell in module.cells
    )
    return replace(
        module,
        text="\n".join([*lines[:at], *new, *lines[at:]]),
        places=(*places[:at], *[below] * len(new), *places[at:]),
        cells=cells,
    )
