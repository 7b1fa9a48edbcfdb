"""Data files that other data files name, like a list of images: only a run knows that they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from posixpath import basename, dirname, join, normpath

from graduate.model.facts import DataFile
from graduate.model.source import OtherFile, Place, Sources

_LIST_BYTES = 1_000_000
_ALL_BYTES = 20_000_000
_APART = re.compile(r"[\s,;:|\"'<>()\[\]{}=]+")


def find_listed(
    sources: Sources, known: Sequence[DataFile], others: Sequence[OtherFile]
) -> Iterator[tuple[OtherFile, Place]]:
    """Those of the other files that a known data file, or one found here, names in its text, and where."""
    have = {file.path for file in known}
    missing = {file.path: file for file in others if file.path not in have}
    folders = {"", *(program.folder for program in sources.programs)}
    waiting = [(file.path, file.size) for file in known]
    left = _ALL_BYTES
    while waiting and missing:
        path, size = waiting.pop(0)
        if size > min(left, _LIST_BYTES):
            continue
        left -= size
        for found, place in _named_in(Path(sources.root), path, folders, missing):
            yield found, place
            waiting.append((found.path, found.size))


def _named_in(
    root: Path, path: str, folders: set[str], missing: dict[str, OtherFile]
) -> Iterator[tuple[OtherFile, Place]]:
    """The missing files that a file names, which are missing no more."""
    try:
        text = (root / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    names = {basename(each) for each in missing}
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        for word in {line.strip(), *_APART.split(line)}:
            if basename(word) not in names:
                continue
            for folder in (*folders, dirname(path)):
                found = missing.pop(normpath(join(folder, word)), None)
                if found is not None:
                    yield found, Place(path, number, number)
