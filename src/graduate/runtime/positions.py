"""Iterators that start in the middle, and the random state that they were made with."""

from __future__ import annotations

import io
import itertools
import pickle
import sys
from collections.abc import Iterator
from typing import Any

from . import random_state
from .contents import put_back, random_of
from .live import COUNTED, ITERATORS, Registry, kind_of
from .signals import deaf_children


class Frame:
    """One open loop: the how-manieth loop of its surrounding iteration it is, and what is done of it."""

    __slots__ = (
        "children",
        "count",
        "draws",
        "ends",
        "had_children",
        "item",
        "iterable",
        "key",
        "made",
        "now",
        "ordinal",
        "sites",
    )

    def __init__(self, ordinal: int, iterable: Any = None, key: Any = None) -> None:
        self.ordinal = ordinal
        self.count = 0
        self.children = 0
        self.ends: list[Any] = []
        """The random state with which each finished loop of the iteration in progress ended."""
        self.had_children = False
        self.iterable = iterable
        self.key = key
        self.sites: set[int] = set()
        """Bytecode offsets from which a `while` loop is known to ask; Python compiles its test twice."""
        self.item: Any = None
        self.draws: Any = None
        """What the items drew, where the iterable may draw as it goes (`Draws`)."""
        self.made: Any = None
        """The random state with which the iterator was made."""
        self.now: Any = None
        """The random state with which the iteration in progress began; only known for outer loops."""

    def extra(self) -> tuple[Any, ...]:
        """What a checkpoint keeps of the loop beside its position."""
        item = self.item if self.had_children and keeps_item(self.iterable) else None
        kept = self.iterable if is_plain_data(self.iterable) else None
        return self.made, self.now if self.had_children else None, item, kept, list(self.ends), self.draws

    def advance(self) -> None:
        """An iteration is over."""
        self.count += 1
        self.children = 0
        self.ends = []


def sources(iterable: Any) -> list[Any]:
    """What an iterable takes its items from: itself, or what `enumerate`, `zip`, a progress bar wrap."""
    if type(iterable) in (enumerate, zip):
        return [inner for each in _inner(iterable) for inner in sources(each)]
    wrapped = getattr(iterable, "iterable", None) if type(iterable).__name__.startswith("tqdm") else None
    return [iterable] if wrapped is None else sources(wrapped)


def generators_of(iterable: Any) -> list[Any]:
    """The torch generators that a DataLoader draws from, besides the global one."""
    found: list[Any] = []
    for source in sources(iterable):
        if is_loader(source) or hasattr(source, "_index_sampler"):
            sampler = getattr(source, "sampler", None)
            batch_sampler = getattr(source, "batch_sampler", getattr(source, "_index_sampler", None))
            for owner in (source, sampler, batch_sampler, getattr(batch_sampler, "sampler", None)):
                generator = getattr(owner, "generator", None)
                if hasattr(generator, "get_state") and all(generator is not each for each in found):
                    found.append(generator)
    return found


def is_loader(iterable: Any) -> bool:
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(iterable, data.DataLoader)


def capture(iterable: Any, registries: list[Registry]) -> dict[str, Any]:
    """The state of all random generators that are known: global, of the loader, live around the loops."""
    owned = generators_of(iterable) if iterable is not None else ()
    return {
        "global": random_state.glance(),
        "owned": [each.get_state().numpy().tobytes() for each in owned],
        "live": [random_of(registry) for registry in registries],
    }


