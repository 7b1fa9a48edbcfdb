"""What the author calls the parts of a program: notebook headings, and comments that stand above code."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from graduate.model.facts import StatementFact
from graduate.model.source import Cell, SourceModule

MAX_COMMENT_WORDS = 5
MAX_HEADING_WORDS = 5
MAX_DOC = 2000

_BANNER = re.compile(r"^\s*#\s*([-=#*~_]{3,})|([-=#*~_]{3,})\s*$")
_NUMBERING = re.compile(r"^\s*((step|part|section|chapter)\s+)?(\d+|[ivx]+)(\.\d+)*\s*[.:)\-–—]+\s*", re.I)
_CODE = re.compile(r"[=(\[{]|^\s*(import|from|def|class|for|if|print)\b")
_ARTICLES = frozenset({"the", "a", "an", "our", "your", "my", "some", "this", "that"})


@dataclass(frozen=True, slots=True)
class Title:
    """What begins at a statement: `text` is the author's, `doc` longer words if there are any.

    `strong` titles (headings, banners) name a section; the others are remarks on the lines below.
    `top` is the first heading of a notebook, which may be about the whole of it.
    `gap` says how far the statement is from the one before: 0 next line, 1 blank line, 2 another cell.
    """

    text: str = ""
    doc: str = ""
    strong: bool = False
    gap: int = 0
    top: bool = False


def find_titles(module: SourceModule, spine: Sequence[StatementFact]) -> list[Title]:
    """For each spine statement, the title that begins there (an empty one for most)."""
    lines = module.text.split("\n")
    starts = [cell.first_line for cell in module.cells]
    titles: list[Title] = []
    heading, number, last = "", 0, 0
    for statement in spine:
        cell = _cell_at(module.cells, starts, statement.line)
        comment, banner, blank = _comment_above(lines, statement.line, last)
        gap = 1 if blank else 0
        title = Title(comment, comment, banner and bool(comment), gap)
        if cell is not None and cell.number != number:
            gap = 2
            doc = cell.markdown.strip() if len(cell.markdown) <= MAX_DOC else cell.heading
            if cell.heading and cell.heading != heading:
                title = Title(cell.heading, doc or cell.heading, True, gap, top=not heading)
            else:
                title = Title(comment, doc or comment, banner and bool(comment), gap)
            heading, number = cell.heading, cell.number
        titles.append(title)
        last = statement.end_line
    return titles


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
    slug = "_".join(words)
    return slug if slug.isidentifier() else ""
