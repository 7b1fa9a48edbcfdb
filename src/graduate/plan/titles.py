"""What the author calls the parts of a program: notebook headings, and comments that stand above code."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from graduate.model.facts import StatementFact
from graduate.model.source import Cell, SourceModule

MAX_COMMENT_WORDS = 5
MAX_HEADING_WORDS = 4
MAX_DOC = 2000

_BANNER = re.compile(r"^\s*#\s*([-=#*~_]{3,})|([-=#*~_]{3,})\s*$")
_NUMBERING = re.compile(r"^\s*((step|part|section|chapter)\s+)?(\d+|[ivx]+)(\.\d+)*\s*[.:)\-–—]+\s*", re.I)
_CODE = re.compile(r"[=(\[{]|^\s*(import|from|def|class|for|if|print)\b")
_RULER = re.compile(r"\s*(<br\s*/?>|-{3,}|\*{3,}|_{3,})?\s*")
_LINKING = frozenset(
    {"and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "to", "using", "via", "with"}
)
_ARTICLES = frozenset({"the", "a", "an", "our", "your", "my", "some", "this", "that"})


@dataclass(frozen=True, slots=True)
class Title:
    """What begins at a statement: `text` is the author's, `doc` longer words if there are any.

    `strong` titles (headings, banners) name a section; the others are remarks on the lines below.
    `section` is the last heading above, also where none begins. `top` is the first heading of a notebook,
    which may be about the whole of it.
    `gap` says how far the statement is from the one before: 0 next line, 1 blank line, 2 another cell.
    """

    text: str = ""
    doc: str = ""
    strong: bool = False
    gap: int = 0
    top: bool = False
    section: str = ""


def find_titles(module: SourceModule, spine: Sequence[StatementFact]) -> list[Title]:
    """For each spine statement, the title that begins there (an empty one for most)."""
    lines = module.text.split("\n")
    starts = [cell.first_line for cell in module.cells]
    titles: list[Title] = []
    heading, number, last, top = "", 0, 0, False
    for statement in spine:
        cell = _cell_at(module.cells, starts, statement.line)
        comment, banner, blank = _comment_above(lines, statement.line, last)
        gap = 1 if blank else 0
        strong, new_heading, doc = banner and bool(comment), False, comment
        if cell is not None and cell.number != number:
            gap = 2
            doc = _trim(cell.markdown) if len(cell.markdown) <= MAX_DOC else cell.heading
            new_heading = bool(cell.heading) and cell.heading != heading
            top, heading, number = not heading, cell.heading, cell.number
        if new_heading:
            titles.append(Title(heading, doc or heading, True, gap, top, heading))
        else:
            titles.append(Title(comment, doc or comment, strong, gap, False, heading))
        last = statement.end_line
    return titles


def _trim(markdown: str) -> str:
    """A markdown text without the rulers and empty lines around it."""
    lines = markdown.split("\n")
    while lines and _RULER.fullmatch(lines[0]):
        lines.pop(0)
    while lines and _RULER.fullmatch(lines[-1]):
        lines.pop()
    return "\n".join(lines).rstrip()


def _cell_at(cells: Sequence[Cell], starts: Sequence[int], line: int) -> Cell | None:
    index = bisect_right(starts, line) - 1
    # An empty cell starts where the next one does; the last of them holds the line.
    return cells[index] if index >= 0 else None


def _comment_above(lines: Sequence[str], line: int, floor: int) -> tuple[str, bool, bool]:
    """The comment directly above a line (below `floor`), whether it is a banner, and has a gap above."""
    words: list[str] = []
    banner = False
    number = line - 1
    while number > floor and lines[number - 1].strip().startswith("#"):
        text = lines[number - 1].strip()
        banner = banner or bool(_BANNER.search(text))
        words.insert(0, text.strip("#-=*~_ \t"))
        number -= 1
    blank = number > floor and not lines[number - 1].strip()
    comment = " ".join(word for word in words if word)
    if _CODE.search(comment) and not banner:
        return "", False, blank
    return comment, banner, blank


def make_slug(text: str, max_words: int, *, shorten: bool = False) -> str:
    """A snake-case identifier from a title; "" when there is none that reads well.

    Longer texts give "" unless `shorten`, which keeps what stands before a colon or the first words.
    """
    text = _NUMBERING.sub("", text)
    if shorten:
        text = re.split(r"[:;–—(]| - ", text)[0] or text
    if not text.isascii():
        return ""
    words = [
        word for word in re.findall(r"[a-z0-9]+", text.lower().replace("'", "")) if word not in _ARTICLES
    ]
    if len(words) > max_words:
        if not shorten:
            return ""
        words = words[:max_words]
        while len(words) > 1 and words[-1] in _LINKING:
            words.pop()
    slug = "_".join(words)
    return slug if slug.isidentifier() else ""
