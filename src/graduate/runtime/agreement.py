"""What the processes of a run decide together: to save, to stop. Each asks at the same points of the same program."""

from __future__ import annotations

import importlib
import signal
import time
import zlib
from typing import TYPE_CHECKING, Any

from . import distributed, random_state, world
from .pace import clock
from .signals import stop

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .pickling import Packed
    from .saving import Saving

_PAUSE = 0.05
"""Seconds between two questions, about: they take a tenth of a millisecond each."""


class Agreement:
    """When the loops of several processes look up, and what they find then."""

    def __init__(self, saving: Saving) -> None:
        self.saving = saving
        self.due = 0.0
        self._skip = 0
        self._asked = time.perf_counter()
        self._since = 0
        self._iteration = 0.0

    def schedule(self) -> None:
        """The time of the next save is the first process's to know; all loops look up after every iteration."""
        self.due = self.saving.pace.timer.due
        self.saving.pace.timer.due = 0.0

    def ask(self, block: Checkpoint) -> str:
        """ "stop", "save" or "", the same for all. To stop, the flag is set on each."""
        self._since += 1
        if self._skip > 0:
            self._skip -= 1
            return ""
        wanted = world.RANK == 0 and self._is_due(block)
        took = (time.perf_counter() - self._asked) / self._since
        self._iteration = max(took, 0.8 * self._iteration)  # one short iteration says nothing about the next
        skip = 0 if self.saving.pace.forced_every else int(_PAUSE / max(self._iteration, 1e-5))
        broken = int(bool(self.saving.broken))
        stopped, save, self._skip, broken = _most_of(
            [int(bool(stop)), int(wanted), skip if world.RANK == 0 else 0, broken]
        )
        if broken and not self.saving.broken:
            self.saving.broken = "another process cannot save"
        self._asked, self._since = time.perf_counter(), 0
        if stopped and not stop:
            stop.number, stop.time = signal.SIGTERM, time.monotonic()
        return "stop" if stopped else "save" if save else ""

    def of_first(self, value: bool) -> bool:
        """What the first process says."""
        return bool(_most_of([int(value and world.RANK == 0)])[0])

    def check_alike(self, parts: dict[str, Packed]) -> None:
        """Raise `Problem` when the processes have come apart: then none of them may be saved, or go on."""
        sums = [_check_sum(buffer.raw()) for packed in parts.values() for buffer in packed.buffers]
        found = distributed.of_all((random_state.digests(random_state.capture()), sums))
        for rank, (numbers, sums_there) in enumerate(found):
            if (numbers, sums_there) != found[0]:
                what = [name for name, each in found[0][0].items() if numbers.get(name) != each]
                raise world.came_apart(
                    f"process {rank}",
                    f"its random numbers ({', '.join(what)}) differ" if what else "its tensors differ",
                )

    def _is_due(self, block: Checkpoint) -> bool:
        saving = self.saving
        if saving.run.target is not None or saving.broken or saving.writer.is_in_flight:
            return False
        if clock() < self.due and not saving.pace.forced_every:
            return False
        saving.settle()
        due = saving.pace.is_due(block)
        self.schedule()
        return due


def _most_of(values: list[int]) -> list[int]:
    torch: Any = importlib.import_module("torch")
    dist: Any = importlib.import_module("torch.distributed")
    box = torch.tensor(values)
    dist.all_reduce(box, op=dist.ReduceOp.MAX)
    return [int(each) for each in box.tolist()]


def _check_sum(data: memoryview) -> tuple[int, int]:
    flat = memoryview(data).cast("B")
    return flat.nbytes, zlib.crc32(flat[-(1 << 16) :], zlib.crc32(flat[: 1 << 16]))
