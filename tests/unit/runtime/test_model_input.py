"""Which inputs a model takes: found by trying what a run has stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from graduate.runtime import model_input
from graduate.runtime.model_input import can_predict, describe, describe_from_model, find_outside, predict

FRAME = pd.DataFrame({"b": [1.0, 2.0, 3.0, 4.0], "a": [0, 1, 0, 1]})
TARGET = pd.Series(["no", "yes", "no", "yes"])


def test_a_table_with_its_columns_in_order() -> None:
    model = LogisticRegression().fit(FRAME, TARGET)
    found = describe(model, FRAME)
    assert found is not None
    assert list(found["input"]["columns"]) == ["b", "a"]
    assert found["input"]["columns"]["b"]["max"] == 4.0
    answer = predict(model, found["input"], [{"a": 1, "b": 4.0}])
    assert answer["predictions"] == ["yes"]
    assert answer["classes"] == ["no", "yes"]
    assert sum(answer["probabilities"][0]) == pytest.approx(1)
    assert model_input.takes(model, found["input"])
    del found["input"]["columns"]["a"]
    assert not model_input.takes(model, found["input"])


@pytest.mark.parametrize(
    "other", [FRAME[["a", "b"]], FRAME[["a"]], FRAME.to_numpy(), TARGET, 3, None, {}, object()]
)
def test_another_value_is_no_input_of_a_model_with_columns(other: Any) -> None:
    assert describe(LogisticRegression().fit(FRAME, TARGET), other) is None


def test_an_array_with_its_shape() -> None:
    model = LinearRegression().fit(FRAME.to_numpy(), [1.0, 2.0, 3.0, 4.0])
    found = describe(model, FRAME.to_numpy())
    assert found is not None
    assert found["input"] == {"kind": "array", "shape": [2], "dtype": "float64", "min": 0.0, "max": 4.0}
    assert found["output"] == {"shape": [], "dtype": "float64"}
    assert model_input.takes(model, found["input"])
    assert not model_input.takes(model, {**found["input"], "shape": [3]})
    assert describe(model, np.zeros((4, 3))) is None
    assert describe_from_model(model) is not None, "scikit-learn says how many features there are"


def test_texts() -> None:
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["good", "bad", "good", "bad"], TARGET)
    for value in (["good", "bad"], pd.Series(["good", "bad"]), np.array(["good", "bad"])):
        found = describe(model, value)
        assert found is not None, type(value)
        assert found["input"] == {"kind": "texts"}
    assert predict(model, {"kind": "texts"}, ["bad"])["predictions"] == ["yes"]


def test_what_gives_no_row_for_each_input_is_no_prediction() -> None:
    class Odd:
        def predict(self, batch: Any) -> Any:
            return np.zeros(7)

    assert describe(Odd(), np.zeros((4, 2))) is None


def test_what_can_predict() -> None:
    assert can_predict(LinearRegression())
    assert not can_predict(LinearRegression)
    assert not can_predict({"model": LinearRegression()})


def test_values_that_were_not_seen_are_told() -> None:
    table = {
        "kind": "table",
        "columns": {"a": {"dtype": "float64", "min": 0.0, "max": 1.0}, "t": {"dtype": "str"}},
    }
    assert find_outside(table, [{"a": 0.5, "t": "x"}]) == []
    (told,) = find_outside(table, [{"a": 0.5, "t": "x"}, {"a": 2.0, "t": "x"}])
    assert told.startswith("column 'a': values outside of 0 to 1")
    array = {"kind": "array", "shape": [2], "dtype": "float32", "min": -1.0, "max": 1.0}
    assert len(find_outside(array, [[0.0, -3.0]])) == 1


def test_likely_names_come_first() -> None:
    names = ["y_train", "loss", "X_test", "X_train", "history"]
    assert sorted(names, key=model_input.rank)[:2] == ["X_train", "X_test"]


@pytest.mark.torch
def test_a_network_of_pytorch_and_its_data() -> None:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.5))
    data = TensorDataset(torch.randn(8, 3), torch.zeros(8))
    pairs = [(torch.randn(3), 0)] * 5
    before = torch.random.get_rng_state()
    for value in (data, DataLoader(data, batch_size=2, shuffle=True), data.tensors[0], pairs):
        found = describe(model, value)
        assert found is not None, type(value)
        assert found["input"]["shape"] == [3]
        assert found["input"]["dtype"] == "float32"
    assert torch.equal(before, torch.random.get_rng_state()), "nothing was drawn"
    assert describe(model, torch.zeros(8)) is None
    again = [predict(model, {"kind": "array", "dtype": "float32"}, [[1.0, 2.0, 3.0]]) for _ in range(2)]
    assert again[0] == again[1], "dropout is off"
    own = describe_from_model(model)
    assert own is not None
    assert own["input"]["shape"] == [3]


@pytest.mark.torch
def test_the_shape_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten())
    assert describe_from_model(model) is None
    monkeypatch.setenv("SERVE_INPUT_SHAPE", "3,8,8")
    found = model_input.describe_from_shape(model)
    assert found is not None
    assert found["input"]["shape"] == [3, 8, 8]
    assert model_input.takes(model, found["input"])


def test_a_booster_of_xgboost() -> None:
    import xgboost

    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(FRAME.to_numpy(), [0.0, 1.0, 0.0, 1.0]), 2)
    found = describe(booster, FRAME.to_numpy())
    assert found is not None
    assert found["input"]["shape"] == [2]
    assert len(predict(booster, found["input"], [[1.0, 0.0]])["predictions"]) == 1
