"""Writes beside the training: by a thread of their own, one at a time."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .signals import SIGNALS


@dataclass(frozen=True)
class Outcome:
    """How a write ended: its error if it failed, its duration, and the processor's time that it took."""

    error: Exception | None
    seconds: float
    processor: float
    was_beside: bool


class Writer:
    """The write in flight, if there is one. It says nothing itself: its outcome is for the thread that trains."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._outcome: Outcome | None = None

    @property
    def is_in_flight(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, job: Callable[[], None]) -> None:
        """Run the job in a thread of its own; here and now when the system gives no thread."""
        self._thread = threading.Thread(target=self._run_deaf, args=(job,), name="checkpoint")
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None
            self.run(job)

    def run(self, job: Callable[[], None]) -> None:
        """Run the job here and now."""
        self._run(job, was_beside=False)

    def _run(self, job: Callable[[], None], *, was_beside: bool) -> None:
        start, processor, error = time.perf_counter(), time.thread_time(), None
        try:
            job()
        except Exception as problem:
            error = problem
        seconds, processor = time.perf_counter() - start, time.thread_time() - processor
        self._outcome = Outcome(error, seconds, processor, was_beside)

    def wait(self) -> Outcome | None:
        """The outcome of the last write, once it has ended; None when it was asked for before."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        outcome, self._outcome = self._outcome, None
        return outcome

    def _run_deaf(self, job: Callable[[], None]) -> None:
        # Signals go to the thread that trains: it may wait here, and must hear the second one at once.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._run(job, was_beside=True)