def is_same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether nothing was drawn between two times that `capture` was called without an iterable."""
    if before["global"] != after["global"]:
        return False
    live, now = before["live"], after["live"]
    return (not any(live) and not any(now)) or pickle.dumps(live, 4) == pickle.dumps(now, 4)


def restore(iterable: Any, state: dict[str, Any] | None, registries: list[Registry]) -> None:
    """Put back what `capture` gave."""
    if state is None:
        return
    random_state.restore(state["global"])
    for registry, saved in zip(registries, state["live"], strict=False):
        for number, each in saved:
            put_back(registry.kinds[number], registry.get(number), each)
    for generator, each in zip(generators_of(iterable), state["owned"], strict=False):
        generator.set_state(random_state.byte_tensor(each))


def is_plain_data(iterable: Any) -> bool:
    """Whether an iterable is numbers or texts, little enough to be kept with the position."""
    if isinstance(iterable, (list, tuple)):
        return len(iterable) <= 100_000 and all(type(each) in (int, float, str, bool) for each in iterable)
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(iterable) is numpy.ndarray:
        return not iterable.dtype.hasobject and iterable.nbytes <= 1 << 24
    torch = sys.modules.get("torch")
    return torch is not None and type(iterable) is torch.Tensor and iterable.nbytes <= 1 << 24


def may_draw(iterable: Any) -> bool:
    """Whether taking items may run code that draws random numbers, other than that of a DataLoader."""
    return not all(
        type(each) in _PLAIN or is_loader(each) or hasattr(each, "_next_index") or is_plain_data(each)
        for each in sources(iterable)
    )


_PLAIN = frozenset(
    {list, tuple, range, dict, set, str, bytes, type({}.keys()), type({}.values()), type({}.items())}
    | {io.TextIOWrapper, io.BufferedReader}
    | COUNTED
)
_GIVE_THE_SAME = _PLAIN - COUNTED


def iterate(iterable: Any) -> Iterator[Any]:
    """`iter(iterable)`; the workers of a DataLoader are started so that a stop signal does not reach them."""
    if any(is_loader(each) and each.num_workers for each in sources(iterable)):
        with deaf_children():
            return iter(iterable)
    return iter(iterable)


def iterate_from(iterable: Any, count: int) -> Iterator[Any]:
    """An iterator without its first `count` items, made with as little work as the kind allows."""
    if count == 0:
        return iterate(iterable)
    if type(iterable) is enumerate:
        arguments: Any = iterable.__reduce__()[1]
        inner, start = arguments
        return enumerate(iterate_from(inner, count), start + count)
    if type(iterable) is zip:
        return zip(*(iterate_from(each, count) for each in _inner(iterable)), strict=False)
    if len(sources(iterable)) == 1 and sources(iterable)[0] is not iterable:
        return _advance_bar(iterable, count)
    iterator: Any = iterate(iterable) if not isinstance(iterable, range) else iter(iterable[count:])
    if can_skip_indices(iterator):
        skip_indices(iterator, count)
    elif not isinstance(iterable, range):
        for _ in itertools.islice(iterator, count):
            pass
    return iterator  # type: ignore[no-any-return]


def _advance_bar(bar: Any, count: int) -> Iterator[Any]:
    """A progress bar that stands where it stood."""
    bar.iterable = _Rest(bar.iterable, count)
    bar.initial = bar.n = bar.n + count
    return iter(bar)


class _Rest:
    def __init__(self, iterable: Any, count: int) -> None:
        self.iterable = iterable
        self.count = count

    def __iter__(self) -> Iterator[Any]:
        return iterate_from(self.iterable, self.count)


def skip_indices(iterator: Any, count: int) -> None:
    """Come to a later batch of a DataLoader without loading the ones before it."""
    for _ in range(count):
        iterator._next_index()
    iterator._num_yielded += count


def can_skip_indices(iterator: Any) -> bool:
    """Whether the batches of a DataLoader can be skipped without loading them."""
    if type(iterator).__name__ != "_SingleProcessDataLoaderIter":
        return False
    return not isinstance(iterator._dataset, sys.modules["torch.utils.data"].IterableDataset)


def keeps_item(iterable: Any) -> bool:
    """Whether an item in progress is saved, because making it again could draw other random numbers."""
    return any(
        type(each) not in _GIVE_THE_SAME
        and (is_loader(each) or hasattr(each, "_next_index") or kind_of(each) in ITERATORS)
        for each in sources(iterable)
    )


def _inner(iterable: Any) -> list[Any]:
    """What an `enumerate` or `zip` that has not started iterates over."""
    parts = iterable.__reduce__()[1]
    return list(parts[:1]) if type(iterable) is enumerate else list(parts)
