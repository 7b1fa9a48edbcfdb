"""What the processes read that a step starts: workers that are forked, and new ones that import this package.

They add each file and setting to a file of the step, which takes it up as if it had read it itself: what changes there
makes the step stale.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

from . import configuration, optional, store
from .files import recorder, stat_of
from .journal import Journal, check
from .paths import PROJECT_ROOT
from .running import settings_read

VARIABLE = "PIPELINE_STEP_READS"
"""Tells new processes the file, where to ask for the context, and the command line that the settings come from."""


class Children:
    """The file of the step that runs in this process; `path` is None when none does."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._seen = 0
        self._is_child = False

    def start(self, path: Path, context_at: str = "") -> None:
        """From here on: what an earlier attempt's workers read counts, and new ones are told where to write.

        `context_at` is where they can ask for values of the context ("" for nowhere)."""
        self.path, self._seen = path, 0
        os.environ[VARIABLE] = json.dumps([str(path), context_at, *configuration.command_line()])
        self.gather()

    def stop(self) -> None:
        _end_reused_workers()
        self.gather()
        self.path = None
        os.environ.pop(VARIABLE, None)

    def gather(self) -> None:
        """Take up what was added since. Workers that are started after it know it too, and do not add it again."""
        if self.path is None or self._is_child:
            return
        with recorder.paused(), contextlib.suppress(OSError), self.path.open("rb") as file:
            file.seek(self._seen)
            whole, newline, _ = file.read().rpartition(b"\n")
            self._seen += len(whole + newline)
            for line in whole.split(b"\n"):
                with contextlib.suppress(ValueError, TypeError):
                    kind, name, text, sure = json.loads(line)
                    if sure == check([kind, name, text]):
                        _take_up(kind, name, text)

    def join(self, path: Path) -> None:
        """This process is one that the step started."""
        self.path, self._is_child = path, True
        recorder.on_read = lambda relative: self._add("file", relative, "")
        settings_read.on_note = lambda name, text: self._add("setting", name, text)

    def after_fork(self) -> None:
        if self.path is not None:
            self.join(self.path)

    def _add(self, kind: str, name: str, text: str) -> None:
        line = [kind, name, text]
        data = json.dumps([*line, check(line)]).encode() + b"\n"
        if self.path is not None and self.path.parent.is_dir():
            with recorder.paused(), contextlib.suppress(OSError):
                # Twice, so that it is still known when one of them is damaged.
                store.append(self.path, data * 2)


def _end_reused_workers() -> None:
    """Workers that joblib keeps for its next call would go on adding to the file of the step that started them."""
    executor = getattr(sys.modules.get("joblib.externals.loky.reusable_executor"), "_executor", None)
    if executor is not None:
        executor.shutdown(wait=True, kill_workers=True)


def _take_up(kind: str, name: str, text: str) -> None:
    if kind == "setting":
        settings_read.step.setdefault(name, text)
    elif name not in recorder.read and name not in recorder.written:
        stat = stat_of(PROJECT_ROOT / name)
        if stat is not None:
            recorder.read[name] = stat


children = Children()
os.register_at_fork(before=children.gather, after_in_child=children.after_fork)


def join() -> None:
    """Called when the package is imported by a process that a step started: its settings are those of the step."""
    path, context_at, *command_line = json.loads(os.environ[VARIABLE])
    configuration.set_command_line(command_line)
    recorder.start()
    recorder.before_write = Journal(Path(path).with_name("touched.jsonl")).note
    children.join(Path(path))
    if context_at:
        optional.find("spawned").join(context_at)
