"""What ships in tests/integration/results.py: equal values have equal hashes, however they were made."""

from __future__ import annotations

import pickle
import random
import types
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from sklearn.tree import DecisionTreeClassifier

from graduate.emit.render import render


@pytest.fixture(scope="module")
def results() -> types.ModuleType:
    module = types.ModuleType("results")
    exec(compile(render("tests/integration/results.py.j2"), "results.py", "exec"), module.__dict__)
    return module


class Plain:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def tree(depth: int) -> DecisionTreeClassifier:
    x = numpy.random.default_rng(0).normal(size=(60, 3))
    return DecisionTreeClassifier(max_depth=depth, random_state=0).fit(x, x[:, 0] > 0.1 * x[:, 1])


def generator(draws: int) -> numpy.random.Generator:
    found = numpy.random.default_rng(3)
    found.normal(size=draws)
    return found


def python_random(draws: int) -> random.Random:
    found = random.Random(3)
    for _ in range(draws):
        found.random()
    return found


PAIRS: dict[str, tuple[Any, Any]] = {
    "int and bool": (1, True),
    "int and float": (1, 1.0),
    "float": (0.1, numpy.nextafter(0.1, 1.0).item()),
    "list and tuple": ([1], (1,)),
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "set": ({1, 2}, {1, 3}),
    "array": (numpy.arange(3.0), numpy.array([0.0, 1.0, 2.5])),
    "dtype": (numpy.arange(3), numpy.arange(3.0)),
    "shape": (numpy.zeros((2, 3)), numpy.zeros((3, 2))),
    "objects": (numpy.array(["a", None], dtype=object), numpy.array(["b", None], dtype=object)),
    "frame": (pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [2]})),
    "index": (pandas.DataFrame({"a": [1]}), pandas.DataFrame({"a": [1]}, index=[5])),
    "attribute": (Plain(a=1), Plain(a=2)),
    "deep": (Plain(a=[Plain(b={"c": 1})]), Plain(a=[Plain(b={"c": 2})])),
    "estimator": (tree(2), tree(1)),
    "generator": (generator(0), generator(1)),
    "random": (python_random(0), python_random(1)),
    "class": (int, str),
    "function": (numpy.sin, numpy.cos),
}


@pytest.mark.parametrize("name", PAIRS)
def test_different_values_differ(results: types.ModuleType, name: str) -> None:
    one, other = PAIRS[name]
    assert results.digest(one) != results.digest(other)


@pytest.mark.parametrize("name", PAIRS)
def test_a_value_that_was_stored_is_the_same(results: types.ModuleType, name: str) -> None:
    for value in PAIRS[name]:
        assert results.digest(pickle.loads(pickle.dumps(value))) == results.digest(value)


def test_a_value_that_holds_itself(results: types.ModuleType) -> None:
    value: list[Any] = [1]
    value.append(value)
    assert results.digest(value) == results.digest(pickle.loads(pickle.dumps(value)))


def test_pickles_are_compared_by_what_they_hold(results: types.ModuleType, tmp_path: Path) -> None:
    """A value that was stored once pickles into other bytes."""
    value = tree(3)
    files = {}
    for name, each in {"a": value, "b": pickle.loads(pickle.dumps(value)), "c": tree(1)}.items():
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(pickle.dumps(each))
        files[name] = results.describe_file(path, path.read_bytes().hex())
    assert files["a"] == files["b"] != files["c"]


def test_other_files_are_compared_by_their_bytes(results: types.ModuleType, tmp_path: Path) -> None:
    (tmp_path / "broken.pkl").write_bytes(b"no pickle")
    assert results.describe_file(tmp_path / "broken.pkl", "abc") == "abc"
    assert results.describe_file(tmp_path / "table.csv", "def") == "def"
