"""DataLoaders that give each process its rows of every batch. Which samples make up a batch, and in which order they
come, is as with one process: only who loads and computes them is new.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import random_state, world
from .batch_rows import map_tensors, share, wrap
from .row_gradients import forget_spread

torch: Any = importlib.import_module("torch")
loading: Any = importlib.import_module("torch.utils.data.dataloader")
data: Any = importlib.import_module("torch.utils.data")
_Base = loading._BaseDataLoaderIter
_Single = loading._SingleProcessDataLoaderIter
_plain_init, _plain_index, _plain_next = _Base.__init__, _Base._next_index, _Base.__next__
_plain_single = _Single._next_data
_OTHER_SEED = 1_000_003


def install() -> None:
    """From here on the loaders of this process share their batches out."""
    _Base.__init__, _Base._next_index, _Base.__next__ = _init, _next_index, _next
    _Single._next_data = _next_single


def _init(self: Any, loader: Any) -> None:
    for kind in ("IterDataPipe", "MapDataPipe"):
        if isinstance(loader.dataset, getattr(data, kind, ())):
            raise world.cannot(f"{type(loader.dataset).__name__}, a {kind}", "the DataLoader of it")
    _plain_init(self, loader)
    self._batches = deque()
    own_rows = loader.collate_fn is loading._utils.collate.default_collate
    self._cuts = own_rows and self._auto_collation and self._dataset_kind == loading._DatasetKind.Map
    if self._cuts and self._num_workers:
        # Workers that load other samples draw other numbers for them.
        self._base_seed += world.RANK * _OTHER_SEED


def _next_index(self: Any) -> Any:
    """The places of a batch's samples: the own ones where they can be loaded apart."""
    index = _plain_index(self)
    is_map = self._dataset_kind == loading._DatasetKind.Map
    total = len(index) if self._auto_collation and is_map and isinstance(index, list) else 0
    cuts = self._cuts and total >= world.SIZE
    self._batches.append((total, cuts, index))
    if not cuts:
        return index
    bounds = share(total)
    return index[bounds[world.RANK] : bounds[world.RANK + 1]]


def _next_single(self: Any) -> Any:
    """A batch that this process loads itself. What samples draw at random is no part of the run's own numbers."""
    fetch = self._dataset_fetcher.fetch

    def fetch_apart(index: Any) -> Any:
        total, cuts, whole = self._batches[-1]
        self._batches.clear()
        self._batches.append((total, cuts, whole))
        if not cuts:
            return fetch(index)
        with _numbers_of_its_own(whole):
            return fetch(index)

    self._dataset_fetcher.fetch = fetch_apart
    try:
        return _plain_single(self)
    finally:
        del self._dataset_fetcher.fetch


@contextmanager
def _numbers_of_its_own(index: list[Any]) -> Iterator[None]:
    """Random numbers that follow from the run's state, the batch and the rank; the run's own are not touched."""
    before = random_state.capture()
    text = f"{sorted(random_state.digests(before).items())} {index} {world.RANK}"
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
    import random

    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
    torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random_state.restore(before)


def _next(self: Any) -> Any:
    """The next batch: its tensors are rows where the batch has as many as there are processes."""
    forget_spread()
    batch = _plain_next(self)
    total, cuts, _ = self._batches.popleft() if self._batches else (0, False, None)
    if cuts:
        return _joined(batch, total)
    return _cut(batch, total or _length(batch))


def _joined(batch: Any, total: int) -> Any:
    """What was loaded of the own samples, as the whole: tensors stay apart, texts are exchanged."""
    bounds = share(total)

    def texts(value: Any) -> Any:
        if (
            isinstance(value, (list, tuple))
            and value
            and all(isinstance(each, (str, bytes)) for each in value)
        ):
            parts: list[Any] = [None] * world.SIZE
            torch.distributed.all_gather_object(parts, list(value))
            return type(value)(each for part in parts for each in part)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(texts, value))
        if isinstance(value, (list, tuple)):
            return type(value)(map(texts, value))
        if isinstance(value, dict):
            return type(value)({key: texts(each) for key, each in value.items()})
        return value

    return map_tensors(texts(batch), lambda each: wrap(each, bounds))


def _cut(batch: Any, total: int) -> Any:
    """A batch that every process has loaded: each goes on with its rows."""
    if total < world.SIZE:
        return batch
    bounds = share(total)
    start, stop = bounds[world.RANK], bounds[world.RANK + 1]

    def cut(value: Any) -> Any:
        if value.ndim == 0 or value.shape[0] != total or not value.is_leaf or value.requires_grad:
            return value
        return wrap(value[start:stop].clone(), bounds)

    return map_tensors(batch, cut)


def _length(batch: Any) -> int:
    """How many rows a batch has: those of its first tensor."""
    found: list[int] = []
    map_tensors(batch, lambda value: found.append(int(value.shape[0])) if value.ndim else None)
    return found[0] if found else 0
