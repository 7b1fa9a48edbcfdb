"""Stop signals. The first one only sets a flag, which is looked at where it is safe to stop.

Children that were forked (loader workers) ignore a signal that was sent to the whole process group, because
their parent still needs them, but obey their parent's `terminate()`.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))
_FORWARDED_TWICE = 0.5
"""A child of the pipeline gets a terminal's Ctrl-C twice, from the terminal and from its parent."""


class StopFlag:
    """Whether a stop was asked for. `on_stop` functions are called from the handler and must be tiny."""

    def __init__(self) -> None:
        self.number = 0
        self.time = 0.0
        self.owner = os.getpid()
        self.is_child = False
        self.on_stop: list[Callable[[], None]] = []
        self.forward: Callable[[int], None] | None = None
        self._pipe: tuple[int, int] | None = None
        self._previous: dict[int, Any] = {}
        self._registered = False

    def __bool__(self) -> bool:
        return self.number != 0

    @property
    def name(self) -> str:
        return signal.Signals(self.number).name if self.number else ""

    def install(self) -> None:
        """Take over the stop signals of this process."""
        self.owner = os.getpid()
        self.number = 0
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._handle)
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        if not self._registered and hasattr(os, "register_at_fork"):
            # A forked child must not write to the pipe by which it learns what its parent got.
            os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1) and None)
            self._registered = True

    def settle(self) -> None:
        """From now on children that are told to terminate do so: the state is saved."""
        if self._pipe is not None:
            try:
                while os.read(self._pipe[0], 512):
                    pass
            except OSError:
                pass

    def uninstall(self) -> None:
        """Give the signals back."""
        signal.set_wakeup_fd(-1)
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous.clear()
        for end in self._pipe or ():
            os.close(end)
        self._pipe = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self.owner:
            self._handle_in_fork(number)
            return
        again = self.number != 0
        if again and not (self.is_child and time.monotonic() - self.time < _FORWARDED_TWICE):
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

    def _handle_in_fork(self, number: int) -> None:
        if number != signal.SIGTERM or self._pipe is None:
            return
        # The pipe is written to by the owner's signal machinery at once, even while it is busy in C code.
        time.sleep(0.1)
        try:
            was_for_all = bool(select.select([self._pipe[0]], [], [], 0)[0])
        except OSError:
            was_for_all = False
        if not was_for_all:
            os._exit(128 + number)


stop = StopFlag()
