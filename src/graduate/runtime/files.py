"""The project's own files that a step reads and writes, so that a changed file makes a step stale.

Reads are seen through Python's audit hook; writes by looking at the project's folder before and after.
Files under the package, the state folder, logs and environments do not count.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .objects import digest_file
from .paths import PACKAGE_FOLDER, PROJECT_ROOT, STATE_FOLDER

_TICK = 20_000_000
"""Nanoseconds; no kernel's clock for files ticks slower."""
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
_SEEN = frozenset({"open", "os.remove", "os.rename"})
_OWN = frozenset({PACKAGE_FOLDER.name, "logs/pipeline.jsonl"})
Stat = tuple[int, int, int]


@dataclass(frozen=True)
class FileRecord:
    """A file's content, and the stat that lets an unchanged one be recognised without reading it."""

    stat: Stat
    hash: str

    def to_json(self) -> list[Any]:
        return [*self.stat, self.hash]

    @staticmethod
    def from_json(value: list[Any]) -> FileRecord:
        return FileRecord((value[0], value[1], value[2]), value[3])


def stat_of(path: str | Path) -> Stat | None:
    """Size, modification time in ns and inode of a regular file."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    if not os.path.isfile(path):  # noqa: PTH113
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


class Before(NamedTuple):
    """A file before something was added to it: its size (-1: it was not there) and the hash of its content."""

    size: int
    hash: str


def before_now(relative: str) -> Before:
    """The file as it is now, as something to come back to."""
    stat = stat_of(PROJECT_ROOT / relative)
    return Before(-1, "") if stat is None else Before(stat[0], digest_file(PROJECT_ROOT / relative, stat[0]))


def begins_with(relative: str, before: Before) -> bool:
    """Whether a file still begins with what was there before something was added."""
    if before.size <= 0:
        return before.size < 0 or stat_of(PROJECT_ROOT / relative) is not None
    try:
        return digest_file(PROJECT_ROOT / relative, before.size) == before.hash
    except OSError:
        return False


def record_of(relative: str) -> FileRecord | None:
    """The file as it is now; None when it is missing or cannot be read."""
    path = PROJECT_ROOT / relative
    stat = stat_of(path)
    if stat is None:
        return None
    # A file that is changed again within one tick of the file system's clock would keep its stat.
    if 0 <= (age := time.time_ns() - stat[1]) < _TICK:
        time.sleep((_TICK - age) / 1e9)
        return record_of(relative)
    try:
        return FileRecord(stat, digest_file(path))
    except OSError:
        return None


def is_unchanged(relative: str, record: FileRecord) -> bool:
    """Whether a file still has the recorded content."""
    path = PROJECT_ROOT / relative
    stat = stat_of(path)
    if stat is None or stat[0] != record.stat[0]:
        return False
    if stat == record.stat:
        return True
    try:
        return digest_file(path) == record.hash
    except OSError:
        return False


def counts(relative: str) -> bool:
    """Whether a path (relative to the root) is the research's own, not machinery."""
    parts = relative.split("/")
    return not (
        parts[0] in _OWN or relative in _OWN or parts[0].startswith(".") or _SKIPPED.intersection(parts)
    )


def is_log(relative: str, stat: Stat) -> bool:
    """Whether a file that the step did not open itself is where somebody sends this run's output."""
    for descriptor in (1, 2):
        try:
            if os.fstat(descriptor).st_ino == stat[2]:
                return True
        except OSError:
            continue
    return relative.endswith((".log", ".out"))


def is_nobodys(name: str) -> bool:
    """Whether a file outside of the project is a cache, a device, or temporary with a name of its own."""
    temporary = f"{tempfile.gettempdir()}/"
    if name.startswith(temporary):
        return name.removeprefix(temporary).startswith(("tmp", "pymp", "torch", "matplotlib"))
    home = os.path.expanduser("~")  # noqa: PTH111
    caches = (
        "/dev/",
        "/proc/",
        "/sys/",
        f"{sys.prefix}/",
        f"{home}/.cache/",
        f"{home}/.config/",
        f"{home}/.triton/",
    )
    return name.startswith(caches) or "/__pycache__/" in name


