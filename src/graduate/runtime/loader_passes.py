"""Passes over a `DataLoader` whose workers live on from one pass to the next (`persistent_workers=True`).

The random state of such workers, and what the data set holds in them, goes on in processes that end with this one. So
each pass is noted, and after a restart new workers go through the earlier ones again before the next begins. Passes
before a step's first loop with checkpoints are made again by the step itself.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

from . import positions, world
from .live import ATOMS
from .loop_run import LoopRun
from .signals import deaf_children

MOST = 2_000
"""More passes than these are not kept: their random states would take 10 MB of each checkpoint."""


def watch() -> None:
    """From here on passes over such loaders are noted."""
    data: Any = sys.modules.get("torch.utils.data")
    if data is None or world.SIZE > 1 or hasattr(data.DataLoader.__iter__, "notes_passes"):
        return
    plain = data.DataLoader.__iter__

    def noted(loader: Any) -> Any:
        run = LoopRun.here()
        lives_on = loader.persistent_workers and loader.num_workers > 0
        if run is None or run.process != os.getpid() or not lives_on or not run.entered:
            return plain(loader)
        passes = vars(loader).setdefault("_passes", Passes(loader))
        return passes.begin(plain, run)

    noted.notes_passes = True  # type: ignore[attr-defined]
    data.DataLoader.__iter__ = noted


def mark_replayed(iterator: Any) -> None:
    """The pass of this iterator is made again by who holds it."""
    if hasattr(iterator, "pass_number"):
        iterator.is_replayed = True


class Passes:
    """What the workers of one loader have been through: with which random state each pass began, and how far it went.

    The iterator that lives, which is the same for all passes, has the number and the random state of its pass.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = weakref.ref(loader)  # with a cycle its workers would not end with it
        self.done: list[tuple[Any, int, bool]] = []
        self.forked_with: dict[str, Any] | None = None
        """What the data set held, as far as plain values go, when the workers were started."""

    @property
    def loader(self) -> Any:
        return self._loader()

    def begin(self, plain: Callable[[Any], Any], run: LoopRun) -> Any:
        """The iterator of the next pass, after the earlier ones if new workers have yet to go through them."""
        self.done += self._current()
        if self.forked_with is None:
            self.forked_with = _atoms(self.loader.dataset)
        with deaf_children():
            if getattr(self.loader._iterator, "pass_number", 0) < len(self.done):
                now = positions.capture(self.loader, run.registries())
                for made, given, ended in self.done:
                    positions.restore(self.loader, made, [])
                    iterator = plain(self.loader)
                    for _ in range(given + ended):
                        next(iterator, None)
                positions.restore(self.loader, now, run.registries())
            made = positions.capture(self.loader, [])
            iterator = plain(self.loader)
        iterator.pass_number, iterator.pass_made, iterator.is_replayed = len(self.done) + 1, made, False
        if not hasattr(iterator, "passes"):
            # Signals do not reach its workers, so those of a loader that lives to the end have to be told.
            atexit.register(_end_workers, weakref.ref(iterator))
        iterator.passes = self
        return iterator

    def _current(self) -> list[tuple[Any, int, bool]]:
        iterator = self.loader._iterator
        if getattr(iterator, "pass_number", 0) != len(self.done) + 1:
            return []
        return [(iterator.pass_made, iterator._num_yielded, iterator._tasks_outstanding == 0)]

    def _is_open(self) -> bool:
        """Whether a loop or an iterator with a place of its own makes the current pass again."""
        run = LoopRun.here()
        frames = [frame for block in run.stack for frame in block.frames] if run is not None else []
        sources = (each for frame in frames for each in positions.sources(frame.iterable))
        is_looped = any(each is self.loader or getattr(each, "passes", None) is self for each in sources)
        return is_looped or getattr(self.loader._iterator, "is_replayed", False)

    def __getstate__(self) -> dict[str, Any]:
        done = self.done if self._is_open() else [*self.done, *self._current()]
        samplers = [each for each in (self.loader.batch_sampler, self.loader.sampler) if each is not None]
        if not all(type(each).__module__.startswith("torch.utils.data") for each in samplers):
            raise TypeError("its workers live on, and its sampler is the author's")
        if self.forked_with != _atoms(self.loader.dataset):
            raise TypeError("its workers live on, and its data set changed since they were started")
        if len(done) > MOST:
            raise TypeError(f"its workers live on through more than {MOST} passes")
        return {"loader": self.loader, "done": list(done), "forked_with": self.forked_with}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._loader = weakref.ref(state["loader"])
        self.done, self.forked_with = state["done"], state["forked_with"]


def _end_workers(iterator: Any) -> None:
    if iterator() is not None:
        iterator()._shutdown_workers()


def _atoms(dataset: Any) -> dict[str, Any]:
    """The plain values that a data set, and those within it, hold as attributes."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", dataset)]
    while waiting:
        path, owner = waiting.pop()
        for name, value in getattr(owner, "__dict__", {}).items():
            if type(value) in ATOMS:
                found[f"{path}.{name}"] = value
            elif name == "dataset":
                waiting.append((f"{path}.{name}", value))
            elif name == "datasets" and isinstance(value, (list, tuple)):
                waiting += [(f"{path}.{name}[{at}]", each) for at, each in enumerate(value)]
    return found
