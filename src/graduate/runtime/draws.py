"""Iterators that draw random numbers as they go: made again, each item with the random state that it had then.

`def batches(): while True: order = np.random.permutation(n); …` draws anew at each pass, after what the loop's body
drew. To come to its middle again, it is not enough to take as many items: it has to draw the same.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

from . import positions
from .live import Registry

MOST_BYTES = 16 * 1024 * 1024
"""So much of random states is kept for an iterator that draws again and again; it cannot be continued beyond."""
_END = object()


class Draws:
    """The random states in which an iterator began to make the items for which it drew, by the items' numbers."""

    def __init__(self) -> None:
        self.states: dict[int, bytes] = {}
        self.bytes = 0

    def __reduce__(self) -> tuple[Any, ...]:
        if self.bytes > MOST_BYTES:
            raise TypeError(
                "an iterator draws random numbers for each of very many items, so it cannot be continued"
            )
        return _make, (dict(self.states),)

    def take(self, iterator: Iterator[Any], number: int, registries: list[Registry]) -> Any:
        """The next item, whose number is given, with a note of the state that it drew from. Raises `StopIteration`."""
        before = positions.capture(None, registries)
        item = next(iterator)
        if self.bytes <= MOST_BYTES and not positions.is_same(before, positions.capture(None, registries)):
            self.states[number] = pickle.dumps(before, 4)
            self.bytes += len(self.states[number])
        return item

    def watch(
        self, iterator: Iterator[Any], start: int, registries: Callable[[], list[Registry]]
    ) -> Iterator[Any]:
        """The items from number `start` on."""
        for number in itertools.count(start):
            try:
                item = self.take(iterator, number, registries())
            except StopIteration:
                return
            yield item

    def repeat(
        self, iterator: Iterator[Any], count: int, registries: list[Registry], start: int = 0
    ) -> Iterator[Any]:
        """The iterator, after its items from `start` to `count` have been made as they were made before."""
        for number in range(start, count):
            self.set(number, registries)
            if next(iterator, _END) is _END:
                break
        self.set(count, registries)
        return iterator

    def set(self, number: int, registries: list[Registry]) -> None:
        """Put the generators back as they were when this item was made, if it drew."""
        if number in self.states:
            positions.restore(None, pickle.loads(self.states[number]), registries)


def _make(states: dict[int, bytes]) -> Draws:
    made = Draws()
    made.states = states
    made.bytes = sum(map(len, states.values()))
    return made
