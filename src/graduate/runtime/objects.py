"""Content-addressed, write-once storage. The name of an object is the hash of its content."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from . import store

BACKUP_BELOW = 8 * 1024 * 1024
"""Objects smaller than this get a second copy. The variable PIPELINE_BACKUP_BELOW overrides it (0: none)."""


def digest(*chunks: store.Data) -> str:
    """The hash that names content (BLAKE2b, 160 bits)."""
    state = blake2b(digest_size=20)
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def digest_file(path: Path, size: int | None = None) -> str:
    """The hash of a file's content, or of its first `size` bytes."""
    state = blake2b(digest_size=20)
    left = sys.maxsize if size is None else size
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        while chunk := file.read(min(left, 1 << 20)):
            state.update(chunk)
            left -= len(chunk)
    return state.hexdigest()


def digest_json(content: dict[str, Any]) -> str:
    """The hash of a record, which it holds itself under "hash"."""
    text = json.dumps({key: value for key, value in content.items() if key != "hash"}, sort_keys=True)
    return digest(text.encode())


class Damaged(Exception):
    """An object is missing or its content does not have the hash that names it."""


class Objects:
    """The objects of one state folder, with backups of the small ones and a quarantine for bad ones."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "objects"
        self.backups = root / "backups"
        self.quarantine = root / "quarantine"
        self.staging = root / "staging"
        self.backup_below = int(os.environ.get("PIPELINE_BACKUP_BELOW", BACKUP_BELOW))
        self._unsealed = True
        """Whether names may not be on the disk yet. At first they may not: a dead process may have left them so."""

    def put(self, data: store.Data) -> str:
        """Store content and give its name. It is durable only after `seal`."""
        name = digest(data)
        target = self.folder / name
        size = memoryview(data).nbytes
        if not _is_whole(target, name, size):
            store.commit(self.staging, target, [data], seal=False)
            self._unsealed = True
            if size < self.backup_below:
                self._back_up(name, data)
        return name

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def seal(self) -> None:
        """Return when all that was put is on the disk under its name."""
        if self._unsealed:
            store.fsync_folder(self.folder)
            self._unsealed = False

    def get(self, name: str) -> bytearray:
        """The content, checked. A bad object is set aside and its backup used; else `Damaged`."""
        path = self.folder / name
        data = _read(path)
        if data is not None and digest(data) == name:
            return data
        if data is not None:
            self.set_aside(path)
        backup = _read(self.backups / name)
        if backup is None or digest(backup) != name:
            raise Damaged(name)
        with contextlib.suppress(OSError):
            store.commit(self.staging, path, [backup])
        return backup

    def check(self, name: str) -> bool:
        """Read an object and compare it with its hash; whether it had to be restored. Raises `Damaged`."""
        path = self.folder / name
        if path.exists() and _is_whole(path, name, path.stat().st_size):
            return False
        self.get(name)
        return True

    def mend_backups(self, wanted: Iterable[str]) -> list[str]:
        """Write the second copies anew that are damaged or missing; their names."""
        mended = []
        for name in sorted(wanted):
            backup, data = self.backups / name, self._small(name)
            if data is None or _read(backup) == data:
                continue
            if backup.exists():
                self.set_aside(backup)
            self._back_up(name, data)
            mended.append(name)
        return mended

    def set_aside(self, path: Path) -> None:
        """Move a bad file to the quarantine, where a person can look at it."""
        store.make_folder(self.quarantine)
        number = sum(1 for _ in self.quarantine.iterdir())
        store.rename(path, self.quarantine / f"{number:04d}-{path.name}")

    def sweep(self, keep: Iterable[str]) -> None:
        """Remove the objects that are not in `keep`."""
        wanted = set(keep)
        for folder in (self.folder, self.backups):
            if folder.is_dir():
                for path in folder.iterdir():
                    if path.name not in wanted:
                        store.remove(path)

    def _small(self, name: str) -> bytearray | None:
        """The content of an object that has a second copy."""
        path = self.folder / name
        try:
            return _read(path) if path.stat().st_size < self.backup_below else None
        except OSError:
            return None

    def _back_up(self, name: str, data: store.Data) -> None:
        # Not fsynced: a backup is checked by its hash before it is used, and the object itself is durable.
        store.make_folder(self.backups)
        target = self.backups / name
        if not target.exists():
            store.write_file(target, [data])


def _is_whole(path: Path, name: str, size: int) -> bool:
    try:
        return path.stat().st_size == size and digest_file(path) == name
    except OSError:
        return False


def _read(path: Path) -> bytearray | None:
    """The content in memory that can be written to, so that arrays made from it can be too."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            size = os.fstat(file.fileno()).st_size
            data = bytearray(size)
            view, filled = memoryview(data), 0
            while filled < size:
                count = file.readinto(view[filled:])
                if not count:
                    break
                filled += count
    except OSError:
        return None
    return data if filled == size else None
