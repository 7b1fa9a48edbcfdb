"""The step that runs in this process, as far as loops and settings need to know it."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from . import configuration, store
from .files import recorder, stat_of
from .paths import PROJECT_ROOT


class Journal:
    """Files that an unfinished step opened for writing, with their sizes before.

    When the step is run again, what it appended is cut off, so that no line is there twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, relative: str, mode: str) -> None:
        stat = stat_of(PROJECT_ROOT / relative)
        entry = [relative, mode, -1 if stat is None else stat[0]]
        # What must be undone has to be known even when the machine stops.
        store.append(self.path, json.dumps(entry).encode() + b"\n", sync="a" in mode or "x" in mode)

    def entries(self) -> dict[str, tuple[str, int]]:
        """For each file the mode of its first opening and its size before (-1: it was not there)."""
        found: dict[str, tuple[str, int]] = {}
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError:
            return found
        for line in lines:
            try:
                relative, mode, size = json.loads(line)
            except ValueError:
                continue
            found.setdefault(relative, (mode, size))
        return found

    def undo(self, except_for: Collection[str] = ()) -> list[str]:
        """Cut back what was appended, remove what must not exist yet; the files that were changed."""
        changed = []
        for relative, (mode, size) in self.entries().items():
            path = PROJECT_ROOT / relative
            stat = stat_of(path)
            if stat is None or relative in except_for or not ("a" in mode or "x" in mode):
                continue
            if size < 0:
                store.remove(path)
                changed.append(relative)
            elif stat[0] > size:
                store.cut(path, size)
                changed.append(relative)
        return changed

    def clear(self) -> None:
        store.remove(self.path)


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
