"""A run as a trial of a sweep: it tells the metric after each turn of a step's outermost loop, and at its end.

The values are looked up by name in what the loop carries and in the variables of its function, so the loop itself does
not know of it. Outside of a sweep nothing is looked at.
"""

from __future__ import annotations

import contextlib
import os
import sys
from types import FrameType
from typing import Any

from .log import append_line
from .paths import STATE_FOLDER
from .progress import find_numbers

FILE = STATE_FOLDER / "trial.jsonl"
OF = "PIPELINE_TRIAL_OF"
"""Where the project is that this one is a copy of."""
METRIC = "PIPELINE_TRIAL_METRIC"


def enter() -> None:
    """What a trial's process does first: end with the sweep, and keep what it shares with the project as it is."""
    if OF in os.environ:
        from . import mirror, process

        process.die_with_parent()
        mirror.protect_lent(os.environ[OF])


class Turns:
    """Tells the metric of one step as its loops turn. `run` is the StepRun, `block` a Checkpoint of it: a project
    without loops has none."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.metric = os.environ[METRIC]
        self._named: set[str] = set()
        self._turns: dict[tuple[str, int], int] = {}

    def note(self, block: Any, ordinal: int, turn: int, caller: int = 0) -> None:
        """A turn of the outermost loop is over; `caller` is the hash of the frame that has the loop."""
        if not self.run.stack or self.run.stack[0] is not block:
            return
        self._turns = {(block.path, ordinal): turn}
        if is_told(turn):
            self._look(block, ordinal, turn, caller)

    def _look(self, block: Any, ordinal: int, turn: int, caller: int) -> None:
        names = {**_variables(caller), **vars(block.state)}
        # Research code's objects may do anything when they are looked at.
        with contextlib.suppress(Exception):
            self._tell(names, {"block": block.path, "loop": ordinal, "turn": turn})

    def note_end(self, block: Any, caller: FrameType) -> None:
        """A block ends: the last turn of its loop counts in any case, also one that was left by `break`."""
        for (path, ordinal), turn in self._turns.items():
            if path == block.path and not (block.exhausted and is_told(turn)):
                self._look(block, ordinal, turn + (not block.exhausted), hash(caller))
        self._turns = {}

    def note_given(self, values: dict[str, Any]) -> None:
        """The step is over and gives these."""
        with contextlib.suppress(Exception):
            self._tell(values, {"given": True})

    def _tell(self, names: dict[str, Any], where: dict[str, Any]) -> None:
        found = find_numbers(_plain(names, self.metric), self.run.package)
        if self.metric in found:
            append_line(FILE, {"step": self.run.name, **where, "value": found[self.metric]})
        elif new := set(found) - self._named:
            self._named |= new
            append_line(FILE, {"step": self.run.name, "names": sorted(new)})


def is_told(turn: int) -> bool:
    """Each turn up to the hundredth, then each tenth up to the thousandth, and so on: a loop may have millions."""
    every: int = 10 ** max(0, len(str(turn - 1)) - 2)
    return turn % every == 0


def _plain(names: dict[str, Any], metric: str) -> dict[str, Any]:
    """The names, with the metric as a number where it is a tensor of one element."""
    value: Any = names.get(metric)
    if type(value).__module__ == "torch" and getattr(value, "numel", lambda: 0)() == 1:
        return {**names, metric: value.item()}
    return names


def _variables(caller: int) -> dict[str, Any]:
    """The local variables of the function that has the loop."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and hash(frame) != caller:
        frame = frame.f_back
    return dict(frame.f_locals) if frame is not None else {}
