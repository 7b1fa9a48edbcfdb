"""Every write to disk goes through these few functions, so that a test can fail each of them in turn.

None of them retries: an fsync that failed once may report success the second time although the
data is gone, so its error ends the attempt.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

Data: TypeAlias = bytes | bytearray | memoryview

_numbers = itertools.count()


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing."""
    path.mkdir(parents=True, exist_ok=True)


def write_file(path: Path, chunks: Iterable[Data]) -> int:
    """Write a file that must not exist yet; its size in bytes."""
    size = 0
    with open(path, "xb", buffering=0) as file:  # noqa: PTH123
        for chunk in chunks:
            view = memoryview(chunk).cast("B") if not isinstance(chunk, bytes) else memoryview(chunk)
            while view:
                written = file.write(view)
                size += written
                view = view[written:]
    return size


def fsync_file(path: Path) -> None:
    """Return when the content of a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Return when the names in a folder are on the disk."""
    fsync_file(path)


def rename(source: Path, target: Path) -> None:
    """Give a file its final name in one step."""
    os.replace(source, target)  # noqa: PTH105


def link(source: Path, target: Path) -> None:
    """A second name for the same content."""
    os.link(source, target)


def copy(source: Path, target: Path) -> None:
    """A second copy of the content."""
    shutil.copyfile(source, target)


def append(path: Path, data: bytes) -> None:
    """Add to the end of a log. A crash can leave a torn last line, which `cut_torn_line` removes."""
    with open(path, "ab", buffering=0) as file:  # noqa: PTH123
        file.write(data)


def cut(path: Path, size: int) -> None:
    """Make a file `size` bytes long."""
    os.truncate(path, size)


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def commit(staging: Path, target: Path, chunks: Iterable[Data], *, seal: bool = True) -> int:
    """Write a file so that it is there whole or not at all, whenever the process dies; its size.

    With `seal=False` the folder of `target` is left for the caller to fsync, once for many files.
    """
    make_folder(staging)
    make_folder(target.parent)
    staged = staging / f"{os.getpid()}-{next(_numbers)}"
    remove(staged)
    try:
        size = write_file(staged, chunks)
        fsync_file(staged)
        rename(staged, target)
    except OSError:
        staged.unlink(missing_ok=True)
        raise
    if seal:
        fsync_folder(target.parent)
    return size


def cut_torn_line(path: Path) -> None:
    """Remove what stands after the last newline of a log: the rest of a line whose writer died."""
    try:
        size = path.stat().st_size
    except OSError:
        return
    with open(path, "rb") as file:  # noqa: PTH123
        end = size
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
    if end != size:
        cut(path, end)
