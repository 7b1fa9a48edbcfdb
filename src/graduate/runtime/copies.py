"""Copies of what a checkpoint is made of, so that it can be written while the training goes on."""

from __future__ import annotations

import contextlib
import math
import mmap
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pickling import Packed

_BIG = 1 << 22
"""Copies from this size on have memory of their own, in huge pages: a copy into small ones takes twice as long."""
_UNSEEN = 1 << 26
"""Copies of less than this are made without a look at how much memory is free."""


class Copies:
    """The copies of one checkpoint at a time. Their memory is used again for the next one: the first touch of new
    memory takes longer than the copying. It is only kept where there is plenty."""

    def __init__(self) -> None:
        self._areas: list[mmap.mmap] = []
        self._size = 0

    def of(self, parts: dict[str, Packed]) -> dict[str, Packed] | None:
        """The same pickles with buffers of their own; None when there is not enough memory for them.

        Nobody may use those of the last call any more.
        """
        from .pickling import Packed  # not at the top: a run with nothing to do need not load it

        idle, self._areas = self._areas, []
        size = sum(buffer.raw().nbytes for packed in parts.values() for buffer in packed.buffers)
        if size > _UNSEEN and size - self._size > _free_memory() / 2:
            self._size = 0
            return None
        self._size = size
        copies: dict[tuple[int, int], memoryview] = {}
        try:
            return {
                name: Packed(
                    packed.data, [self._one(each, copies, idle) for each in packed.buffers], packed.code
                )
                for name, packed in parts.items()
            }
        except (MemoryError, OSError):
            self._areas, self._size = [], 0
            return None

    def trim(self) -> None:
        """The copies have been written: keep their memory only if it is less than a fifth of what can be had."""
        if self._size > _UNSEEN and self._size > _free_memory() / 4:
            self._areas, self._size = [], 0

    def _one(
        self,
        buffer: pickle.PickleBuffer,
        copies: dict[tuple[int, int], memoryview],
        idle: list[mmap.mmap],
    ) -> pickle.PickleBuffer:
        data = buffer.raw()
        if type(data.obj) is bytes:
            return buffer
        if data.readonly:
            return pickle.PickleBuffer(self._copy(data, idle).toreadonly())
        import ctypes

        # Several pickles of one checkpoint may hold the same memory.
        place = ctypes.addressof(ctypes.c_char.from_buffer(data)), data.nbytes
        if place not in copies:
            copies[place] = self._copy(data, idle)
        return pickle.PickleBuffer(copies[place])

    def _copy(self, data: memoryview, idle: list[mmap.mmap]) -> memoryview:
        if data.nbytes < _BIG or not hasattr(mmap, "MADV_HUGEPAGE"):
            return memoryview(bytearray(data))
        area = next((each for each in idle if len(each) == data.nbytes), None)
        if area is not None:
            idle.remove(area)
        else:
            area = mmap.mmap(-1, data.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with contextlib.suppress(OSError):
                area.madvise(mmap.MADV_HUGEPAGE)
        self._areas.append(area)
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
