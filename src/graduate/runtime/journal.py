"""The files that an unfinished step wrote, as they were before, so that its next attempt finds what it found first."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import store
from .files import Before, before_now, begins_with, recorder, stat_of
from .log import say
from .objects import digest
from .paths import PROJECT_ROOT, STATE_FOLDER

KEPT_BELOW = 64 * 1024 * 1024
"""A file of at least so many bytes is not copied before a step overwrites it, and not put back."""
SMALL = 16 * 1024 * 1024
"""Files below this size are kept with their content in checkpoints, bigger ones only with their size."""


class Journal:
    """What a step opened for writing, renamed or removed, each as it was before that.

    What it appended is cut off, what it overwrote put back, what it made moved aside. Not seen are files that a library
    writes without Python's `open` (HDF5, Parquet, databases; but `torch.save` is).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: set[str] | None = None

    def note(self, relative: str, mode: str) -> None:
        """Called before a file is written for the first time in an attempt."""
        if self._known is None:
            self._known = set(self.entries())
        if relative in self._known:
            return
        adds = "a" in mode or "x" in mode
        stat = stat_of(PROJECT_ROOT / relative)
        before = Before(-1, "")
        if adds:
            before = before_now(relative)
        elif stat is not None:
            before = Before(stat[0], self._keep(relative) if stat[0] < KEPT_BELOW else "")
        self._known.add(relative)
        # What must be undone has to be known even when the machine stops.
        sure = adds or bool(before.hash)
        line = [relative, mode, *before]
        text = json.dumps([*line, check(line)]).encode() + b"\n"
        # Twice, so that it is still known when one of them is damaged.
        store.append(self.path, text * 2, sync=sure)

    def _keep(self, relative: str) -> str:
        """Copy a file that is going to be overwritten; the hash of its content, "" without a copy."""
        if self._copy(relative).exists():
            return ""  # another process of the step was first
        try:
            content = (PROJECT_ROOT / relative).read_bytes()
            store.commit(STATE_FOLDER / "staging", self._copy(relative), [content])
        except OSError:
            return ""
        return digest(content)

    def _copy(self, relative: str) -> Path:
        return self.path.parent / "kept" / digest(relative.encode())[:24]

    def aside(self, relative: str) -> Path:
        """Where a file is that an earlier attempt made and that this one has not made yet."""
        return self.path.parent / "aside" / digest(relative.encode())[:24]

    def entries(self) -> dict[str, str]:
        """For each file the mode of its first opening."""
        return {relative: mode for relative, mode, *_ in reversed(self._lines())}

    def appended(self) -> dict[str, Before]:
        """The files that were added to or must not have existed, as they were before."""
        return {
            relative: Before(size, content)
            for relative, mode, size, content in reversed(self._lines())
            if "a" in mode or "x" in mode
        }

    def _overwritten(self) -> dict[str, Before]:
        """The other files, as they were before."""
        return {
            relative: Before(size, content)
            for relative, mode, size, content in reversed(self._lines())
            if not ("a" in mode or "x" in mode)
        }

    def _lines(self) -> list[Any]:
        found = []
        with contextlib.suppress(OSError):
            for line in self.path.read_bytes().split(b"\n"):
                with contextlib.suppress(ValueError, TypeError):
                    *entry, sure = json.loads(line)
                    if sure == check(entry):
                        found.append(entry)
        return found

    def undo(self, except_for: Collection[str] = ()) -> None:
        """Cut back what the unfinished attempt appended, remove what must not exist yet."""
        cut_back({path: each for path, each in self.appended().items() if path not in except_for})

    def note_folder(self, block: str, relative: str) -> None:
        """A block is about to make a folder, whose name depends on the folders that there are."""
        store.append(
            self.path.with_name("folders.jsonl"), json.dumps([block, relative]).encode() + b"\n", sync=True
        )

    def folders(self) -> dict[str, str]:
        """The folders that blocks of the unfinished attempt have made."""
        found: dict[str, str] = {}
        with contextlib.suppress(OSError):
            for line in self.path.with_name("folders.jsonl").read_bytes().split(b"\n"):
                with contextlib.suppress(ValueError):
                    block, relative = json.loads(line)
                    found[block] = relative
        return found

    def remove_folders(self) -> None:
        for relative in self.folders().values():
            store.remove_folder(PROJECT_ROOT / relative)

    def put_back_overwritten(self) -> None:
        """Give every file that was overwritten, renamed or removed and that was kept its content again."""
        with recorder.paused():
            for relative, before in self._overwritten().items():
                if not before.hash or before_now(relative) == before:
                    continue
                content = self._content(relative, before.hash)
                if content is None:
                    say(f"{relative} cannot be put back: its copy is damaged")
                else:
                    store.commit(STATE_FOLDER / "staging", PROJECT_ROOT / relative, [content])

    def damaged_copies(self) -> list[str]:
        """The files whose copies could not be put back."""
        return [
            path
            for path, each in self._overwritten().items()
            if each.hash and self._content(path, each.hash) is None
        ]

    def _content(self, relative: str, wanted: str) -> bytes | None:
        """What a file held before it was overwritten; None when its copy is damaged or gone."""
        copy = self._copy(relative)
        content = copy.read_bytes() if copy.exists() else b""
        return content if digest(content) == wanted else None

    def hide(self) -> None:
        """Make the files what they were before the unfinished attempt, which is to go on from a checkpoint.

        The checkpoint puts back what it found. What it does not hold for their size waits aside.
        """
        self.put_back_overwritten()
        appended = self.appended()
        for relative, before in {**self._overwritten(), **appended}.items():
            self._hide(relative, before, adds=relative in appended)

    def _hide(self, relative: str, before: Before, *, adds: bool) -> None:
        path = PROJECT_ROOT / relative
        stat = stat_of(path)
        if stat is None:
            return
        if before.size < 0:
            store.make_folder(self.aside(relative).parent)
            store.rename(path, self.aside(relative))
        elif stat[0] < SMALL and adds:
            cut_back({relative: before})

    def remove_made(self) -> None:
        """Remove the files that the unfinished attempt made."""
        for relative, before in self._overwritten().items():
            if before.size < 0 and stat_of(PROJECT_ROOT / relative) is not None:
                store.remove(PROJECT_ROOT / relative)

    def foreign(self) -> str:
        """A file that somebody else changed below what this step added to it; "" when there is none."""
        return next((path for path, each in self.appended().items() if not begins_with(path, each)), "")


def check(line: list[Any]) -> str:
    return digest(json.dumps(line).encode())[:16]


def cut_back(files: dict[str, Before]) -> None:
    """Make files what they were before somebody added to them, unless their beginning is another one now."""
    for relative, before in files.items():
        path = PROJECT_ROOT / relative
        stat = stat_of(path)
        if stat is None or not begins_with(relative, before):
            continue
        if before.size < 0:
            store.remove(path)
        elif stat[0] > before.size:
            store.cut(path, before.size)
