"""The files of a source folder, in a fixed order, without what people do not write themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graduate.errors import ReadError
from graduate.model.source import OtherFile
from graduate.read.raw_cells import is_module

_IGNORED = {"__pycache__", "node_modules", "site-packages", "__MACOSX"}
_BUILT = {"build", "dist"}
_NOT_OURS = re.compile(
    r"(^|/)(test_[^/]*|conftest|setup|versioneer|noxfile|fabfile)\.py$|(^|/)(tests?|docs?)/[^/]*\.py$"
)
_TESTS = re.compile(
    rb"^\s*(def test_|async def test_|(import|from) (pytest|unittest)\b|class \w*\(.*TestCase)", re.M
)


@dataclass(frozen=True, slots=True)
class Walk:
    """What was found below the root: modules are Python files and notebooks."""

    modules: tuple[str, ...]
    files: tuple[OtherFile, ...]
    broken_links: tuple[str, ...] = ()


def walk(root: Path, *, depth: int | None = None, most: int | None = None) -> Walk:
    """The files below `root`, at most `depth` folders deep and at most `most` of them.

    Raises ReadError for a folder that cannot be listed, or a link that leads back to a folder around it; with a
    limit (a look around a file, not a folder that was asked for) they are passed over.
    """
    modules: list[str] = []
    files: list[OtherFile] = []
    seen: set[str] = set()
    broken: list[str] = []
    for relative, entry in _entries(root, "", (os.path.realpath(root),), depth, broken):
        if most is not None and len(modules) + len(files) >= most:
            break
        try:
            size = entry.stat().st_size
        except OSError:
            continue
        if is_module(Path(entry.path)):
            real = os.path.realpath(entry.path)
            if real not in seen:
                modules.append(relative)
            seen.add(real)
        else:
            files.append(OtherFile(relative, size))
    return Walk(tuple(sorted(modules)), tuple(sorted(files, key=lambda file: file.path)), tuple(broken))


def _entries(
    folder: Path, prefix: str, around: tuple[str, ...], depth: int | None, broken: list[str]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files first, then folders, each by name; so a limit on their number cuts off the deepest.

    `broken` is given the links that point to themselves.
    """
    folders = []
    try:
        entries = _list(folder, prefix)
    except ReadError:
        if depth is None:
            raise
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:
            broken.append(prefix + entry.name)
            continue
        if is_folder:
            folders.append(entry)
        elif is_file:
            yield prefix + entry.name, entry
    for entry in folders:
        if not _is_ignored(entry) and (depth is None or len(around) <= depth):
            real = os.path.realpath(entry.path)
            if real in around and depth is not None:
                continue
            if real in around:
                raise _loop(prefix + entry.name, entry, around)
            yield from _entries(Path(entry.path), f"{prefix}{entry.name}/", (*around, real), depth, broken)


def _list(folder: Path, prefix: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise ReadError(
            f"The folder {prefix.rstrip('/') or folder.name} cannot be listed.",
            where=prefix.rstrip("/") or str(folder),
            why=error.strerror or str(error),
            fix="Check that you have permission to read it, or leave it out of the source folder.",
        ) from error


def _is_ignored(entry: os.DirEntry[str]) -> bool:
    name, path = entry.name, Path(entry.path)
    return (
        name in _IGNORED
        or name.endswith((".egg-info", ".dist-info"))
        or (path / "pyvenv.cfg").exists()
        or (path / "conversion.json").exists()
        or (name in _BUILT and not (path / "__init__.py").exists())
    )


def _loop(relative: str, entry: os.DirEntry[str], around: tuple[str, ...]) -> ReadError:
    above = relative.split("/")[: around.index(os.path.realpath(entry.path))]
    return ReadError(
        f"The link {relative} leads back to a folder that it lies in.",
        where=relative,
        why=f"It points to {'/'.join(above) or 'the source folder itself'}, so the folder never ends.",
        fix="Remove the link, or make it point to a single file.",
    )


def is_left_out(root: Path, path: str) -> bool:
    """Whether a Python file is for testing, packaging or documentation, and no part of the research code.

    An ending does not make a test: people call the scripts of their experiments `adding_test.py`, too.
    """
    if _NOT_OURS.search(path):
        return True
    if not path.endswith("_test.py"):
        return False
    try:
        return _TESTS.search((root / path).read_bytes()) is not None
    except OSError:
        return False
