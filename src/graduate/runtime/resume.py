"""What a pipeline is made of. Loops that go on inside are in checkpoint.py and fit.py."""

from .steps import Pipeline, Step

__all__ = ["Pipeline", "Step"]
