"""The pipeline of flat_script: its steps, in the order in which they run."""

from __future__ import annotations

from .utils.resume import Pipeline, Step


def setup() -> None:
    """Set the process-wide state that every process needs before its first step."""
    import random

    random.seed(3)


def train() -> None:
    """Run computation."""
    from .training.trainer import run_computation

    run_computation()


PIPELINE = Pipeline(
    Step(
        "train",
        train,
        role="train",
        program="fit_line",
        alone=("fit_line.py:1: it has no training loop in PyTorch (no `backward()`)",),
    ),
    setup=setup,
    package=__package__,
)
