"""The ladder passes what passes and counts what fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ladder
from ladder_report import LEVELS, render_page, summarise
from page import replace_part


def test_two_cases_from_start_to_end(tmp_path: Path) -> None:
    (tmp_path / "an+author").mkdir()
    (tmp_path / "an+author" / "good.py").write_text(
        "total = 0\nfor epoch in range(3):\n    total += epoch\nprint(total)\n"
    )
    (tmp_path / "broken.py").write_text("def f(:\n")
    manifest = tmp_path / "cases.jsonl"
    manifest.write_text(
        '{"path": "broken.py"}\n{"repo": "an/author", "path": "good.py", "kills": 1, "limit": 120}\n'
    )
    command = [sys.executable, str(ladder.__file__), str(manifest), "--corpus", str(tmp_path)]
    results = tmp_path / "results.jsonl"
    done = subprocess.run([*command, "--results", str(results)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    broken, good = map(json.loads, results.read_text().splitlines())
    assert good["passed"] == dict.fromkeys(["L0", "L1", "L2", "L3", "L4"], True)
    assert (good["refactored"], good["statements"], good["levels"]) == (3, 3, ["steps+loops"])
    assert good["name"] == "an+author/good.py"
    assert broken["passed"] == {"L0": False}
    assert "broken.py:1" in broken["first_difference"]
    again = subprocess.run([*command, "--results", str(results)], capture_output=True, text=True, check=False)
    assert "L0: 1 of 2 (50%)" in again.stdout
    assert len(results.read_text().splitlines()) == 2


def finding(kind: str, outcome: str) -> dict[str, str]:
    return {"kind": kind, "subject": "x", "outcome": outcome, "detail": "1 and 2"}


def verdict(straight: list[dict[str, str]], resumed: list[dict[str, str]]) -> dict[str, Any]:
    runs = [{"run": "straight", "findings": straight}, {"run": "resumed", "findings": resumed}]
    return {"problem": "", "programs": [run for run in runs if run["findings"]]}


SAME, DIFFERENT, FAILED = (
    finding("variable", "same"),
    finding("variable", "different"),
    finding("exit", "different"),
)


@pytest.mark.parametrize(
    ("straight", "resumed", "expected"),
    [
        ([SAME], [SAME], (True, True, True)),
        ([SAME], [SAME, DIFFERENT], (True, True, False)),
        ([SAME, DIFFERENT], [SAME], (True, False, True)),
        ([FAILED], [], (False, False, False)),
        ([SAME], [], (True, True, False)),
        ([], [], (False, False, False)),
    ],
)
def test_verdicts_are_read(
    straight: list[dict[str, str]],
    resumed: list[dict[str, str]],
    expected: tuple[bool, ...],
) -> None:
    result = ladder.Result("case", passed={"L0": True, "L1": True})
    ladder._judge(verdict(straight, resumed), result)
    assert tuple(result.passed[level] for level in ("L2", "L3", "L4")) == expected
    assert bool(result.first_difference) == any(f["outcome"] == "different" for f in straight + resumed)


def test_a_case_whose_original_fails_is_counted_apart() -> None:
    apart = ladder.Result("apart", "script", {"L0": True, "L1": True})
    ladder._judge({"problem": "The original itself fails here", "programs": []}, apart)
    whole = ladder.Result("whole", "notebook", dict.fromkeys(LEVELS, True))
    lines = summarise([apart, whole]).splitlines()
    assert lines[:3] == ["L0: 2 of 2 (100%)", "L1: 2 of 2 (100%)", "L2: 1 of 1 (100%)"]
    assert lines[-1] == "original does not run here: 1"
    page = render_page([apart, whole], "a machine")
    assert "| | all | notebook | script |" in page
    assert "| L2 | 1 of 1 (100%) | 1 of 1 (100%) | - |" in page
    assert "What fell short" not in page


def test_the_page_names_what_fell_short() -> None:
    failed = ladder.Result("failed", passed={"L0": True, "L1": False}, first_difference="L1: exit code 1")
    assert render_page([failed], "a machine").endswith("\n- `failed`: L1. L1: exit code 1")


def test_only_the_part_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- ladder -->\nold\n<!-- end of ladder -->\nafter\n")
    replace_part(page, "ladder", "new")
    assert page.read_text() == "before\n<!-- ladder -->\nnew\n<!-- end of ladder -->\nafter\n"
    with pytest.raises(SystemExit, match="has no part"):
        replace_part(page, "results", "new")


def test_what_outlives_the_limit_is_stopped(tmp_path: Path) -> None:
    runner = ladder.Runner(ladder.Case("slow", "slow", limit=0.5), gigabytes=4)
    done = runner.run(
        [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"], tmp_path
    )
    assert (done.code, done.output) == (None, "begun\n")


def test_a_case_that_is_not_in_the_corpus(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"repo": "an/author", "path": "a.py"}\n')
    command = [sys.executable, str(ladder.__file__), str(manifest), "--corpus", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "an+author/a.py" in done.stderr


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"path": "a.py"}\n\n{"name": 1}\n')
    with pytest.raises(SystemExit, match=r"m\.jsonl:3: not a case"):
        ladder.read_manifest(path, "")
