"""Values of libraries: what counts is in the tree, to the bit, and nothing else is."""

from __future__ import annotations

import copy
import logging
import random
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from graduate.verify.compare import compare_trees
from graduate.verify.observer.digests import digest


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n": [1.0, np.nan, 3.0],
            "s": ["a", None, "c"],
            "t": pd.to_datetime(["2020-01-01", "2020-01-02", None]),
            "k": pd.Categorical(["x", "y", "x"]),
        },
        index=[3, 4, 5],
    )


def outcome(one: Any, other: Any) -> str:
    return compare_trees([digest(one)], digest(other)).outcome


FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "a cell": lambda df: df.assign(n=[1.0, np.nan, 3.0000000001]),
    "text": lambda df: df.assign(s=["a", None, "d"]),
    "a missing value": lambda df: df.assign(s=["a", "b", "c"]),
    "a time": lambda df: df.assign(t=df["t"] + pd.Timedelta("1ns")),
    "a category": lambda df: df.assign(k=pd.Categorical(["x", "y", "y"])),
    "a dtype": lambda df: df.assign(n=df["n"].astype("float32")),
    "the index": lambda df: df.set_axis([3, 4, 6]),
    "a column name": lambda df: df.rename(columns={"n": "m"}),
    "the order of columns": lambda df: df[["s", "n", "t", "k"]],
    "a row": lambda df: df.iloc[:2],
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name: str) -> None:
    assert outcome(frame(), frame()) == "same"
    assert outcome(frame(), FRAMES[name](frame())) == "different"


def test_series_and_indexes() -> None:
    series = pd.Series([1, 2], name="a")
    assert outcome(series, series.copy()) == "same"
    assert outcome(series, series.rename("b")) == "different"
    assert outcome(pd.MultiIndex.from_tuples([(1, 2)]), pd.MultiIndex.from_tuples([(1, 3)])) == "different"


def test_structured_arrays_are_compared_by_field() -> None:
    kind = np.dtype([("a", "u1"), ("b", "f8")], align=True)
    one, other = np.zeros(3, kind), np.full(3, 255, np.uint8).repeat(16).view(kind).copy()
    other["a"], other["b"] = 0, 0.0
    assert one.tobytes() != other.tobytes()
    assert outcome(one, other) == "same"
    other["b"][1] = 1e-300
    assert outcome(one, other) == "different"


def test_sparse_matrices() -> None:
    one = sparse.csr_matrix([[0, 1.0], [2.0, 0]])
    other = one.copy()
    assert outcome(one, other) == "same"
    other.data[0] += 1e-12
    assert outcome(one, other) == "different"


def test_random_generators_are_compared_by_their_state_and_left_alone() -> None:
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    python, legacy = random.Random(1), np.random.RandomState(1)
    before = python.getstate(), str(legacy.get_state()), str(one.bit_generator.state)
    assert outcome(one, other) == "same"
    assert outcome(python, random.Random(1)) == outcome(legacy, np.random.RandomState(1)) == "same"
    assert (python.getstate(), str(legacy.get_state()), str(one.bit_generator.state)) == before
    other.random()
    assert outcome(one, other) == "different"


MODELS: dict[str, Callable[[], Any]] = {
    "linear": lambda: LogisticRegression(max_iter=200),
    "forest": lambda: RandomForestClassifier(5, random_state=0),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
}


@pytest.mark.parametrize("name", MODELS)
def test_estimators(name: str) -> None:
    x, y = load_iris(return_X_y=True)
    first, second = MODELS[name]().fit(x, y), MODELS[name]().fit(x, y)
    assert outcome(first, second) == "same"
    assert outcome(first, MODELS[name]()) == "different"
    assert outcome(first, MODELS[name]().fit(x[::-1] + 0.01, y[::-1])) == "different"


def test_boosters() -> None:
    xgboost = pytest.importorskip("xgboost")
    lightgbm = pytest.importorskip("lightgbm")
    x, y = load_iris(return_X_y=True)
    for make in (
        lambda: xgboost.XGBClassifier(n_estimators=3, n_jobs=1),
        lambda: lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1),
    ):
        assert outcome(make().fit(x, y), make().fit(x, y)) == "same"
        assert outcome(make().fit(x, y), make().fit(x, y[::-1])) == "different"


@pytest.mark.torch
def test_torch() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    state = torch.get_rng_state()
    other, other_optimizer = copy.deepcopy((model, optimizer))
    assert outcome(model, other) == outcome(optimizer, other_optimizer) == "same"
    assert torch.equal(torch.get_rng_state(), state)
    assert outcome(model, copy.deepcopy(model).eval()) == "different"
    with torch.no_grad():
        other[0].weight[0, 0] = torch.nextafter(other[0].weight[0, 0], torch.tensor(9.0))
    assert outcome(model, other) == "different"
    other_optimizer.param_groups[0]["lr"] = 0.1
    assert outcome(optimizer, other_optimizer) == "different"
    assert outcome(torch.ones(2, dtype=torch.bfloat16), torch.ones(2)) == "different"
    assert outcome(torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")])) == "same"


def test_an_object_that_answers_every_attribute_is_looked_at_without_being_asked() -> None:
    class Eager:
        def __init__(self, x: int) -> None:
            self.x = x

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    assert outcome(Eager(1), Eager(1)) == "same"
    assert outcome(Eager(1), Eager(2)) == "different"


def test_loggers_are_compared_by_what_the_program_chose() -> None:
    one, other = logging.Logger("study"), logging.Logger("study")
    one.manager = logging.Manager(logging.RootLogger(logging.WARNING))
    one.manager.loggerDict["another"] = other
    assert outcome(one, other) == "same"
    other.setLevel(logging.DEBUG)
    assert outcome(one, other) == "different"
    assert outcome(logging.StreamHandler(), logging.StreamHandler()) == "same"


@pytest.mark.torch
def test_an_iterator_of_a_loader_is_no_value() -> None:
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(torch.arange(4), batch_size=2)
    one, other = iter(loader), iter(loader)
    next(other)
    assert outcome(one, other) == "not comparable"


def test_where_a_formula_was_made_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    class EvalEnvironment:
        def __init__(self, flags: int) -> None:
            self.flags = flags

    library = SimpleNamespace(eval=SimpleNamespace(EvalEnvironment=EvalEnvironment))
    one, other = EvalEnvironment(0), EvalEnvironment(1 << 24)
    assert compare_trees([digest(one)], digest(other)).outcome == "different"
    monkeypatch.setitem(sys.modules, "patsy", library)
    assert compare_trees([digest({"a": 1, "env": one})], digest({"a": 1, "env": other})).outcome == "same"
    assert (
        compare_trees([digest({"a": 1, "env": one})], digest({"a": 2, "env": other})).outcome == "different"
    )
