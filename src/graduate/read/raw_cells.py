"""The cells of notebook files as they are stored."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graduate.errors import ReadError
from graduate.model.source import MARKDOWN, MODULES, NOTEBOOKS
from graduate.read.databricks_cells import as_jupyter, split_cells
from graduate.read.files import read_bytes, read_python

_PYTHON_CHUNK = re.compile(rb"^```\s*\{python\b", re.MULTILINE)
_JUPYTEXT_HEADER = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?:(?!---).*\n)*?\s*jupytext:")
_NOT_EVALUATED = re.compile(r"^#\|\s*eval:\s*(false|no)\s*$", re.MULTILINE | re.IGNORECASE)


def is_notebook(path: str) -> bool:
    """Whether a file is a notebook by its name."""
    return path.endswith((*NOTEBOOKS, MARKDOWN))


def is_module(file: Path) -> bool:
    """Whether a file is research code: of R Markdown what has Python, of Markdown what Jupytext calls a notebook."""
    if file.suffix in (".py", ".ipynb"):
        return True
    if file.suffix not in (*MODULES, MARKDOWN):
        return False
    wanted = _JUPYTEXT_HEADER if file.suffix == MARKDOWN else _PYTHON_CHUNK
    try:
        return wanted.search(file.read_bytes()) is not None
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class RawCell:
    """A cell as the notebook stores it; `number` counts all cells from 1."""

    number: int
    kind: str
    source: str
    executed: int | None = None
    error: str = ""
    """The name of the error that its stored output ends with."""
    may_fail: bool = False
    """Whether it is tagged as one that raises an error on purpose."""
    line: int = 0
    """The line of the file that it starts at, where the file is text whose lines are shown to its author."""


def load_cells(file: Path, path: str) -> list[RawCell]:
    """The cells of a notebook: Jupyter's of any format version, R Markdown, Quarto, Markdown, Databricks' files."""
    if file.suffix == ".py":
        split = split_cells(read_python(file, path))
        return [RawCell(n, kind, source, line=line) for n, (line, kind, source) in enumerate(split, 1)]
    data = read_bytes(file, path)
    if file.suffix != ".ipynb":
        return _load_chunks(data, path)
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _no_notebook(path, f"It is not UTF-8 text (byte {error.start}).", path) from error
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        why = "The file is empty." if not data.strip() else f"It is not JSON: {error}."
        if b"<<<<<<<" in data and b">>>>>>>" in data:
            why = f"It holds the marks of a git merge conflict. {why}"
        raise _no_notebook(path, why, f"{path}:{line}") from error
    if not isinstance(notebook, dict) or not ("cells" in notebook or "worksheets" in notebook):
        raise _no_notebook(path, "It is JSON, but has no cells.", path)
    if "worksheets" in notebook or notebook.get("nbformat", 4) < 4:
        notebook = _upgrade(notebook, path)
    _check_language(notebook, path)
    cells = notebook["cells"]
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise _no_notebook(path, "Its cells are not a list of cells.", path)
    is_databricks = any("databricks" in key for key in notebook.get("metadata") or {})
    found = []
    for number, cell in enumerate(cells, 1):
        kind, source = str(cell.get("cell_type", "raw")), _source(cell)
        kind, source = as_jupyter(kind, source) if is_databricks else (kind, source)
        found.append(RawCell(number, kind, source, _count(cell), _error(cell), _tagged(cell)))
    return found


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _count(cell: dict[str, Any]) -> int | None:
    count = cell.get("execution_count")
    return count if isinstance(count, int) else None


def _error(cell: dict[str, Any]) -> str:
    outputs = [output for output in cell.get("outputs") or [] if isinstance(output, dict)]
    return next((str(output["ename"]) for output in outputs if output.get("ename")), "")


def _tagged(cell: dict[str, Any]) -> bool:
    tags = (cell.get("metadata") or {}).get("tags") or []
    return isinstance(tags, list) and "raises-exception" in tags


def _upgrade(notebook: dict[str, Any], path: str) -> dict[str, Any]:
    import nbformat

    try:
        whole = nbformat.reader.reads(json.dumps(notebook))  # type: ignore[no-untyped-call]
        upgraded: dict[str, Any] = nbformat.convert(whole, 4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises whatever the malformed part leads to
        raise _no_notebook(path, f"Its old format cannot be upgraded: {error}.", path) from error
    return upgraded


def _no_notebook(path: str, why: str, where: str) -> ReadError:
    return ReadError(
        f"{path} is not a Jupyter notebook.",
        where=where,
        why=why,
        fix="Open it in Jupyter and save it again, or leave it out of the source folder.",
    )


def _check_language(notebook: dict[str, Any], path: str) -> None:
    metadata = notebook.get("metadata") or {}
    info, kernel = metadata.get("language_info") or {}, metadata.get("kernelspec") or {}
    language = str(info.get("name") or kernel.get("language") or "python")
    if not re.match(r"i?python|xpython|pyspark|sage", language, re.IGNORECASE):
        raise ReadError(
            f"{path} is a notebook in another language: {language}.",
            where=path,
            why="Python notebooks are read.",
            fix="Leave it out of the source folder.",
        )


def _load_chunks(data: bytes, path: str) -> list[RawCell]:
    import jupytext

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_notebook(path, f"It is not UTF-8 text (byte {error.start}).", path) from error
    is_markdown = path.endswith(MARKDOWN)  # its own or MyST's, which Jupytext finds out by the header
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # that a cell's language has another name than the kernel's
            notebook = jupytext.reads(text, fmt={"extension": MARKDOWN} if is_markdown else "Rmd")
    except Exception as error:  # jupytext raises whatever the malformed part leads to
        why = str(error).strip().split("\n")[0] or type(error).__name__
        raise _no_notebook(path, f"Jupytext cannot read it: {why}", path) from error
    if is_markdown:
        _check_language(notebook, path)
    cells = []
    for number, cell in enumerate(notebook.cells, 1):
        is_run = cell.metadata.get("eval", True) and not _NOT_EVALUATED.search(cell.source)
        kind = cell.cell_type if is_run else "raw"
        cells.append(RawCell(number, kind, _source(cell), may_fail=_tagged(cell)))
    return cells
