"""What counts as the same value: bit-exact, but for what the original's own runs disagree on."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from tqdm import tqdm

from graduate.verify.compare import compare_trees, compare_variables
from graduate.verify.observer.digests import Digester, digest


class Point:
    def __init__(self, x: object, y: object) -> None:
        self.x = x
        self.y = y

    def __str__(self) -> str:
        return f"Point({self.x}, {self.y})"


def compare(original: Any, converted: Any, *others: Any, clock: bool = False) -> tuple[str, str]:
    references = [digest(original), *(digest(each) for each in others)]
    result = compare_trees(references, digest(converted), clock=clock)
    return result.outcome, result.detail


SAME = [
    1.5,
    float("nan"),
    "text",
    None,
    {"a": [1, 2], "b": (3.0, {"c"})},
    list(range(1000)),
    np.arange(6.0).reshape(2, 3),
    np.array([np.nan, 1.0]),
    np.array(["a", None, {"k": 1}], dtype=object),
    Point(1, [2]),
]


@pytest.mark.parametrize("value", SAME, ids=str)
def test_equal_values_are_the_same(value: Any) -> None:
    assert compare(value, value) == ("same", "")


DIFFERENT: list[tuple[Any, Any, str]] = [
    (0.1, 0.100000000001, "original 0.1, converted 0.100000000001"),
    (1, 1.0, "original int '1', converted float '1.0'"),
    (1, True, "original int '1', converted bool 'True'"),
    (0.0, -0.0, "original 0.0, converted -0.0"),
    ([1, 2], (1, 2), "original a list, converted a tuple"),
    ([1, 2], [1, 2, 3], "list: [2] is only in the converted run"),
    ({"a": 1}, {}, "dict: ['a'] is missing in the converted run"),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "dict: another order of its items"),
    ({"a": {"b": [1, 5]}}, {"a": {"b": [1, 6]}}, "['a']['b'][1]: original 5, converted 6"),
    (Point(1, 2), Point(1, 3), ".y: original 2, converted 3"),
    (np.zeros(3), np.zeros(3, np.float32), "original dtype float64, converted dtype float32"),
    (np.zeros((2, 3)), np.zeros((3, 2)), "original shape [2, 3], converted shape [3, 2]"),
    (np.zeros(3), np.array([0, 1e-12, 0]), "[1] original 0.0, converted 1e-12 (1 elements differ)"),
]


@pytest.mark.parametrize(("original", "converted", "detail"), DIFFERENT, ids=lambda v: str(v)[:20])
def test_the_first_difference_is_named(original: Any, converted: Any, detail: str) -> None:
    assert compare(original, converted) == ("different", detail)


def test_a_difference_far_down_a_long_array_is_found() -> None:
    one, other = np.zeros(100_000), np.zeros(100_000)
    other[77_777] = 1e-300
    outcome, detail = compare(one, other)
    assert outcome == "different"
    assert "among elements that are not shown" in detail


@pytest.mark.parametrize("kind", [list, lambda n: np.array([{"v": v} for v in n], dtype=object)])
def test_a_difference_far_down_a_long_collection_is_found(kind: Any) -> None:
    numbers = list(range(5000))
    changed = [*numbers[:-1], -1]
    assert compare(kind(numbers), kind(changed))[0] == "different"


def test_what_runs_of_the_original_disagree_on_is_noise_of_that_size() -> None:
    assert compare(1.0, 1.001, 1.002) == (
        "same within noise",
        "it differs between runs of the original too",
    )
    outcome, detail = compare(1.0, 1.5, 1.002)
    assert outcome == "different"
    assert "0.498 apart, while runs of the original are at most 0.002 apart" in detail


class Search:
    def __init__(self, took: float, score: float = 0.5) -> None:
        self.refit_time_ = took
        self.cv_results_ = {"mean_fit_time": np.array([took]), "score": score}


def test_what_a_library_says_that_it_took_has_no_measure() -> None:
    assert compare(Search(0.1), Search(20.0), Search(0.1001))[0] == "same within noise"
    assert compare(Search(0.1), Search(20.0, 0.7), Search(0.1001))[0] == "different"
    assert compare(Search(0.1), Search(20.0), Search(0.1))[0] == "different"
    assert compare({"timed": 0.1}, {"timed": 20.0}, {"timed": 0.1001})[0] == "different"


def test_a_clock_has_no_measure() -> None:
    assert compare(12.5, 3.0, 12.6)[0] == "different"
    assert compare(12.5, 3.0, 12.6, clock=True)[0] == "same within noise"


def test_noise_in_one_element_does_not_excuse_another() -> None:
    outcome, detail = compare({"time": 1.0, "loss": 5}, {"time": 1.1, "loss": 6}, {"time": 1.2, "loss": 5})
    assert (outcome, detail) == ("different", "['loss']: original 5, converted 6")


def test_a_value_that_is_noise_keeps_its_type() -> None:
    assert compare(1.0, "one", 2.0)[0] == "different"


def test_what_cannot_be_compared_says_why() -> None:
    one, other = (n for n in range(2)), (n for n in range(3))
    assert compare(one, other) == (
        "not comparable",
        "generator: a generator has no value before it runs",
    )


def test_a_part_that_cannot_be_compared_does_not_hide_the_rest() -> None:
    def holder(number: int) -> dict[str, Any]:
        return {"rows": iter([1]), "n": number}

    assert compare(holder(1), holder(2)) == ("different", "['n']: original 1, converted 2")
    assert compare(holder(1), holder(1))[0] == "same"


def test_equal_hashes_of_what_was_not_looked_at_do_not_pass_for_equal_values() -> None:
    def look(last: int) -> Any:
        digester = Digester()
        digester.left = 900
        return digester.tree([[n] for n in range(999)] + [[last]])

    result = compare_trees([look(1)], look(2))
    assert result.outcome == "same"
    assert "it holds too many objects" in result.detail


def test_each_variable_of_the_original_gets_a_finding() -> None:
    original = {"a": digest(1), "LR": digest(0.1), "lost": digest(3)}
    found = compare_variables([original], {"a": digest(1), "extra": digest(0)}, {"LR": digest(0.2)})
    assert [(f.subject, f.outcome) for f in found] == [
        ("a", "same"),
        ("LR", "different"),
        ("lost", "not comparable"),
    ]
    assert found[2].detail


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((n for n in range(3)), "generator: a generator has no value before it runs"),
        (iter([1]), "list_iterator: an iterator has no value before it runs"),
        (zip([1], [2]), "zip: an iterator has no value before it runs"),  # noqa: B905
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_value_is_not_comparable_and_not_used_up(value: Any, reason: str) -> None:
    assert compare(value, value) == ("not comparable", reason)
    assert len(list(value)) > 0


def test_a_progress_bar_is_what_it_was_told_and_not_how_often_it_was_drawn() -> None:
    bars = [tqdm(range(9), desc="epoch", file=io.StringIO(), mininterval=each) for each in (0.0, 60.0, 60.0)]
    for bar in bars[:2]:
        for _ in range(4):
            bar.update()
        bar.set_postfix(loss=0.5)
    quick, slow, other = bars
    assert compare(quick, slow)[0] == "same"
    assert compare(quick, other)[0] == "different"
    for bar in bars:
        bar.close()
