"""The dynamic programme: what it must keep for any input, and that it finds the cheapest answer."""

from __future__ import annotations

import time
from itertools import pairwise, product

from hypothesis import given, settings
from hypothesis import strategies as st

from graduate.plan.segmentation import FORBIDDEN, Run, count_crossing, cut_sequence, cut_sequence_few

LABELS = 3
gain_rows = st.lists(st.integers(0, 6).map(float), min_size=LABELS, max_size=LABELS)
costs = st.one_of(st.integers(-2, 8).map(float), st.just(FORBIDDEN))


@st.composite
def problems(draw: st.DrawFn, size: int = 30) -> tuple[list[list[float]], list[float], list[bool]]:
    gains = draw(st.lists(gain_rows, min_size=1, max_size=size))
    cuts = draw(st.lists(costs, min_size=len(gains), max_size=len(gains)))
    repeats = draw(st.lists(st.booleans(), min_size=len(gains), max_size=len(gains)))
    return gains, cuts, repeats


def covers(runs: tuple[Run, ...], size: int) -> bool:
    ends = [0, *(run.stop for run in runs)]
    return (
        [run.start for run in runs] == ends[:-1] and ends[-1] == size and all(r.start < r.stop for r in runs)
    )


def total(runs: tuple[Run, ...], gains: list[list[float]], cuts: list[float], backwards: float) -> float:
    cost = -sum(gains[i][run.label] for run in runs for i in range(run.start, run.stop))
    for before, after in pairwise(runs):
        cost += cuts[after.start] + (backwards if after.label < before.label else 0.0)
    return cost


@given(problems())
def test_runs_cover_everything_in_order_and_respect_what_is_forbidden(problem) -> None:
    gains, cuts, repeats = problem
    runs = cut_sequence(gains, cuts, backwards_cost=3.0, may_repeat=repeats)
    assert covers(runs, len(gains))
    for before, after in pairwise(runs):
        assert cuts[after.start] != FORBIDDEN
        assert before.label != after.label or repeats[after.start]


@settings(max_examples=60)
@given(problems(size=5))
def test_no_other_cutting_is_cheaper(problem) -> None:
    gains, cuts, _ = problem
    runs = cut_sequence(gains, cuts, backwards_cost=2.0)
    best = min(
        total(as_runs(labels), gains, cuts, 2.0) for labels in product(range(LABELS), repeat=len(gains))
    )
    assert total(runs, gains, cuts, 2.0) == best


def as_runs(labels: tuple[int, ...]) -> tuple[Run, ...]:
    starts = [i for i in range(len(labels)) if i == 0 or labels[i] != labels[i - 1]]
    stops = [*starts[1:], len(labels)]
    return tuple(Run(start, stop, labels[start]) for start, stop in zip(starts, stops, strict=True))


@given(problems(size=60), st.integers(1, 6))
def test_few_runs_are_few(problem, most: int) -> None:
    gains, cuts, _ = problem
    cuts = [max(cost, 0.1) for cost in cuts]
    runs = cut_sequence_few(gains, cuts, backwards_cost=2.0, most=most, scale=2.0)
    assert covers(runs, len(gains))
    assert len(runs) <= most


def test_nothing_to_cut() -> None:
    assert cut_sequence([], [], backwards_cost=1.0) == ()


def test_going_backwards_has_to_pay() -> None:
    gains = [[0.0, 2.0], [2.0, 0.0]]
    assert len(cut_sequence(gains, [0.0, 1.0], backwards_cost=5.0)) == 1
    assert len(cut_sequence(gains, [0.0, 1.0], backwards_cost=0.5)) == 2


def test_values_cross_until_their_last_read_before_they_are_written_anew() -> None:
    reads = [[], ["x"], [], ["x"], [], ["y"]]
    writes = [["x", "y"], [], ["x"], [], ["x"], []]
    assert count_crossing(reads, writes) == [0, 2, 1, 2, 1, 1]


def test_a_value_that_must_not_cross_counts_to_its_last_read() -> None:
    reads, writes = [[], [], ["x"]], [["x"], ["x"], []]
    assert count_crossing(reads, writes) == [0, 0, 1]
    assert count_crossing(reads, writes, to_the_last_read=True) == [0, 1, 1]


def test_a_value_that_is_updated_crosses() -> None:
    assert count_crossing([[], ["n"], ["n"]], [["n"], ["n"], []]) == [0, 1, 1]


def test_weights_count_in_place_of_one() -> None:
    assert count_crossing([[], ["loader", "x"]], [["loader", "x"], []], {"loader": 3.0}) == [0, 4.0]


def test_time_grows_linearly() -> None:
    def seconds(size: int) -> float:
        gains = [[float((i * k) % 7) for k in range(9)] for i in range(size)]
        best = FORBIDDEN
        for _ in range(3):
            start = time.process_time()
            cut_sequence(gains, [2.0] * size, backwards_cost=3.0)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(16_000) < 12 * seconds(4_000)
