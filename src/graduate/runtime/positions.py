"""Iterators that start in the middle, and the random state that they were made with."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from . import random_state
from .live import Registry, put_back


class Frame:
    """One open loop: the how-manieth loop of its surrounding iteration it is, and what is done of it."""

    __slots__ = ("children", "count", "had_children", "item", "iterable", "key", "made", "now", "ordinal")

    def __init__(self, ordinal: int, iterable: Any = None, key: Any = None) -> None:
        self.ordinal = ordinal
        self.count = 0
        self.children = 0
        self.had_children = False
        self.iterable = iterable
        self.key = key
        self.item: Any = None
        self.made: Any = None
        """The random state with which the iterator was made."""
        self.now: Any = None
        """The random state with which the iteration in progress began; only known for outer loops."""

    def extra(self) -> tuple[Any, ...]:
        """What a checkpoint keeps of the loop beside its position."""
        item = self.item if self.had_children and keeps_item(self.iterable) else None
        kept = self.iterable if is_plain_data(self.iterable) else None
        return self.made, self.now if self.had_children else None, item, kept


def generators_of(iterable: Any) -> list[Any]:
    """The torch generators that a DataLoader draws from, besides the global one."""
    found: list[Any] = []
    if type(iterable) in (enumerate, zip):
        for each in _inner(iterable):
            found += generators_of(each)
    elif is_loader(iterable) or hasattr(iterable, "_index_sampler"):
        sampler = getattr(iterable, "sampler", None)
        batch_sampler = getattr(iterable, "batch_sampler", getattr(iterable, "_index_sampler", None))
        for owner in (iterable, sampler, batch_sampler, getattr(batch_sampler, "sampler", None)):
            generator = getattr(owner, "generator", None)
            if hasattr(generator, "get_state") and all(generator is not each for each in found):
                found.append(generator)
    return found


def is_loader(iterable: Any) -> bool:
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(iterable, data.DataLoader)


def capture(iterable: Any, registries: list[Registry]) -> dict[str, Any]:
    """The state of all random generators that are known: global, of the loader, live around the loops."""
    return {
        "global": random_state.capture(),
        "owned": [each.get_state().numpy().tobytes() for each in generators_of(iterable)],
        "live": [registry.random() for registry in registries],
    }


def restore(iterable: Any, state: dict[str, Any] | None, registries: list[Registry]) -> None:
    """Put back what `capture` gave."""
    if state is None:
        return
    random_state.restore(state["global"])
    for registry, saved in zip(registries, state["live"], strict=False):
        for number, each in saved:
            put_back(registry.kinds[number], registry.get(number), each)
    for generator, each in zip(generators_of(iterable), state["owned"], strict=False):
        import torch

        generator.set_state(torch.frombuffer(bytearray(each), dtype=torch.uint8))


def is_plain_data(iterable: Any) -> bool:
    """Whether an iterable is numbers or texts, little enough to be kept with the position."""
    if isinstance(iterable, (list, tuple)):
        return len(iterable) <= 100_000 and all(type(each) in (int, float, str, bool) for each in iterable)
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(iterable) is numpy.ndarray:
        return not iterable.dtype.hasobject and iterable.nbytes <= 1 << 24
    torch = sys.modules.get("torch")
    return torch is not None and type(iterable) is torch.Tensor and iterable.nbytes <= 1 << 24


def iterate_from(iterable: Iterable[Any], count: int) -> Iterator[Any]:
    """An iterator without its first `count` items, made with as little work as the kind allows."""
    if count and _can_skip_indices(iterable):
        loader_iterator: Any = iter(iterable)
        for _ in range(count):
            loader_iterator._next_index()
        loader_iterator._num_yielded += count
        return loader_iterator  # type: ignore[no-any-return]
    if isinstance(iterable, (range, list, tuple)):
        return (
            iter(iterable[count:]) if isinstance(iterable, range) else itertools.islice(iterable, count, None)
        )
    iterator = iter(iterable)
    for _ in itertools.islice(iterator, count):
        pass
    return iterator


def _can_skip_indices(iterable: Any) -> bool:
    """Whether the batches of a DataLoader can be skipped without loading them."""
    if not is_loader(iterable) or iterable.num_workers:
        return False
    return not isinstance(iterable.dataset, sys.modules["torch.utils.data"].IterableDataset)


def keeps_item(iterable: Any) -> bool:
    """Whether an item in progress is saved, because making it again could draw other random numbers."""
    return is_loader(iterable)


def draws_when_made(iterable: Any) -> bool:
    """Whether an iterator was made before the loop could note the random state, and drew from it then."""
    kind = type(iterable)
    if kind in (enumerate, zip):
        return any(draws_when_made(each) for each in _inner(iterable))
    return kind.__name__ == "_MultiProcessingDataLoaderIter"


def _inner(iterable: Any) -> list[Any]:
    try:
        parts = iterable.__reduce__()[1]
    except TypeError:
        return []
    return list(parts[:1]) if type(iterable) is enumerate else list(parts)
