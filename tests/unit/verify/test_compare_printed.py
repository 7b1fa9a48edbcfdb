"""A difference in the output belongs to the program that printed there."""

from __future__ import annotations

from pathlib import Path

import pytest

from graduate.verify.compare_printed import compare_printed
from graduate.verify.conversion_record import Conversion
from graduate.verify.observe import Observation


def observe(*outputs: str) -> Observation:
    return Observation(Path("/scratch"), 0, outputs, "", 1.0)


PROGRAMS = ("clean", "model")
PROJECT = Conversion("study", PROGRAMS, ())
ORIGINAL = ("rows 3\nsaved\n", "loss 0.5\n")


@pytest.mark.parametrize(
    ("converted", "outcomes"),
    [
        ("rows 3\nsaved\nloss 0.5\n", [("clean", "same"), ("model", "same")]),
        ("rows 4\nsaved\nloss 0.5\n", [("clean", "different")]),
        ("rows 3\nsaved\nloss 0.6\n", [("clean", "same"), ("model", "different")]),
        ("rows 3\nsaved\nloss 0.5\nmore\n", [("clean", "same"), ("model", "different")]),
        ("rows 3\nloss 0.5\n", [("clean", "different")]),
        ("rows 3\nsaved\n", [("clean", "same"), ("model", "different")]),
    ],
)
def test_each_program_has_its_part(converted: str, outcomes: list[tuple[str, str]]) -> None:
    found = compare_printed(PROGRAMS, [observe(*ORIGINAL), observe(*ORIGINAL)], converted, PROJECT)
    assert [(name, finding.outcome) for name, finding in found] == outcomes


@pytest.mark.parametrize(
    "originals",
    [
        [observe("a\n", "b\n"), observe("a\na\n", "b\n")],
        [observe("no end", "b\n"), observe("no end", "b\n")],
    ],
)
def test_parts_that_cannot_be_told_apart_are_compared_as_one(originals: list[Observation]) -> None:
    found = compare_printed(PROGRAMS, originals, originals[0].stdout, PROJECT)
    assert [name for name, _ in found] == [""]
    assert found[0][1].outcome != "different"


def test_scratch_paths_do_not_count() -> None:
    original = observe("in /scratch/work\n", "b\n")
    found = compare_printed(PROGRAMS, [original, original], "in <root>/work\nb\n", PROJECT)
    assert [finding.outcome for _, finding in found] == ["same", "same"]


@pytest.mark.parametrize(
    ("printed", "outcome"),
    [
        ("<class 'study.training.trainer.Net'> study.utils.nets.Deep\n", "same"),
        ("<class 'study.training.trainer.Other'> study.utils.nets.Deep\n", "different"),
        ("<class 'study.models.losses.Net'> study.utils.nets.Deep\n", "different"),
    ],
)
def test_where_a_class_is_defined_may_have_changed(printed: str, outcome: str) -> None:
    places = {"training.trainer:Net": "main.py:3", "utils.nets:Deep": "src/nets.py:1"}
    project = Conversion("study", ("main",), (), places=places, entries=("main.py",))
    original = observe("<class '__main__.Net'> nets.Deep\n")
    (found,) = compare_printed(("main",), [original, original], printed, project)
    assert found[1].outcome == outcome
