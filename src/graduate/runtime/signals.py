"""Stop signals. The first one only sets a flag, which is looked at where it is safe to stop.

Forked children do not take part: they ignore what a terminal sends to all (their parent still needs them)
and end on SIGTERM as any process does. A Python handler would not do for them: it only runs between
bytecodes, and a worker that waits for a lock would never get there, so `terminate()` would hang. So it would
over a SIGTERM that a child gets before it has left: signals wait until it has.
Loader workers are started with the signals blocked (`deaf_children`), so that a batch system that signals
every process does not take them away before the state is saved.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
_FORWARDED_TWICE = 0.5
"""A child of the pipeline gets a terminal's Ctrl-C twice, from the terminal and from its parent; so does the pipeline
itself below make, which hands SIGTERM on."""


class StopFlag:
    """Whether a stop was asked for. `on_stop` functions are called from the handler and must be tiny."""

    def __init__(self) -> None:
        self.number = 0
        self.time = 0.0
        self.is_child = False
        self.is_shared = False
        """Whether whoever started this process ends it itself when it takes too long, as torchrun does."""
        self.on_stop: list[Callable[[], None]] = []
        self.forward: Callable[[int], None] | None = None
        self._previous: dict[int, Any] = {}
        self._watches_forks = False
        self._forking = threading.local()

    def __bool__(self) -> bool:
        return self.number != 0

    @property
    def name(self) -> str:
        return signal.Signals(self.number).name if self.number else ""

    def install(self) -> None:
        """Take over the stop signals of this process."""
        self.number = 0
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._handle)
        if not self._watches_forks and hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._hold_signals,
                after_in_parent=self._release_signals,
                after_in_child=self._leave_in_child,
            )
            self._watches_forks = True

    def uninstall(self) -> None:
        """Give the signals back."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous.clear()

    def _hold_signals(self) -> None:
        self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS) if self._previous else None

    def _release_signals(self) -> None:
        if self._forking.mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._forking.mask)

    def _leave_in_child(self) -> None:
        if self._previous:
            self._previous.clear()
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
        self._release_signals()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again = self.number != 0
        if again and self.is_shared:
            return
        is_handed_on = self.is_child or "MAKELEVEL" in os.environ
        if again and not (is_handed_on and time.monotonic() - self.time < _FORWARDED_TWICE):
            os._exit(128 + number if number != signal.SIGUSR1 else 75)
        self.number = number
        self.time = time.monotonic()
        if not self.is_child:
            # Straight to the descriptor: a signal may come while `sys.stderr` is being written to.
            os.write(2, b"\nStopping at the next safe point; once more stops at once.\n")
        if self.forward is not None:
            self.forward(number)
        for tell in self.on_stop:
            tell()


@contextmanager
def deaf_children() -> Iterator[None]:
    """Children that are started inside do not get the stop signals; they end when their parent tells them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


stop = StopFlag()
