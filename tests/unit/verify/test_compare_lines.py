"""Printed lines: equal one by one and in order, but for the tokens that runs of the original disagree on."""

from __future__ import annotations

import pytest

from graduate.verify.compare import compare_lines
from graduate.verify.interrupt import compare_outputs
from graduate.verify.noise import fits


def lines(*each: str) -> str:
    return "".join(f"{line}\n" for line in each)


STEADY = lines("start", "loss 0.5", "loss 0.25", "done")


@pytest.mark.parametrize(
    ("converted", "detail"),
    [
        (
            lines("start", "loss 0.5", "done"),
            "line 3: original 'loss 0.25', converted 'done' (4 lines in the original, 3 in the converted run)",
        ),
        (
            lines("start", "loss 0.25", "loss 0.5", "done"),
            "line 2: original 'loss 0.5', converted 'loss 0.25'",
        ),
        (lines("start", "loss 0.5", "loss 0.250000000001", "done"), "line 3: original 'loss 0.25', "),
        (
            STEADY + "more\n",
            "line 5 is one too many: 'more' (4 lines in the original, 5 in the converted run)",
        ),
        (STEADY.removesuffix("done\n"), "line 4 is missing: 'done'"),
    ],
)
def test_the_first_line_that_differs_is_shown(converted: str, detail: str) -> None:
    result = compare_lines([STEADY, STEADY], converted)
    assert result.outcome == "different"
    assert result.detail.startswith(detail)


def test_equal_output_is_the_same() -> None:
    assert compare_lines([STEADY, STEADY], STEADY).outcome == "same"


NOISY = [lines("took 1.5 s", "loss 0.5"), lines("took 1.7 s", "loss 0.5")]


def test_tokens_that_differ_between_runs_of_the_original_are_noise() -> None:
    result = compare_lines(NOISY, lines("took 2.9 s", "loss 0.5"))
    assert result.outcome == "same within noise"
    assert result.detail == "1 lines differ between runs of the original too, or say how long it took"


@pytest.mark.parametrize("line", ["took long s", "took 1.9 m", "took 1.9 s, really", "1.9 s"])
def test_the_rest_of_a_noisy_line_must_be_the_same(line: str) -> None:
    assert compare_lines(NOISY, lines(line, "loss 0.5")).outcome == "different"


def test_noise_in_one_line_does_not_excuse_another() -> None:
    assert compare_lines(NOISY, lines("took 1.6 s", "loss 0.6")).outcome == "different"


@pytest.mark.parametrize(
    ("one", "other", "text", "expected"),
    [
        ("at 0x7f01", "at 0x7f02", "at 0xaaaa", True),
        ("at 0x7f01", "at 0x7f02", "at home", False),
        ("2024-01-02 10:11:12", "2024-01-02 10:11:14", "2024-01-02 10:12:00", True),
        ("2024-01-02 10:11:12", "2024-01-02 10:11:14", "yesterday", False),
        ("same", "same", "same", True),
        ("same", "same", "other", False),
        ("epoch 1 in 0.1 s", "epoch 1 in 0.2 s", "epoch 2 in 0.1 s", False),
    ],
)
def test_only_the_differing_token_is_masked(one: str, other: str, text: str, expected: bool) -> None:
    assert fits([one, other], text) is expected


def test_an_original_with_another_number_of_lines_each_time_still_fixes_what_it_always_prints() -> None:
    references = [lines("a", "try", "b"), lines("a", "try", "try", "b")]
    assert compare_lines(references, lines("a", "b")).outcome == "different"
    assert compare_lines(references, lines("a", "try", "b")).outcome == "same within noise"


# -- after a kill ----------------------------------------------------------------------------------

RUN = lines("load", "epoch 1", "epoch 2", "epoch 3", "done")


@pytest.mark.parametrize(
    "outputs",
    [
        [RUN],
        ["", RUN],
        [lines("load", "epoch 1"), lines("epoch 2", "epoch 3", "done")],
        [lines("load", "epoch 1", "epoch 2"), lines("epoch 2", "epoch 3", "done")],
        [lines("load") + "epo", lines("epoch 1", "epoch 2", "epoch 3", "done")],
        [lines("load", "epoch 1", "epoch 2"), "", lines("epoch 1", "epoch 2"), lines("epoch 3", "done")],
        [RUN, ""],
    ],
    ids=str,
)
def test_pieces_that_cover_the_straight_output(outputs: list[str]) -> None:
    assert compare_outputs([RUN], outputs).outcome == "same"


@pytest.mark.parametrize(
    "outputs",
    [
        [lines("load", "epoch 1"), lines("epoch 3", "done")],
        [lines("load", "epoch 1"), lines("epoch 2", "epoch 2", "epoch 3", "done")],
        [lines("load", "epoch 1"), lines("epoch 2", "epoch 3")],
        [lines("load", "epoch 1"), lines("epoch 2", "epoch 3", "done", "done")],
        [lines("load", "epoch 1"), lines("epoch 2.5", "epoch 3", "done")],
        [lines("epoch 1"), lines("epoch 2", "epoch 3", "done")],
        [""],
    ],
    ids=str,
)
def test_pieces_with_a_gap_a_repetition_or_another_line(outputs: list[str]) -> None:
    result = compare_outputs([RUN], outputs)
    assert result.outcome == "different"
    assert result.detail


def test_noise_is_masked_after_a_kill_too() -> None:
    straight, original = lines("load", "took 1.0 s", "loss 3"), lines("load", "took 1.2 s", "loss 3")
    pieces = [lines("load"), lines("took 0.4 s", "loss 3")]
    assert compare_outputs([straight, original], pieces).outcome == "same within noise"
    wrong = [lines("load"), lines("took 0.4 s", "loss 4")]
    assert compare_outputs([straight, original], wrong).outcome == "different"


@pytest.mark.parametrize(
    ("converted", "same"),
    [
        ("<Axes at 0x7f00deadbeef>, 0xff", True),
        ("<Axes at 0x7f00deadbeef>, 0xfe", False),
        ("<Axis at 0x7f00deadbeef>, 0xff", False),
        ("<Axes at 7f00deadbeef>, 0xff", False),
    ],
)
def test_where_objects_lie_is_noise_after_one_run_too(converted: str, same: bool) -> None:
    assert fits(["<Axes at 0x7fffdeadbeef>, 0xff"], converted) is same


@pytest.mark.parametrize(
    ("original", "converted", "same"),
    [
        ("Done 8 tasks | elapsed:    0.7s", "Done 8 tasks | elapsed:    1.3s", True),
        ("Training took 3 seconds", "Training took 12 seconds", True),
        ("Done 8 tasks | elapsed:    0.7s", "Done 9 tasks | elapsed:    0.7s", False),
        ("took 0.7s, loss 0.5", "took 0.8s, loss 0.6", False),
        ("the ball falls for 0.7 s", "the ball falls for 0.8 s", False),
        ("elapsed 3 steps", "elapsed 4 steps", False),
    ],
)
def test_how_long_it_took_is_noise(original: str, converted: str, same: bool) -> None:
    assert fits([original], converted) is same
    assert fits([original, original], converted) is same
