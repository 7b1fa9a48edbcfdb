"""The numbers of open loops that those who watch get to see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graduate.runtime import progress


class Trainer:
    """As research code has it: the losses are attributes of an object of its own."""

    def __init__(self) -> None:
        self.best = 0.5
        self.log = [{"epoch": 0, "loss": 2.0}, {"epoch": 1, "loss": 1.0}]
        self.model = object()


Trainer.__module__ = "pkg.training.trainer"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"best": 0.5, "epoch": 3}, {"best": 0.5, "epoch": 3.0}),
        ({"history": {"loss": [2.0, 1.0], "acc": []}}, {"history.loss": 1.0}),
        ({"losses": [3.0, 2.0]}, {"losses": 2.0}),
        ({"score": np.float32(0.5), "array": np.zeros(3)}, {"score": 0.5}),
        ({"self": Trainer()}, {"best": 0.5, "log.epoch": 1.0, "log.loss": 1.0}),
        ({"done": True, "name": "x", "inf": float("inf"), "nan": float("nan"), "model": object()}, {}),
    ],
)
def test_numbers_by_name(state: dict[str, Any], expected: dict[str, float]) -> None:
    assert progress.find_values(state, "pkg") == expected


def test_no_more_than_can_be_shown() -> None:
    many = {f"x{i}": float(i) for i in range(1000)}
    assert len(progress.find_values(many, "pkg")) == progress.MOST_VALUES
