"""Python scripts and modules, also those that are notebooks stored as scripts."""

from __future__ import annotations

import re
from pathlib import Path

from graduate.model.source import Cell, SourceModule
from graduate.read.async_names import rename_async
from graduate.read.databricks_cells import is_databricks
from graduate.read.files import read_python
from graduate.read.lines import Gathered, join, number_lines
from graduate.read.magics import to_python
from graduate.read.marimo import is_marimo, read_cells
from graduate.read.modernize import modernize, modernize_block, with_helpers
from graduate.read.notebook import read_notebook
from graduate.read.parsing import explain_syntax_error, parse_python
from graduate.read.percent import find_cells, find_commented_magics, find_flavour

_IPYTHON = re.compile(r"^\s*[!%]\w|^\s*\w+\s*=\s*[!%]\w|get_ipython\(\)\.", re.MULTILINE)


def read_script(root: Path, path: str, *, python2: bool = False) -> SourceModule:
    """A Python file under `root` as a module; raises ReadError when it is not Python 3 (or, with `python2`, 2)."""
    text = read_python(root / path, path)
    if is_databricks(text):
        return read_notebook(root, path, python2=python2)
    flavour = find_flavour(text)
    gathered = Gathered(path, is_python2=python2)
    lines = rename_async(number_lines(text, path), gathered)
    if python2:
        lines = with_helpers(modernize_block(lines, gathered, str(root / path)))
    if python2 or gathered.renamed:
        text = join(lines)
    try:
        tree = parse_python(text)
        changed = python2 or (_IPYTHON.search(text) is not None and "get_ipython()." in text)
    except SyntaxError as error:
        if not _IPYTHON.search(text):
            is_python2 = False if python2 else None
            if not (python2 or isinstance(error, TabError)) and modernize(text) is not None:
                is_python2 = True
            where = f"{path}:{error.lineno or 1}"
            raise explain_syntax_error(path, where, text, error, is_python2=is_python2) from error
        changed = True
    if changed and (not python2 or _IPYTHON.search(text)):
        lines = to_python(lines, gathered)
        text = join(lines)
        tree = parse_python(text)
    if is_marimo(tree):
        lines, marimo_cells = read_cells(tree, lines, path, gathered)
        return SourceModule(
            path=path,
            kind="percent",
            text=join(lines) + "\n",
            places=tuple(line.place for line in lines),
            cells=marimo_cells,
            omissions=tuple(gathered.omissions),
        )
    omissions, requirements = find_commented_magics(text, path) if flavour else ([], [])
    cells: tuple[Cell, ...] = find_cells(text, flavour, tree) if flavour else ()
    return SourceModule(
        path=path,
        kind="percent" if flavour else "script",
        text=text,
        places=tuple(line.place for line in lines) if changed else (),
        cells=cells,
        omissions=(*gathered.omissions, *omissions),
        helpers=tuple(sorted(gathered.helpers)),
        requirements=tuple(dict.fromkeys([*gathered.requirements, *requirements])),
        modernized=tuple(gathered.modernized),
        renamed=tuple(gathered.renamed),
    )
