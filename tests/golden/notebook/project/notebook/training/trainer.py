"""Training."""

import collections
from typing import Any

from ..config.settings import settings
from ..utils.checkpoint import Checkpoint, LoopState
from ..utils.notebook import display


def run_computation(words: Any) -> Any:
    """Count
    The most frequent ones come first.
    """
    counts = collections.Counter()
    state = LoopState(counts=counts, words=words)
    with Checkpoint("run_computation", state) as checkpoint:
        for word in checkpoint.loop(words):
            counts[word] += 1
    display(counts.most_common(settings.TOP))
    return counts
