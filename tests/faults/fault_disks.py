"""Disks for `store.disk`: one that stops the process or fails at the n-th call, one that takes notes of every call.

Runs inside of the project under test, so it imports nothing of this repo.
"""

# These stand in for the module os, so they call it:
# ruff: noqa: PTH100, PTH102, PTH105, PTH106, PTH108, PTH110, PTH115

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "rmdir", "truncate")
STOPS = ("before", "after", "torn")
ERRORS = {"eio": errno.EIO, "enospc": errno.ENOSPC, "eintr": errno.EINTR}
FAULTS = (*STOPS, *(f"{name}-{how}" for name in (*ERRORS, "short") for how in ("once", "always")))


class Failing:
    """Carries calls out until the n-th, at which `fault` happens; an "…-always" goes on happening after it."""

    def __init__(self, fault: str, number: int) -> None:
        self.fault, _, self.repeats = fault.partition("-")
        self.number = number
        self.count = 0
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name not in CALLS:
            return getattr(os, name)
        return lambda *arguments: self._call(name, *arguments)

    def _call(self, name: str, *arguments: Any) -> Any:
        with self._lock:  # checkpoints are written by a thread of their own
            self.count += 1
        due = self.count >= self.number if self.repeats == "always" else self.count == self.number
        if not due:
            return getattr(os, name)(*arguments)
        if self.fault in STOPS:
            if self.fault == "after":
                with contextlib.suppress(OSError):
                    getattr(os, name)(*arguments)
            if self.fault == "torn" and name == "write":
                os.write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            os._exit(9)
        if self.fault == "short":
            if name == "write":
                return os.write(arguments[0], arguments[1][: max(1, len(arguments[1]) // 3)])
            return getattr(os, name)(*arguments)
        code = ERRORS[self.fault]
        place = arguments[0] if isinstance(arguments[0], (str, Path)) else None
        raise OSError(code, os.strerror(code), None if place is None else str(place))


class Noting:
    """Carries every call out and writes down what it was: (what, path, detail), with project files as they were."""

    def __init__(
        self, root: Path, watched: tuple[str, ...], stop_after: int, stop: Callable[[], Any]
    ) -> None:
        self.root = root
        self.watched = watched
        self.stop_after = stop_after
        self.stop = stop
        self.trace: list[tuple[Any, ...]] = []
        self._paths: dict[int, str] = {}
        self._seen: dict[str, bytes | None] = {}
        self.lock = threading.RLock()

    def __getattribute__(self, name: str) -> Any:
        found = object.__getattribute__(self, name)
        if name not in (*CALLS, "note"):
            return found

        def in_turn(*arguments: Any) -> Any:
            with self.lock:  # a call and its entry stay together, whichever thread it is
                return found(*arguments)

        return in_turn

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def note(self, *entry: Any) -> None:
        for path in self.watched:
            target = self.root / path
            content = target.read_bytes() if target.exists() else None
            if content != self._seen.get(path):
                self._seen[path] = content
                self.trace.append(("user", path, content))
        self.trace.append(entry)
        if len(self.trace) == self.stop_after:
            self.stop()

    def _name(self, path: Any) -> str:
        return os.path.relpath(os.path.abspath(path), self.root)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        is_new = not os.path.exists(path)
        descriptor = os.open(path, flags, mode)
        self._paths[descriptor] = self._name(path)
        if is_new:
            self.note("create", self._name(path))
        return descriptor

    def write(self, descriptor: int, data: Any) -> int:
        written = os.write(descriptor, data)
        self.note("write", self._paths[descriptor], bytes(data[:written]))
        return written

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        self.note("fsync", self._name(os.readlink(f"/proc/self/fd/{descriptor}")))

    def replace(self, source: Any, target: Any) -> None:
        os.replace(source, target)
        self.note("rename", self._name(source), self._name(target))

    def unlink(self, path: Any) -> None:
        os.unlink(path)
        self.note("unlink", self._name(path))

    def mkdir(self, path: Any) -> None:
        os.mkdir(path)
        self.note("mkdir", self._name(path))

    def rmdir(self, path: Any) -> None:
        os.rmdir(path)
        self.note("unlink", self._name(path))

    def truncate(self, path: Any, size: int) -> None:
        os.truncate(path, size)
        self.note("truncate", self._name(path), size)
