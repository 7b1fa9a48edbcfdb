"""What the passes over a loader with persistent workers are kept for, and when they cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from graduate.runtime.loader_passes import MOST, Passes

pytestmark = pytest.mark.torch


class Numbers:
    """Something like a data set."""

    def __init__(self, dataset: Any = None) -> None:
        self.epoch = 0
        self.seen: list[int] = []
        if dataset is not None:
            self.dataset = dataset

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        return index


class Own:
    """A sampler of the author's."""

    def __iter__(self) -> Iterator[int]:
        return iter([1, 0])

    def __len__(self) -> int:
        return 2


def passes_of(dataset: Any, **options: Any) -> tuple[Any, Passes]:
    data = pytest.importorskip("torch.utils.data")
    loader = data.DataLoader(dataset, num_workers=1, persistent_workers=True, **options)
    passes = Passes(loader)
    passes.forked_with = {".epoch": 0}
    return loader, passes


def test_what_is_kept() -> None:
    loader, passes = passes_of(Numbers())
    passes.done.append(("state", 2, True))
    assert passes.__getstate__() == {
        "loader": loader,
        "done": [("state", 2, True)],
        "forked_with": {".epoch": 0},
    }


def test_the_samplers_of_authors_may_draw_from_anywhere() -> None:
    loader, passes = passes_of(Numbers(), sampler=Own())
    with pytest.raises(TypeError, match="its sampler is the author's"):
        passes.__getstate__()
    del loader


@pytest.mark.parametrize("depth", [0, 1])
def test_workers_do_not_see_what_is_set_later(depth: int) -> None:
    inner = Numbers()
    loader, passes = passes_of(Numbers(inner) if depth else inner)
    passes.forked_with = {".epoch": 0, ".dataset.epoch": 0} if depth else {".epoch": 0}
    passes.__getstate__()
    inner.epoch = 3
    with pytest.raises(TypeError, match="its data set changed"):
        passes.__getstate__()
    del loader


def test_too_many_passes_are_not_kept() -> None:
    loader, passes = passes_of(Numbers())
    passes.done += [("state", 1, True)] * (MOST + 1)
    with pytest.raises(TypeError, match=f"more than {MOST} passes"):
        passes.__getstate__()
    del loader
