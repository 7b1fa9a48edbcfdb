"""Which settings the step that runs in this process has read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from . import configuration


class SettingsRead:
    """Which settings were read by the step that runs, and which by all (setup, module bodies)."""

    def __init__(self) -> None:
        self.step: dict[str, str] = {}
        self.process: dict[str, str] = {}
        self.in_setup = False
        self.on_note: Callable[[str, str], None] | None = None
        """Told each setting that is read for the first time, where this process is not the step's own."""

    def note(self, name: str, text: str) -> None:
        if name in self.step:
            return
        self.step[name] = text
        if self.on_note is not None:
            self.on_note(name, text)
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
