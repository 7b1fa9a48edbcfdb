"""Source text addressed by bytes, as `ast` addresses it, and edits on spans of it.

Edits on spans keep every character that is not replaced: names, comments and formatting of moved code
stay the author's without a concrete syntax tree (docs/decisions/0001).
"""

from __future__ import annotations

import ast
import io
import tokenize
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from graduate.syntax.nodes import list_nodes, parse


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace bytes `start`..`end` (exclusive) by `text`; `start == end` inserts."""

    start: int
    end: int
    text: str


def as_python_reads(identifier: str) -> str:
    """The name that an identifier stands for: `ℓ` is `l`, `ϕ` is `φ` (Python Language Reference, 2.3)."""
    return unicodedata.normalize("NFKC", identifier)


class SourceText:
    """Python source with its tree; offsets are bytes of the UTF-8 encoding."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.data = text.encode()
        self._starts = [0]
        for index, byte in enumerate(self.data):
            if byte == 0x0A:
                self._starts.append(index + 1)

    @cached_property
    def tree(self) -> ast.Module:
        return parse(self.text)

    @cached_property
    def imports(self) -> list[ast.Import | ast.ImportFrom]:
        """Every import statement, wherever it stands."""
        return [n for n in list_nodes(self.tree) if isinstance(n, ast.Import | ast.ImportFrom)]

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Every call, wherever it stands."""
        return [n for n in list_nodes(self.tree) if isinstance(n, ast.Call)]

    @cached_property
    def _calls(self) -> list[tuple[int, ast.Call]]:
        return sorted(((self.start(n), n) for n in self.calls), key=lambda each: each[0])

    def calls_within(self, start: int, end: int) -> list[ast.Call]:
        """The calls that stand in a span, in source order."""
        first, last = (bisect_left(self._calls, at, key=lambda each: each[0]) for at in (start, end))
        return [call for _, call in self._calls[first:last] if self.end(call) <= end]

    @cached_property
    def _statements(self) -> list[tuple[int, ast.stmt]]:
        found = [(self.start(n), n) for n in list_nodes(self.tree) if isinstance(n, ast.stmt)]
        return sorted(found, key=lambda each: each[0])

    def statement_at(self, at: int) -> ast.stmt:
        """The innermost statement that the byte at `at` stands in."""
        number = bisect_right(self._statements, at, key=lambda each: each[0])
        while self.end(self._statements[number - 1][1]) <= at:
            number -= 1
        return self._statements[number - 1][1]

    def offset(self, line: int, column: int) -> int:
        """The byte offset of a 1-based line and a 0-based byte column."""
        return self._starts[line - 1] + column

    def line(self, offset: int) -> int:
        """The 1-based line that holds a byte offset."""
        return bisect_right(self._starts, offset)

    def line_start(self, line: int) -> int:
        return self._starts[line - 1] if line <= len(self._starts) else len(self.data)

    def line_end(self, line: int) -> int:
        """The offset of the newline that ends a line (or of the end of the text)."""
        return self._starts[line] - 1 if line < len(self._starts) else len(self.data)

    def start(self, node: ast.AST) -> int:
        """Where a node starts, decorators included."""
        decorators: Sequence[ast.expr] = getattr(node, "decorator_list", ())
        if decorators:
            first = decorators[0]
            at = self.offset(first.lineno, first.col_offset)
            return self.data.rindex(b"@", 0, at)
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def name_end(self, name: str, start: int) -> int:
        """Where the identifier at `start` ends that the tree calls `name`: written it may be longer or shorter."""
        end = start + len(name.encode())
        if self.data[start:end] == name.encode():
            return end
        text = self.slice(start, self.line_end(self.line(start)))
        length = next(
            n for n in range(1, len(text) + 1) if not text[: n + 1].isidentifier() or n == len(text)
        )
        return start + len(text[:length].encode())

    def slice(self, start: int, end: int) -> str:
        return self.data[start:end].decode()

    def source(self, node: ast.AST) -> str:
        return self.slice(self.start(node), self.end(node))

    def indentation(self, offset: int) -> str:
        """The white space at the start of the line that holds `offset`."""
        start = self.line_start(self.line(offset))
        end = start
        while end < len(self.data) and self.data[end] in b" \t\f":
            end += 1
        return self.slice(start, end)

    def starts_line(self, offset: int) -> bool:
        """Whether only white space stands before `offset` in its line."""
        start = self.line_start(self.line(offset))
        return not self.data[start:offset].strip()

    def edited(self, start: int, end: int, edits: Iterable[Edit]) -> str:
        """The text of a span after the edits that lie in it, which must not overlap."""
        parts: list[bytes] = []
        at = start
        inside = sorted(
            (e for e in edits if start <= e.start and e.end <= end), key=lambda e: (e.start, e.end)
        )
        for edit in inside:
            if edit.start < at:
                raise ValueError(f"overlapping edits in {self.path} at line {self.line(edit.start)}")
            parts.append(self.data[at : edit.start])
            parts.append(edit.text.encode())
            at = edit.end
        parts.append(self.data[at:end])
        return b"".join(parts).decode()


def statement_span(source: SourceText, node: ast.AST, floor: int) -> tuple[int, int]:
    """The span of a statement with the comments that belong to it.

    Comment lines directly above it (not before `floor`, the end of what came before), and the
    comment at the end of its last line. A statement that shares its line with others has its own span only.
    """
    start, end = source.start(node), source.end(node)
    if source.starts_line(start):
        line = source.line(start)
        first = line
        while first > 1 and source.line_start(first - 1) >= floor:
            above = source.data[source.line_start(first - 1) : source.line_end(first - 1)].strip()
            if above and not above.startswith(b"#"):
                break
            first -= 1
        while first < line and not source.data[source.line_start(first) : source.line_end(first)].strip():
            first += 1
        start = source.line_start(first)
    line_end = source.line_end(source.line(end))
    rest = source.data[end:line_end].lstrip(b" \t;")
    if rest.startswith(b"#"):
        end = line_end
    return start, end


def string_lines(text: str) -> set[int]:
    """Lines (0-based) that continue a string of an earlier line, so their indentation is content."""
    lines: set[int] = set()
    inside: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            name = tokenize.tok_name[token.type]
            if name in {"FSTRING_START", "TSTRING_START"}:
                inside.append(token.start[0])
            elif name in {"FSTRING_END", "TSTRING_END"}:
                lines.update(range(inside.pop(), token.end[0]))
            elif token.type == tokenize.STRING and token.end[0] > token.start[0]:
                lines.update(range(token.start[0], token.end[0]))
    except (tokenize.TokenError, IndentationError):
        pass
    return lines


def reindent(text: str, old: str, new: str) -> str:
    """Move statements from indentation `old` to `new`; the inside of strings stays as it is."""
    lines = text.split("\n")
    keep: set[int] = set()
    if '"""' in text or "'''" in text or "\\\n" in text:
        keep = {line - 1 for line in string_lines("if 1:\n" + text)} if old else string_lines(text)
    result = []
    for number, line in enumerate(lines):
        if number in keep:
            result.append(line)
        elif not line.strip():
            result.append("")
        elif line.startswith(old):
            result.append(new + line[len(old) :])
        else:
            result.append(new + line.lstrip(" \t"))
    return "\n".join(result)
