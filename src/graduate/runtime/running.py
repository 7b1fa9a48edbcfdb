"""The step that runs in this process, as far as loops and settings need to know it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import configuration, store
from .files import Before, before_now, begins_with, recorder, stat_of
from .paths import PROJECT_ROOT


class Journal:
    """Files that an unfinished step opened for writing, as they were before.

    When the step is run again, what it appended is cut off, so that no line is there twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, relative: str, mode: str) -> None:
        adds = "a" in mode or "x" in mode
        before = before_now(relative) if adds else Before(-1, "")
        # What must be undone has to be known even when the machine stops.
        store.append(self.path, json.dumps([relative, mode, *before]).encode() + b"\n", sync=adds)

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

    def _lines(self) -> list[Any]:
        return _read_lines(self.path)

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
        return dict(_read_lines(self.path.with_name("folders.jsonl")))

    def remove_folders(self) -> None:
        for relative in self.folders().values():
            store.remove_folder(PROJECT_ROOT / relative)

    def foreign(self) -> str:
        """A file that somebody else changed below what this step added to it; "" when there is none."""
        return next((path for path, each in self.appended().items() if not begins_with(path, each)), "")


def _read_lines(path: Path) -> list[Any]:
    """The whole lines of a journal."""
    found = []
    with contextlib.suppress(OSError):
        for line in path.read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


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


class SettingsRead:
    """Which settings were read by the step that runs, and which by all (setup, module bodies)."""

    def __init__(self) -> None:
        self.step: dict[str, str] = {}
        self.process: dict[str, str] = {}
        self.in_setup = False

    def note(self, name: str, text: str) -> None:
        if name in self.step:
            return
        self.step[name] = text
        if self.in_setup or _called_from_module_body():
            self.process[name] = text

    def start(self) -> None:
        self.step = dict(self.process)
        configuration.tell_again()


def _called_from_module_body() -> bool:
    """Whether a setting is read while a module is imported, so that every later user of it depends on it."""
    here = __name__.rpartition(".")[0]
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(here + "."):
        frame = frame.f_back
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            return bool(frame.f_globals.get("__name__") != "__main__")
        if frame.f_code.co_flags & 0x0002 and not frame.f_code.co_name.startswith(
            "<"
        ):  # a function's own locals
            return False
        frame = frame.f_back
    return False


settings_read = SettingsRead()
configuration.on_read.append(settings_read.note)

__all__ = ["Journal", "SettingsRead", "recorder", "settings_read"]
