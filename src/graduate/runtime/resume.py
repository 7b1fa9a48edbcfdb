"""What a project needs to be stopped anywhere and to go on with the same result."""

from .checkpoint import Checkpoint, LoopState
from .steps import Pipeline, Step

__all__ = ["Checkpoint", "LoopState", "Pipeline", "Step"]
