"""What was read: research code as plain Python text, with the way back to the file it came from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import total_ordering
from typing import Literal

ModuleKind = Literal["script", "notebook", "percent"]


NOTEBOOKS = (".ipynb", ".Rmd", ".rmd", ".qmd")
MODULES = (".py", *NOTEBOOKS)
"""How the names of files end that are research code."""
MARKDOWN = ".md"
"""Mostly text, but a notebook where Jupytext's header says so."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Place:
    """A run of lines in a file as its author sees it.

    `path` is relative to the source root, with forward slashes. Lines are 1-based and inclusive;
    in a notebook they count within the cell `cell` (1-based over all cells).
    """

    path: str
    line: int = 1
    end_line: int = 1
    cell: int | None = None

    def __lt__(self, other: Place) -> bool:
        own, others = (self.path, self.cell or 0, self.line), (other.path, other.cell or 0, other.line)
        return (own, self.end_line) < (others, other.end_line)

    def __str__(self) -> str:
        where = f"{self.path}#cell{self.cell}" if self.cell is not None else self.path
        return f"{where}:{self.line}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One code cell of a notebook or percent script, as it stands in `SourceModule.text`.

    `first_line` and `end_line` are 1-based, inclusive lines of the module's text; an empty cell has
    `end_line == first_line - 1`. `markdown` is the text of the markdown cells directly above it,
    `heading` the last heading at or above it (without `#`), "" if none. `shows` says whether the
    value of its last expression is displayed (no trailing semicolon).
    """

    number: int
    first_line: int
    end_line: int
    markdown: str = ""
    heading: str = ""
    shows: bool = False


@dataclass(frozen=True, slots=True)
class Omission:
    """Source that has no Python counterpart in `SourceModule.text`, and why."""

    place: Place
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceModule:
    """One source file as Python that `ast.parse` accepts.

    For notebooks and percent scripts `text` is the code cells joined in order, magics already
    turned into Python (`!ls` is `shell("ls")`, a displayed last expression is
    `display(expr)`); lines that were left out are blank or comments, so statements keep their lines.
    `helpers` names the runtime functions (`shell`, `display`, …) that the reading brought in.
    `places[i]` is the place of text line i + 1.
    `requirements` are the distributions that `%pip install` and its like ask for. `order` says why the cells stand in
    the order in which they do, where that can be doubted; `expected_errors` are the cells after whose errors the
    notebook goes on; `modernized` are the lines that were Python 2, `renamed` those in
    which `async` was a name.
    """

    path: str
    kind: ModuleKind
    text: str
    places: tuple[Place, ...] = ()
    cells: tuple[Cell, ...] = ()
    omissions: tuple[Omission, ...] = ()
    helpers: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    order: str = ""
    expected_errors: tuple[Place, ...] = ()
    modernized: tuple[Place, ...] = ()
    renamed: tuple[Place, ...] = ()

    @property
    def has_file(self) -> bool:
        """Whether `__file__` is defined while it runs: not in Jupyter, but `%run` defines it for its script."""
        return any(path.endswith(".py") for path in [self.path, *(place.path for place in self.places)])

    def place(self, line: int, end_line: int | None = None) -> Place:
        """The author's place of text lines `line`..`end_line` (1-based, inclusive)."""
        last = line if end_line is None else end_line
        if not self.places:
            return Place(self.path, line, last)
        start, end = self.places[line - 1], self.places[min(last, len(self.places)) - 1]
        end_line_there = end.line if end.cell == start.cell else start.line
        return Place(start.path, start.line, max(start.line, end_line_there), start.cell)


@dataclass(frozen=True, slots=True)
class Program:
    """Something a person runs: an entry module and the arguments found for it (run.sh, README).

    `folder` is where it is run, relative to the source root ("" for the root itself): what relative paths start from.
    """

    name: str
    path: str
    arguments: tuple[str, ...] = ()
    origin: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class OtherFile:
    """A file of the source folder that is not Python: data, configuration, documents."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, where it says why, and that no program needs."""

    place: Place
    why: str


@dataclass(frozen=True, slots=True)
class Sources:
    """A whole research project as read.

    `name` is a valid, lower-case Python identifier made from the folder or file name; `root` is the absolute
    folder that the paths are relative to (needed to copy data files; never written into any output).
    `programs` stand in the order in which they run. `modules` are sorted by path and hold the
    entry modules too. `texts` maps paths of small text files that matter later (requirements,
    pyproject, environment.yml, README, shell scripts, YAML) to their content. `whole_folder` is False
    when one file was named: then `files` also holds what lies beside it and belongs to other work.
    """

    name: str
    root: str
    modules: tuple[SourceModule, ...]
    programs: tuple[Program, ...]
    files: tuple[OtherFile, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    whole_folder: bool = True
    unread: tuple[Unread, ...] = ()

    def module(self, path: str) -> SourceModule:
        for module in self.modules:
            if module.path == path:
                return module
        raise KeyError(path)
