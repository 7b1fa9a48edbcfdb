"""Lines of plain Python with the author's place of each, and what the reading of a module gathers."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from graduate.model.source import Omission, Place
from graduate.syntax.nodes import list_nodes
from graduate.syntax.text import string_lines


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text without its end, and where its author wrote it."""

    text: str
    place: Place

    def with_text(self, text: str) -> Line:
        return replace(self, text=text)


def number_lines(text: str, path: str, cell: int | None = None, first: int = 1) -> list[Line]:
    return [Line(line, Place(path, n, n, cell)) for n, line in enumerate(text.split("\n"), first)]


def join(lines: Iterable[Line]) -> str:
    return "\n".join(line.text for line in lines)


def span(lines: Sequence[Line]) -> Place:
    """The place of a run of lines."""
    first, last = lines[0].place, lines[-1].place
    same = (first.path, first.cell) == (last.path, last.cell)
    return replace(first, end_line=last.line if same else first.line)


def indent(lines: Iterable[Line], prefix: str) -> list[Line]:
    """The lines moved right by `prefix`, except empty ones and the inside of strings."""
    lines = list(lines)
    inside = string_lines(join(lines))
    return [
        line if number in inside or not line.text.strip() else line.with_text(prefix + line.text)
        for number, line in enumerate(lines)
    ]


def _nothing_to_run(_argument: str, _place: Place) -> list[Line] | None:
    return None


@dataclass(slots=True)
class Gathered:
    """What was found while the cells of one module are read, in order.

    `names` are all names bound so far, in any scope; `imported` the modules that plain `import x`
    bound at top level. `run` gives the lines of the file that `%run` names, None when there is none. Where the code
    is Python 2 (`is_python2`), `modernized` are the lines that were changed, `true_division` says how it divides.
    `renamed` are the lines in which `async` was a name.
    """

    path: str
    run: Callable[[str, Place], list[Line] | None] = _nothing_to_run
    names: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    helpers: set[str] = field(default_factory=set)
    omissions: list[Omission] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    future_annotations: bool = False
    is_python2: bool = False
    true_division: bool = False
    modernized: list[Place] = field(default_factory=list)
    renamed: list[Place] = field(default_factory=list)

    def omit(self, lines: Sequence[Line], source: str, reason: str) -> None:
        self.omissions.append(Omission(span(lines), source, reason))

    def remember_names(self, tree: ast.Module) -> None:
        for node in list_nodes(tree):
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Store):
                    self.names.add(node.id)
            elif isinstance(node, ast.arg):
                self.names.add(node.arg)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.names.add(node.name)
            elif isinstance(node, ast.alias):
                self.names.add((node.asname or node.name).partition(".")[0])
        for statement in tree.body:
            if isinstance(statement, ast.Import):
                self.imported.update(a.name for a in statement.names if a.asname is None)
