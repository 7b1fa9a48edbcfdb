"""The files that a step writes while its loops run: kept with a checkpoint, and put back with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import store
from .files import recorder, stat_of
from .journal import SMALL, Journal
from .objects import Damaged
from .open_files import open_files
from .paths import PROJECT_ROOT

if TYPE_CHECKING:
    from .pickling import Packed
    from .saved import Folder, Saved


def flush() -> None:
    """Bring what the step has written so far into its files."""
    if recorder.written:
        for file in open_files(set(recorder.written)):
            file.flush()


def keep(journal: Journal, parts: dict[str, Packed]) -> dict[str, list[Any]]:
    """For each file that the step has written: how it was opened and its size (-1: it is gone); its content goes to
    `parts`."""
    from .pickling import Packed

    kept: dict[str, list[Any]] = {}
    for path, mode in journal.entries().items():
        stat = stat_of(PROJECT_ROOT / path)
        if stat is None and (PROJECT_ROOT / path).exists():
            continue  # a folder
        kept[path] = [mode, -1 if stat is None else stat[0]]
        if stat is not None and stat[0] < SMALL:
            parts[f"file:{path}"] = Packed((PROJECT_ROOT / path).read_bytes())
    return kept


def put_back(saved: Saved, folder: Folder, journal: Journal) -> None:
    """Make the files that the step wrote what they were, open ones included. Raises `Damaged` when it cannot."""
    try:
        with recorder.paused():
            handles = list(open_files(set(saved.files())))
            for file in handles:
                file.flush()
            for path, (mode, size) in saved.files().items():
                _put_back_one(path, mode, size, saved, folder, journal)
            for file in handles:
                file.seek(0, os.SEEK_END)
            journal.undo(except_for=set(saved.files()))
    except OSError as error:
        raise Damaged(f"{error.filename} could not be put back ({error.strerror})") from error


def _put_back_one(path: str, mode: str, size: int, saved: Saved, folder: Folder, journal: Journal) -> None:
    target = PROJECT_ROOT / path
    if size < 0:
        store.remove(target)
        return
    if f"file:{path}" in saved.parts:
        data = folder.load(saved, f"file:{path}")[0]
        if not target.exists() or target.read_bytes() != data:
            store.make_folder(target.parent)
            _overwrite(target, data)
        return
    aside = journal.aside(path)
    if not target.exists() and aside.exists():
        store.make_folder(target.parent)
        store.rename(aside, target)
    now = target.stat().st_size if target.exists() else -1
    if "a" in mode and now > size:
        store.cut(target, size)
    elif now != size:
        raise Damaged(f"{path} has {now} bytes, not {size}, and was too big to be kept")


def _overwrite(path: Path, data: bytearray) -> None:
    """Change the content of a file in place, so that open handles stay valid."""
    if path.exists():
        store.cut(path, 0)
    store.append(path, bytes(data))
