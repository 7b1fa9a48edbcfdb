"""The names of steps, in pipeline order, and how well each role fits into each."""

from __future__ import annotations

from collections.abc import Mapping

from graduate.model.facts import Role

# Also the order of the pipeline: going backwards in it costs.
STEPS: tuple[str, ...] = ("download-data", "preprocess-data", "validate-data", "train", "evaluate")

STEP_ROLES: Mapping[str, Role] = {
    "download-data": "download",
    "preprocess-data": "preprocess",
    "validate-data": "validate",
    "train": "train",
    "evaluate": "evaluate",
}

# The share of the evidence for a role that counts for a step. Loaders and datasets hold data that is already
# stored, so the step that uses them is as good a place as the step that made the data.
AFFINITY: Mapping[str, Mapping[Role, float]] = {
    "download-data": {"download": 1.0},
    "preprocess-data": {
        "download": 0.5,
        "preprocess": 1.0,
        "validate": 0.6,
        "dataset": 0.9,
        "loader": 0.7,
        "model": 0.1,
        "evaluate": 0.3,
        "metric": 0.3,
    },
    "validate-data": {"validate": 1.0, "preprocess": 0.3},
    "train": {
        "preprocess": 0.2,
        "validate": 0.4,
        "dataset": 0.7,
        "loader": 1.0,
        "model": 1.0,
        "loss": 1.0,
        "train": 1.0,
        "evaluate": 0.3,
        "metric": 0.4,
    },
    "evaluate": {"evaluate": 1.0, "metric": 1.0, "preprocess": 0.1, "validate": 0.2},
}


def find_step(role: Role) -> str:
    """The step in which code of a role usually runs."""
    return max(STEPS, key=lambda step: AFFINITY[step].get(role, 0.0))
