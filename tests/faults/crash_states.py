"""The folders that a machine may find after a crash, under a weak model of what a disk keeps.

What is not fsynced may be there or not, in any combination: of a file its old content, its new one, half of it or zeros
in its place; of a folder each new, removed or renamed name for itself (a rename inside of one folder is one change, one
between two folders is two). Real file systems keep more of the order than this.
"""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LONE = 4
"""So many of the newest changes of names are kept or lost each for itself; the older ones only together."""
UNREAD = (".pipeline_state/staging", "logs")
"""Folders whose content nobody relies on: all their changes are taken to be kept."""

Files = dict[str, bytes | None]
"""A folder: for each path the content of a file, or None for a folder."""


@dataclass
class Inode:
    """A file or folder: `kept` is what an fsync made sure of, `content` what a read gives."""

    content: bytearray | None = None
    kept: bytes = b""

    @property
    def is_sure(self) -> bool:
        return self.content is None or bytes(self.content) == self.kept


@dataclass
class Disk:
    """What was done to a disk, and what of it is sure."""

    names: dict[str, Inode] = field(default_factory=dict)
    kept: dict[str, Inode] = field(default_factory=dict)
    pending: list[tuple[str, dict[str, Inode | None]]] = field(default_factory=list)
    user: dict[str, bytes | None] = field(default_factory=dict)
    user_kept: dict[str, bytes | None] = field(default_factory=dict)

    def do(self, what: str, path: str, *detail: Any) -> None:
        if what == "user":
            self.user[path] = detail[0]
        elif path in self.user:
            if what == "fsync":
                self.user_kept[path] = self.user[path]
        elif what in ("create", "mkdir"):
            self._name({path: Inode(bytearray() if what == "create" else None)})
        elif what == "write":
            content = self.names[path].content
            assert content is not None
            content += detail[0]
        elif what == "truncate":
            content = self.names[path].content
            assert content is not None
            del content[detail[0] :]
        elif what == "unlink":
            self._name({path: None})
        elif what == "rename":
            target = detail[0]
            moved = self.names[path]
            if posixpath.dirname(path) == posixpath.dirname(target):
                self._name({path: None, target: moved})
            else:
                self._name({target: moved})
                self._name({path: None})
        elif what == "fsync":
            self._fsync(path)

    def _name(self, changes: dict[str, Inode | None]) -> None:
        folder = posixpath.dirname(next(iter(changes)))
        _apply(self.names, changes)
        if folder.startswith(UNREAD):
            _apply(self.kept, changes)
        else:
            self.pending.append((folder, changes))

    def _fsync(self, path: str) -> None:
        inode = self.names.get(path)
        if inode is not None and inode.content is not None:
            inode.kept = bytes(inode.content)
            return
        folder = "" if path == "." else path
        for where, changes in self.pending:
            if where == folder:
                _apply(self.kept, changes)
        self.pending = [each for each in self.pending if each[0] != folder]

    def crash_states(self) -> Iterator[Files]:
        """Every folder that the next process may find."""
        older, lone = self.pending[:-LONE], self.pending[-LONE:]
        for keep_older in (True, False) if older else (True,):
            for keep in itertools.product((True, False), repeat=len(lone)):
                names = dict(self.kept)
                for _, changes in older if keep_older else ():
                    _apply(names, changes)
                for chosen, (_, changes) in zip(keep, lone, strict=True):
                    if chosen:
                        _apply(names, changes)
                yield from self._contents(names)

    def _contents(self, names: dict[str, Inode]) -> Iterator[Files]:
        reachable: dict[str, Inode] = {}
        for path in sorted(names):
            parent = posixpath.dirname(path)
            if not parent or (parent in reachable and reachable[parent].content is None):
                reachable[path] = names[path]
        unsure = any(not each.is_sure for each in reachable.values())
        users = [self.user, self.user_kept] if self.user != self.user_kept else [self.user]
        for user in users:
            found: Files = {path: content for path, content in user.items() if content is not None}
            for how in ("new", "old", "half", "zeros") if unsure else ("new",):
                yield {**found, **{path: _content(each, how) for path, each in reachable.items()}}


def _apply(names: dict[str, Inode], changes: dict[str, Inode | None]) -> None:
    for path, inode in changes.items():
        if inode is None:
            names.pop(path, None)
        else:
            names[path] = inode


def _content(inode: Inode, how: str) -> bytes | None:
    if inode.content is None:
        return None
    if inode.is_sure or how == "new":
        return bytes(inode.content)
    if how == "old":
        return inode.kept
    rest = bytes(inode.content[len(inode.kept) :])
    return inode.kept + (rest[: len(rest) // 2] if how == "half" else bytes(len(rest)))
