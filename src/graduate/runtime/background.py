"""Writes beside the training: what a checkpoint holds is copied at once, then a thread writes it, one at a time."""

from __future__ import annotations

import contextlib
import math
import mmap
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .signals import SIGNALS

if TYPE_CHECKING:
    from .pickling import Packed

_BIG = 1 << 22
"""From here on memory is asked for in huge pages: a copy into small ones takes twice as long."""
_UNSEEN = 1 << 26
"""Copies of less than this are made without a look at how much memory is free."""


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


def copied(parts: dict[str, Packed]) -> dict[str, Packed] | None:
    """The same pickles with buffers of their own; None when there is not enough memory for them."""
    from .pickling import Packed  # not at the top: a run with nothing to do need not load it

    size = sum(buffer.raw().nbytes for packed in parts.values() for buffer in packed.buffers)
    if size > _UNSEEN and size > _free_memory() / 2:
        return None
    copies: dict[tuple[int, int], memoryview] = {}
    try:
        return {
            name: Packed(packed.data, [_copied(each, copies) for each in packed.buffers], packed.code)
            for name, packed in parts.items()
        }
    except (MemoryError, OSError):
        return None


def _copied(buffer: pickle.PickleBuffer, copies: dict[tuple[int, int], memoryview]) -> pickle.PickleBuffer:
    data = buffer.raw()
    if type(data.obj) is bytes:
        return buffer
    if data.readonly:
        return pickle.PickleBuffer(_copy(data).toreadonly())
    import ctypes

    # Several pickles of one checkpoint may hold the same memory.
    place = ctypes.addressof(ctypes.c_char.from_buffer(data)), data.nbytes
    if place not in copies:
        copies[place] = _copy(data)
    return pickle.PickleBuffer(copies[place])


def _copy(data: memoryview) -> memoryview:
    if data.nbytes < _BIG or not hasattr(mmap, "MADV_HUGEPAGE"):
        return memoryview(bytearray(data))
    area = mmap.mmap(-1, data.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):
        area.madvise(mmap.MADV_HUGEPAGE)
    view = memoryview(area)
    view[:] = data
    return view


def _free_memory() -> float:
    """Bytes that may still be taken, in the machine and in the container; infinite where the system does not say."""
    free = math.inf
    with contextlib.suppress(OSError, ValueError, TypeError):
        free = _number(r"^MemAvailable:\s+(\d+)", Path("/proc/meminfo")) * 1024
    with contextlib.suppress(OSError, ValueError, TypeError):
        group = Path("/sys/fs/cgroup")
        used = _number(r"^(\d+)", group / "memory.current")
        cached = _number(r"^inactive_file (\d+)", group / "memory.stat")
        free = min(free, _number(r"^(\d+)", group / "memory.max") - used + cached)
    return free


def _number(pattern: str, path: Path) -> int:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(path)
    return int(found[1])
