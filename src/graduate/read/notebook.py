"""Jupyter notebooks as plain Python: the code cells joined in order."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from graduate.errors import InvalidPythonError, ReadError
from graduate.model.source import MODULES, Cell, Place, SourceModule
from graduate.read.async_names import rename_async
from graduate.read.cell_order import find_order
from graduate.read.databricks_cells import is_databricks
from graduate.read.displayed import (
    find_drawing_names,
    find_silent_functions,
    has_drawing,
    show_last_value,
)
from graduate.read.files import read_python
from graduate.read.headings import last_heading
from graduate.read.lines import Gathered, Line, indent, join, number_lines, span
from graduate.read.magics import to_python
from graduate.read.modernize import find_helpers, modernize_block
from graduate.read.parsing import parse_python
from graduate.read.raw_cells import RawCell, load_cells
from graduate.read.recalled import find_recalled, name_recalled
from graduate.syntax.nodes import list_nodes

_UNPARSED = ("SyntaxError", "IndentationError", "TabError")
_NOT_MEANT = ("", *_UNPARSED, "KeyboardInterrupt", "ImportError", "ModuleNotFoundError", "SystemExit")
_MAGIC = re.compile(r"\s*%%(\S+)")


def read_notebook(root: Path, path: str, *, python2: bool = False) -> SourceModule:
    """A notebook under `root` as a module. Raises ReadError when it has no code or is not Python."""
    cells = load_cells(root / path, path)
    gathered = Gathered(path, is_python2=python2)
    gathered.run = _Runner(root, path, gathered, (path,)).lines
    was_run = any(cell.executed is not None for cell in cells)
    plain = [(cell, _read_cell(cell, was_run, path, gathered)) for cell in cells if cell.kind == "code"]
    if not any(cell.source.strip() for cell, _ in plain):
        raise ReadError(
            f"{path} has no code.",
            where=path,
            why="None of its cells is a code cell with content.",
            fix="Name a notebook with code, or leave this one out of the source folder.",
        )
    counts = [(cell.number, cell.executed) for cell, _ in plain]
    order, why = find_order(counts, {cell.number: parse_python(join(lines)) for cell, lines in plain})
    module = _assemble(path, _in_order(cells, order), {cell.number: lines for cell, lines in plain}, gathered)
    return replace(module, order=why)


def _read_cell(cell: RawCell, was_run: bool, path: str, gathered: Gathered) -> list[Line]:
    """The lines of a cell of a notebook that its author ran, or did not. What fails to parse stops the reading, unless
    the author knew it or has never run it."""
    if not cell.source.strip():
        return []
    number = None if cell.line else cell.number
    lines = rename_async(number_lines(cell.source, path, number, cell.line or 1), gathered)
    if gathered.is_python2:
        lines = modernize_block(lines, gathered)
    try:
        return to_python(lines, gathered)
    except InvalidPythonError:
        if cell.error in _UNPARSED:
            why = "its stored output says the same"
        elif was_run and cell.executed is None:
            why = "it was never run, as other cells were"
        else:
            raise
        gathered.omit(lines, cell.source, f"it is not valid Python, and {why}")
        return [line.with_text("") for line in lines]


def _in_order(cells: Sequence[RawCell], order: Sequence[int]) -> list[RawCell]:
    """The cells with the code cells in this order; the text above a cell moves with it."""
    groups: dict[int, list[RawCell]] = {}
    waiting: list[RawCell] = []
    for cell in cells:
        waiting.append(cell)
        if cell.kind == "code":
            groups[cell.number] = waiting
            waiting = []
    return [cell for number in order for cell in groups[number]] + waiting


def _assemble(
    path: str, cells: Sequence[RawCell], plain: dict[int, list[Line]], gathered: Gathered
) -> SourceModule:
    trees = {number: parse_python(join(lines)) for number, lines in plain.items()}
    own_display = _handle_display(trees, plain, gathered)
    silent, drawing = find_silent_functions(trees.values()), find_drawing_names(trees.values())
    recalled = find_recalled(cells, trees)
    known = [name for names in recalled.values() for name in names]
    result: list[Line] = []
    if gathered.future_annotations:
        result.append(Line("from __future__ import annotations", Place(path, 1, 1, 1)))
    found: list[Cell] = []
    expected: list[Place] = []
    above: list[str] = []
    heading = ""
    result += find_helpers([line for lines in plain.values() for line in lines])
    for cell in cells:
        if cell.kind == "markdown":
            above.append(cell.source.strip())
            heading = last_heading(cell.source) or heading
        if cell.kind != "code":
            continue
        lines, shows = name_recalled(plain[cell.number], path, known), False
        if lines and result:
            result.append(result[-1].with_text(""))
        magic = _MAGIC.match(cell.source)
        if lines and not own_display and (magic is None or magic[1] == "time"):
            lines, shows = show_last_value(lines, silent, gathered, recalled.get(cell.number, ()))
        is_captured = magic is not None and magic[1] == "capture"
        if lines and not is_captured and has_drawing(trees[cell.number], drawing):
            lines = [*lines, lines[-1].with_text("show_figures()")]
            gathered.helpers.add("show_figures")
        if trees[cell.number].body and _fails_on_purpose(cell, cells):
            expected.append(span(lines))
            lines = _go_on(lines, gathered)
        first = len(result) + 1
        result += lines
        found.append(Cell(cell.number, first, len(result), "\n\n".join(above), heading, shows))
        above = []
    text = join(result) + "\n"
    return SourceModule(
        path=path,
        kind="percent" if path.endswith(".py") else "notebook",
        text=text,
        places=tuple(line.place for line in result),
        cells=tuple(found),
        omissions=tuple(gathered.omissions),
        expected_errors=tuple(expected),
        helpers=tuple(sorted(gathered.helpers)),
        requirements=tuple(dict.fromkeys(gathered.requirements)),
        modernized=tuple(gathered.modernized),
        renamed=tuple(gathered.renamed),
    )


def _fails_on_purpose(cell: RawCell, cells: Sequence[RawCell]) -> bool:
    """Whether a cell is to show an error: it is tagged so, or its author saw the error and ran other cells after it."""
    if cell.may_fail:
        return True
    later = (each.executed for each in cells if each.executed is not None)
    return cell.error not in _NOT_MEANT and cell.executed is not None and max(later) > cell.executed


def _go_on(lines: list[Line], gathered: Gathered) -> list[Line]:
    """The lines of a cell after whose error the notebook goes on, as Jupyter does."""
    gathered.helpers.add("show_error")
    return [
        lines[0].with_text("try:"),
        *indent(lines, "    "),
        lines[-1].with_text("except Exception as expected:"),
        lines[-1].with_text("    show_error(expected)"),
    ]


def _handle_display(trees: dict[int, ast.Module], plain: dict[int, list[Line]], gathered: Gathered) -> bool:
    """Whether `display` is a name of the author's own. IPython's is the project's: its import goes."""
    for number, tree in trees.items():
        for node in tree.body:
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("IPython"):
                continue
            if any(a.name == "display" and a.asname is None for a in node.names):
                _remove_import(node, plain[number], gathered)
    nodes = list_nodes(*trees.values())
    if any(isinstance(n, ast.Name) and n.id == "display" and isinstance(n.ctx, ast.Load) for n in nodes):
        gathered.helpers.add("display")
    own = [
        *(n for n in nodes if isinstance(n, ast.Name) and n.id == "display" and isinstance(n.ctx, ast.Store)),
        *(n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == "display"),
    ]
    if own:
        gathered.helpers.discard("display")
        first = next(lines for lines in plain.values() if lines)
        gathered.omit(first[:1], "", "displayed values are not shown: the notebook defines its own `display`")
    return bool(own)


