"""Which process's values are the last ones, where several took part in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graduate.verify.observe import read_records
from graduate.verify.observer import instrument
from graduate.verify.observer.converted import GONE, Watch

PLAN: dict[str, Any] = {
    "package": "study",
    "segments": {"training": {"part": ["main"]}},
    "wrapped": {},
    "settings": {},
}


def values(folder: Path) -> dict[str, str]:
    return {name: tree["value"] for name, tree in read_records(folder)["main"].items()}


def test_a_process_that_waits_for_its_successor_does_not_have_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where going on does not work, another process runs the step again, and the first one ends after it."""
    monkeypatch.setenv("GRADUATE_OBSERVED", str(tmp_path))
    waiting, working = Watch(PLAN), Watch(PLAN)
    waiting.report("part", "study.training", {"step": 0, "early": 1})
    working.report("part", "study.training", {"step": 250, "early": GONE})
    working.finish()
    waiting.finish()
    assert values(tmp_path) == {"step": "250"}


def test_names_of_a_loop_that_was_finished_before_are_not_those_of_a_failed_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADUATE_OBSERVED", str(tmp_path))
    waiting, working = Watch(PLAN), Watch(PLAN)
    waiting.report("part", "study.training", {"kept": 1, "share": 2})
    working.report(f"{instrument.LOOP}part", "study.training", {}, skipped=("share",))
    working.report("part", "study.training", {"kept": 3})
    working.finish()
    waiting.finish()
    assert values(tmp_path) == {"kept": "3"}
