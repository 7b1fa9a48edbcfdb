"""Every write to disk goes through these few functions, and they through `disk`, so that a test can fail each call.

None of them retries: an fsync that failed once may report success the second time although the
data is gone, so its error ends the attempt.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

Data: TypeAlias = bytes | bytearray | memoryview

disk: Any = os
"""What carries out the writing calls. Tests put something else here that fails, stops or takes notes."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_numbers = itertools.count()


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing, durably."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        disk.mkdir(path)
    fsync_folder(path.parent)


def write_file(path: Path, chunks: Iterable[Data], *, sync: bool = False) -> int:
    """Write a file that must not exist yet; its size in bytes. With `sync` its content is then on the disk."""
    with _opened(path, disk.open(path, _NEW, 0o666)) as descriptor:
        size = sum(_write(descriptor, chunk) for chunk in chunks)
        if sync:
            disk.fsync(descriptor)
    return size


@contextlib.contextmanager
def _opened(path: Path, descriptor: int) -> Iterator[int]:
    """Close the descriptor at the end; an error then names the file, as those of `open` do."""
    try:
        yield descriptor
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: Data) -> int:
    view = memoryview(data).cast("B")
    size = len(view)
    while view:
        written = disk.write(descriptor, view)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[written:]
    return size


def fsync(path: Path) -> None:
    """Return when the content of a file is on the disk."""
    with _opened(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as descriptor:
        disk.fsync(descriptor)


def fsync_folder(path: Path) -> None:
    """Return when the names in a folder are on the disk."""
    fsync(path)


def rename(source: Path, target: Path) -> None:
    """Give a file its final name in one step."""
    disk.replace(source, target)


def append(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Add to the end of a file. A crash can leave a torn last line, which `cut_torn_line` removes."""
    is_new = sync and not path.exists()
    with _opened(path, disk.open(path, _APPEND, 0o666)) as descriptor:
        _write(descriptor, data)
        if sync:
            disk.fsync(descriptor)
    if is_new:
        fsync_folder(path.parent)


def cut(path: Path, size: int) -> None:
    """Make a file `size` bytes long."""
    disk.truncate(path, size)


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        disk.unlink(path)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there. What cannot be removed stays: nobody needs it."""
    for folder, folders, files in os.walk(path, topdown=False):
        for name in files:
            with contextlib.suppress(OSError):
                disk.unlink(Path(folder, name))
        for name in folders:
            with contextlib.suppress(OSError):
                disk.rmdir(Path(folder, name))
    with contextlib.suppress(OSError):
        disk.rmdir(path)


def commit(staging: Path, target: Path, chunks: Iterable[Data], *, seal: bool = True) -> int:
    """Write a file so that it is there whole or not at all, whenever the machine stops; its size.

    With `seal=False` the folder of `target` is left for the caller to fsync, once for many files.
    """
    make_folder(staging)
    make_folder(target.parent)
    staged = staging / f"{os.getpid()}-{next(_numbers)}"
    remove(staged)
    try:
        size = write_file(staged, chunks, sync=True)
        rename(staged, target)
    except OSError:
        with contextlib.suppress(OSError):
            remove(staged)
        raise
    if seal:
        fsync_folder(target.parent)
    return size


def publish(path: Path, text: bytes) -> None:
    """Replace a copy or cache that may be lost; a failure only means that it is older than it could be."""
    staged = path.with_name(path.name + ".new")
    with contextlib.suppress(OSError):
        remove(staged)
        write_file(staged, [text])
        rename(staged, path)


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
