"""What counts as drift of data, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graduate.runtime.data_checks import _described, compare

FRAME = pd.DataFrame(
    {"age": [20.0, 30.0, None, 60.0], "kind": ["a", "b", "a", "b"], "n": [1, 2, 3, 4], "free": list("wxyz")}
)


def profile(value: Any, **files: str) -> dict[str, Any]:
    return {"values": dict(_described({"x": value})), "files": files}


def drift(before: Any, after: Any) -> list[str]:
    return list(compare(profile(before), profile(after)))


def changed(**columns: Any) -> pd.DataFrame:
    return FRAME.assign(**columns)


@pytest.mark.parametrize(
    "after",
    [
        FRAME.sample(frac=1, random_state=0),
        pd.concat([FRAME, FRAME]),
        changed(age=[18.0, 30.0, None, 63.0]),
        changed(kind=["a", "a", "a", "a"]),
    ],
    ids=["other order", "twice the rows", "a little outside of the range", "a category less"],
)
def test_what_is_no_drift_of_a_frame(after: pd.DataFrame) -> None:
    assert drift(FRAME, after) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (
            changed(age=[20.0, 30.0, 999.0, 60.0]),
            "x, column 'age': its values go from 20 to 999, not from 20 to 60",
        ),
        (changed(age=[20.0, 30.0, None, None]), "x, column 'age': 50.0% of it is missing, not 25.0%"),
        (changed(age=[20.0, 30.0, None, np.inf]), "x, column 'age': 33.3% of it is not finite, not 0.0%"),
        (changed(n=[1.5, 2.0, 3.0, 4.0]), "x, column 'n': its type is float64, not int64"),
        (changed(kind=["a", "b", "c", "b"]), "x, column 'kind': it has new categories: c"),
        (changed(more=1), "x, column 'more': it is new"),
        (FRAME.drop(columns="n"), "x, column 'n': it is gone"),
        (pd.concat([FRAME] * 3), "x: it has 12 rows, not about 4"),
        (FRAME.to_numpy(), "x: its kind is array, not table"),
    ],
)
def test_drift_of_a_frame_is_told_with_its_place(after: Any, said: str) -> None:
    assert said in drift(FRAME, after)


def test_more_categories_than_can_be_listed() -> None:
    many = pd.Series([str(number) for number in range(30)])
    few = pd.Series(["1", "2"] * 15)
    assert drift(few, many) == ["x: it has more than 20 categories, not 2"]
    assert drift(many, many[::-1]) == []


ARRAY = np.arange(12, dtype=np.float32).reshape(6, 2)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (ARRAY[:4], []),
        (ARRAY.astype(np.float64), ["x: its dtype is float64, not float32"]),
        (ARRAY.reshape(4, 3), ["x: its shape is [3], not [2]"]),
        (np.where(ARRAY == 3, np.nan, ARRAY), ["x: 8.3% of it is not finite, not 0.0%"]),
        (ARRAY * 10, ["x: its values go from 0 to 110, not from 0 to 11"]),
        (ARRAY[:2], ["x: it has 2 rows, not about 6"]),
    ],
    ids=["fewer rows", "type", "shape", "not finite", "range", "too few rows"],
)
def test_drift_of_an_array(after: Any, said: list[str]) -> None:
    assert drift(ARRAY, after) == said


@pytest.mark.torch
def test_drift_of_a_tensor() -> None:
    import torch

    before = torch.arange(6.0, requires_grad=True)
    assert drift(before, before.flip(0)) == []
    assert drift(before, before.double()) == ["x: its dtype is torch.float64, not torch.float32"]
    assert drift(before, before / 0) == ["x: 100.0% of it is not finite, not 0.0%"]


@pytest.mark.parametrize("hold", [lambda x: {"train": [x, 1]}, lambda x: (x, "name")], ids=["dict", "tuple"])
def test_what_lists_and_dicts_hold_is_compared(hold: Callable[[Any], Any]) -> None:
    assert drift(hold(ARRAY), hold(ARRAY)) == []
    (said,) = drift(hold(ARRAY), hold(ARRAY * 10))
    assert "its values go from 0 to 110" in said


def test_what_a_person_took_out_of_the_record_is_not_compared() -> None:
    after = profile(changed(age=[20.0, None, None, 999.0], n=[1.5, 2.5, 3.5, 4.5], kind=list("abcd")))
    known = profile(FRAME)
    columns = known["values"]["x"]["columns"]
    for name, taken in (("age", ("max", "missing")), ("n", ("dtype", "min")), ("kind", ("categories",))):
        for each in taken:
            del columns[name][each]
    del known["values"]["x"]["rows"]
    assert list(compare(known, after)) == []


def test_files_and_values_that_are_gone() -> None:
    before = profile(ARRAY, **{"data/a.csv": "1", "data/b.csv": "2"})
    after = {"values": {}, "files": {"data/a.csv": "3", "data/c.csv": "4"}}
    assert list(compare(before, after)) == [
        "data/a.csv has another content than at the first good run",
        "data/b.csv was read at the first good run and is not now",
        "x is not given any more",
    ]
