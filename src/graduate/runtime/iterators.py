"""Iterators that a program advances by `next`, in a form that checkpoints can hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import optional, positions
from .draws import Draws
from .live import Registry, kind_of
from .loop_run import LoopRun

_loader_passes = optional.find("loader_passes")


def replayable(iterable: Any) -> Iterator[Any]:
    """`iter(iterable)` for a loop that may go on from a checkpoint; also of a generator that has not begun."""
    iterator: Iterator[Any]
    is_own = hasattr(iterable, "__next__")
    # The place of an iterator that the author wrote is in its attributes.
    is_written = is_own and kind_of(iterable) == "instance" and not hasattr(iterable, "_next_index")
    if LoopRun.here() is None or isinstance(iterable, Resumable) or is_written:
        iterator = iterable if is_own else iter(iterable)
    else:
        iterator = Resumable(iterable)
    return iterator


class Resumable:
    """An iterator with its place: how many items it has given, and the random states that they were made with.

    It comes to its place again when the next item is wanted: by making the items before it once more, or, for the
    batches of a DataLoader in this process, by skipping their indices.
    """

    __slots__ = ("_count", "_draws", "_goal", "_iterator", "_made", "iterable")
    is_resumable = True

    def __init__(self, iterable: Any) -> None:
        self.iterable = iterable
        self._made = positions.capture(iterable, _registries())
        self._iterator: Iterator[Any] | None = _iterate(iterable)
        self._count = 0
        self._draws = Draws()
        self._goal = 0

    def __iter__(self) -> Resumable:
        return self

    def __next__(self) -> Any:
        if self._iterator is None or self._goal > self._count:
            self._catch_up()
        iterator = self._iterator
        assert iterator is not None
        if self._count and positions.can_skip_indices(iterator):
            item = next(iterator)
        else:
            item = self._draws.take(iterator, self._count, _registries())
        self._count += 1
        self._goal = self._count
        return item

    def place(self) -> tuple[int, Draws]:
        """What `go_to` needs."""
        return self._goal, self._draws

    def go_to(self, place: tuple[int, Draws]) -> None:
        """Stand at another place, further on, when the next item is wanted."""
        self._goal, self._draws = place

    def _catch_up(self) -> None:
        registries = _registries()
        now = positions.capture(self.iterable, registries)
        if self._iterator is None:
            positions.restore(self.iterable, self._made, registries)
            self._iterator = _iterate(self.iterable)
        if positions.can_skip_indices(self._iterator):
            if not self._count:
                self._draws.set(0, registries)
            positions.skip_indices(self._iterator, self._goal - self._count)
        else:
            self._draws.repeat(self._iterator, self._goal, registries, self._count)
        self._count = self._goal
        positions.restore(self.iterable, now, registries)

    def __reduce__(self) -> tuple[Any, ...]:
        if hasattr(self.iterable, "__next__"):
            raise TypeError(f"cannot pickle {type(self.iterable).__name__!r} object")
        return _made_again, (self.iterable, self._made, self.place())


def _iterate(iterable: Any) -> Iterator[Any]:
    iterator = positions.iterate(iterable)
    if _loader_passes is not None:
        _loader_passes.mark_replayed(iterator)
    return iterator


def _made_again(iterable: Any, made: Any, place: tuple[int, Draws]) -> Resumable:
    found = Resumable.__new__(Resumable)
    found.iterable, found._made, found._iterator, found._count = iterable, made, None, 0
    found.go_to(place)
    return found


def _registries() -> list[Registry]:
    run = LoopRun.here()
    return run.registries() if run is not None else []
