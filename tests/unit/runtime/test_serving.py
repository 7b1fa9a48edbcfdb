"""What answers a request while another model takes the place of the one that is served."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from graduate.runtime import model_record
from graduate.runtime.serving import Service

DESCRIBED: dict[str, Any] = {
    "name": "model",
    "type": "Times",
    "input": {"kind": "array", "shape": [2], "dtype": "float64"},
}


class Times:
    """Multiplies its inputs."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def predict(self, rows: Any) -> Any:
        return rows.sum(axis=1) * self.factor


def test_a_request_is_answered_by_the_model_that_it_was_made_for() -> None:
    pipeline: Any = SimpleNamespace(package="walk")
    service = Service(pipeline)
    app = service._make_app(Times(1.0), DESCRIBED, "first")
    service.model, service.hash = Times(2.0), "second"
    service.described = {**DESCRIBED, "input": {**DESCRIBED["input"], "shape": [3]}}
    predict: Any = next(route for route in app.routes if getattr(route, "path", "") == "/predict")
    answer = predict.endpoint(SimpleNamespace(inputs=np.ones((1, 2)).tolist()))
    assert (answer.predictions, answer.model) == ([2.0], "first")


def test_nothing_is_ready_before_predict_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline: Any = SimpleNamespace(package="walk", models=("model",), steps=())
    service = Service(pipeline)
    stored = SimpleNamespace(name="model", step="train", hash="first")
    monkeypatch.setattr(model_record, "load", lambda *_: (stored, Times(1.0)))
    monkeypatch.setattr(model_record, "read", lambda: DESCRIBED)
    made: list[Any] = []

    def make_app(*arguments: Any) -> Any:
        made.append((service.model, service.app))
        return "the new one"

    before = service.app
    monkeypatch.setattr(service, "_make_app", make_app)
    service.look()
    assert made == [(None, before)], "while it is made, the old one answers, which is not ready"
    assert (service.app, service.hash) == ("the new one", "first")
