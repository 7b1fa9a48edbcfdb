"""What answers a request while another model takes the place of the one that is served."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from graduate.runtime.serving import Service


class Times:
    """Multiplies its inputs."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def predict(self, rows: Any) -> Any:
        return rows.sum(axis=1) * self.factor


def test_a_request_is_answered_by_the_model_that_it_was_made_for() -> None:
    pipeline: Any = SimpleNamespace(package="walk")
    service = Service(pipeline)
    described = {"kind": "array", "shape": [2], "dtype": "float64"}
    service.model, service.described, service.hash = (
        Times(1.0),
        {"name": "model", "type": "Times", "input": described},
        "first",
    )
    app = service._make_app()
    service.model, service.hash = Times(2.0), "second"
    service.described = {"name": "model", "type": "Times", "input": {**described, "shape": [3]}}
    predict: Any = next(route for route in app.routes if getattr(route, "path", "") == "/predict")
    answer = predict.endpoint(SimpleNamespace(inputs=np.ones((1, 2)).tolist()))
    assert (answer.predictions, answer.model) == ([2.0], "first")