def _remove_import(node: ast.ImportFrom, lines: list[Line], gathered: Gathered) -> None:
    start, end = node.lineno - 1, node.end_lineno or node.lineno
    original = lines[start:end]
    rest = [a for a in node.names if a.name != "display" or a.asname is not None]
    new = ast.unparse(ast.ImportFrom(node.module, rest, node.level)) if rest else ""
    if original[0].text[: node.col_offset].strip() or ";" in original[-1].text:
        return
    gathered.omit(original, join(original).strip(), "`display` comes with the project")
    lines[start:end] = [line.with_text("" if n else new) for n, line in enumerate(original)]


@dataclass(frozen=True, slots=True)
class _Runner:
    """`%run`: the lines of another file of the source folder, which may run further ones."""

    root: Path
    path: str
    gathered: Gathered
    running: tuple[str, ...]

    def lines(self, name: str, place: Place) -> list[Line] | None:
        file = (self.root / self.path).parent / name
        candidates = [file, *(file.with_name(file.name + suffix) for suffix in MODULES)]
        target = next((c for c in candidates if c.suffix in MODULES and c.is_file()), None)
        if target is None or not target.resolve().is_relative_to(self.root.resolve()):
            return None
        path = target.resolve().relative_to(self.root.resolve()).as_posix()
        if path in self.running:
            raise ReadError(
                f"{path} runs itself with %run.",
                where=str(place),
                why=" → ".join([*self.running, path]),
                fix="Remove the %run that closes the circle.",
            )
        before = self.gathered.run
        self.gathered.run = replace(self, path=path, running=(*self.running, path)).lines
        try:
            return list(self._read(target, path))
        finally:
            self.gathered.run = before

    def _read(self, target: Path, path: str) -> Iterable[Line]:
        text = read_python(target, path) if target.suffix == ".py" else ""
        if text and not is_databricks(text):
            lines = number_lines(text, path)
            if self.gathered.is_python2:
                lines = modernize_block(lines, self.gathered)
            yield from to_python(lines, self.gathered)
            return
        cells = load_cells(target, path)
        was_run = any(cell.executed is not None for cell in cells)
        for cell in cells:
            if cell.kind == "code":
                yield from _read_cell(cell, was_run, path, self.gathered)