def scan() -> dict[str, Stat]:
    """Every file of the project that counts."""
    found: dict[str, Stat] = {}
    stack = [("", str(PROJECT_ROOT))]
    while stack:
        prefix, folder = stack.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            name = prefix + entry.name
            if entry.name in _SKIPPED or entry.name.startswith(".") or name in _OWN:
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    if os.path.exists(entry.path + "/pyvenv.cfg"):  # noqa: PTH110
                        continue
                    stack.append((name + "/", entry.path))
                elif entry.is_file(follow_symlinks=False):
                    stat = entry.stat()
                    found[name] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
            except OSError:
                continue
    return found


def _in_folder(path: Any, folder: int) -> Any:
    """A path that may be relative to an open folder (-1: to none); None when that cannot be told."""
    if folder < 0 or not isinstance(path, str):
        return path
    try:
        return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)  # noqa: PTH115, PTH118
    except OSError:
        return None


class Recorder:
    """Sees every file that Python opens, while a step runs."""

    def __init__(self) -> None:
        self.active = False
        self.read: dict[str, Stat] = {}
        self.written: dict[str, str] = {}
        """Files opened for writing with the mode of the first opening."""
        self.ever_written: set[str] = set()
        """The same of all steps that this process has run."""
        self.before_write: Callable[[str, str], None] | None = None
        self.on_read: Callable[[str], None] | None = None
        """Told each file that is read for the first time, where this process is not the step's own."""
        self._installed = False
        self._watched: Any = None
        self._root = str(PROJECT_ROOT) + "/"
        self._state = str(STATE_FOLDER) + "/"

    def start(self) -> None:
        self.read, self.written = {}, {}
        if not self._installed:
            see = self._see

            # Python calls it for all that it reports, `id` among it; a plain function takes half the time of a method.
            def hook(event: str, arguments: tuple[Any, ...]) -> None:
                if event in _SEEN:
                    see(event, arguments)

            sys.addaudithook(hook)
            self._installed = True
        self.active = True

    def stop(self) -> None:
        self.active = False

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """What is done inside is not the step's doing."""
        active, self.active = self.active, False
        try:
            yield
        finally:
            self.active = active

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, mode, flags = arguments
            self._see_path(path, mode, flags)
            if self._watched is None:
                self._watch_torch()
        elif event == "os.remove":
            self._see_path(_in_folder(*arguments), "w", 0)
        elif event == "os.rename":
            self._see_path(_in_folder(arguments[0], arguments[2]), "w", 0)
            self._see_path(_in_folder(arguments[1], arguments[3]), "w", 0)

    def _see_path(self, path: Any, mode: str | None, flags: int) -> None:
        if not isinstance(path, (str, os.PathLike)):
            return
        text = os.fspath(path)
        if not isinstance(text, str):
            return
        if not text.startswith("/"):
            text = os.path.abspath(text)  # noqa: PTH100
        elif ".." in text:
            text = os.path.normpath(text)
        if not text.startswith(self._root) or text.startswith(self._state):
            return
        self._note(text[len(self._root) :], mode, flags)

    def _watch_torch(self) -> None:
        """`torch.save` opens its file by itself, unseen by Python."""
        writer = getattr(sys.modules.get("torch.serialization"), "_open_zipfile_writer_file", None)
        if writer is None:
            return
        self._watched = plain = writer.__init__

        def seen(writer: Any, name: Any, *arguments: Any, **keywords: Any) -> None:
            if self.active:
                self._see_path(name, "w", 0)
            plain(writer, name, *arguments, **keywords)

        writer.__init__ = seen

    def _note(self, relative: str, mode: str | None, flags: int) -> None:
        if not counts(relative):
            return
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR)) if mode is None else any(c in mode for c in "wax+")
        with self.paused():
            if writes and relative not in self.written:
                how = mode or ("a" if flags & os.O_APPEND else "w")
                if self.before_write is not None:
                    self.before_write(relative, how)
                self.written[relative] = how
                self.ever_written.add(relative)
            reads = not writes or mode is None or "+" in mode
            if reads and relative not in self.read and relative not in self.written:
                stat = stat_of(PROJECT_ROOT / relative)
                if stat is not None:
                    self.read[relative] = stat
                    if self.on_read is not None:
                        self.on_read(relative)


recorder = Recorder()
