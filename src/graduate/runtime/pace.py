"""When loops save: as often as was asked for, but never so often that it costs more than its share of the time."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING

from .signals import stop

if TYPE_CHECKING:
    from .background import Outcome
    from .checkpoint import Checkpoint

clock = time.perf_counter
_MEASURED = 0.25
"""The part of the share that saves in the background may take as far as it is measured. As much again is for the save
at the end of a block; the rest is for what is not measured: cold caches, a shared disk."""
_RETRY = 0.02
"""Seconds until a loop asks again whether a write in flight has ended."""


class Timer:
    """When the loops have to look up. They compare the clock with `due` and nothing else."""

    __slots__ = ("due",)

    def __init__(self) -> None:
        self.due = math.inf


class Pace:
    """What saving has cost until now, and when the next one is due.

    A save in the background costs the time in which the loop waits for the copy. Its write costs something too when
    no core is idle: as much of the processor's time as the loop then has to do without.
    """

    def __init__(self) -> None:
        self.timer = Timer()
        self.forced_every = int(os.environ.get("CHECKPOINT_EVERY", 0))
        self.forced_seconds = float(os.environ.get("CHECKPOINT_SECONDS", "nan"))
        self.looks = 0
        self.blocked = 0.0
        self.crowded_out = 0.0
        self.saves = 0
        self.spent = 0.0
        """What all saves have cost together."""
        self.waited = 0.0
        """How long a save takes when the loop waits for all of it."""
        self._looks_at_save = 0
        self._last_save = clock()
        self._processor = time.process_time()
        self._crowding = 0.0

    def interval(self, block: Checkpoint) -> float:
        """Seconds from one save to the next in which it takes at most its share."""
        cost = self.blocked + self.crowded_out or block.estimated_cost(in_background=True)
        return cost / (block.max_overhead * _MEASURED)

    def schedule(self, block: Checkpoint, broken: str) -> None:
        """Set the time of the next look."""
        if stop or self.forced_every or (block.every is not None and not broken):
            self.timer.due = 0.0
        elif broken:
            self.timer.due = math.inf
        elif not math.isnan(self.forced_seconds):
            self.timer.due = self._last_save + self.forced_seconds
        else:
            least = block.seconds or (0.2 if self.blocked else 1.0)
            self.timer.due = self._last_save + max(least, self.interval(block))

    def put_off(self) -> None:
        """A write is in flight: look again soon, or, where iterations are counted, after the next one."""
        if self.timer.due:
            self.timer.due = clock() + _RETRY

    def is_due(self, block: Checkpoint) -> bool:
        """Whether a loop that looks up has to save now."""
        done = self.looks - self._looks_at_save
        if self.forced_every:
            return done >= self.forced_every
        if not math.isnan(self.forced_seconds):
            return True
        if block.every is not None:
            affordable = not self.blocked or clock() - self._last_save >= self.interval(block)
            return done >= block.every and affordable
        self.schedule(block, "")  # a write that has ended since may have cost more than was known
        return clock() >= self.timer.due

    def affords_done(self, block: Checkpoint, took: float, spent_before: float) -> bool:
        """Whether a block that took so long may still save what it has come to, and wait for it."""
        if self.forced_every:
            return True
        cost = self.waited or block.estimated_cost()
        if not math.isnan(self.forced_seconds):
            return cost <= took * block.max_overhead
        return cost + self.spent - spent_before <= took * block.max_overhead * 2 * _MEASURED

    def start(self) -> None:
        """A save begins: how many cores too few there will be for it beside the loop."""
        self.saves += 1
        wall = max(clock() - self._last_save, 1e-9)
        busy = (time.process_time() - self._processor) / wall
        self._crowding = min(1.0, max(0.0, busy + 1 - _cores()))

    def restart(self) -> None:
        """Count the time to the next save from here."""
        self._last_save = clock()
        self._processor = time.process_time()
        self._looks_at_save = self.looks

    def note_written(self, outcome: Outcome) -> None:
        """A write beside the loop has ended."""
        self.crowded_out = outcome.processor * self._crowding
        self.spent += self.crowded_out
        self.waited = self.blocked + outcome.seconds
        self._processor += outcome.processor


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
