"""The ladder passes what passes and counts what fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ladder


def test_two_cases_from_start_to_end(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("total = 0\nfor epoch in range(3):\n    total += epoch\nprint(total)\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    manifest = tmp_path / "cases.jsonl"
    manifest.write_text('{"source": "broken.py"}\n{"source": "good.py", "kills": 1, "limit": 120}\n')
    command = [sys.executable, str(ladder.__file__), str(manifest), "--corpus", str(tmp_path)]
    results = tmp_path / "results.jsonl"
    done = subprocess.run([*command, "--results", str(results)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    broken, good = map(json.loads, results.read_text().splitlines())
    assert good["passed"] == dict.fromkeys(["L0", "L1", "L2", "L3", "L4"], True)
    assert (good["refactored"], good["statements"], good["levels"]) == (3, 3, ["steps+loops"])
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
    result = ladder.Result("case", {"L0": True, "L1": True})
    ladder._judge(verdict(straight, resumed), result)
    assert tuple(result.passed[level] for level in ("L2", "L3", "L4")) == expected
    assert bool(result.first_difference) == any(f["outcome"] == "different" for f in straight + resumed)


def test_a_case_whose_original_fails_is_counted_apart() -> None:
    apart = ladder.Result("apart", {"L0": True, "L1": True})
    ladder._judge({"problem": "The original itself fails here", "programs": []}, apart)
    whole = ladder.Result("whole", dict.fromkeys(ladder.LEVELS, True))
    lines = ladder.summarise([apart, whole]).splitlines()
    assert lines[:3] == ["L0: 2 of 2 (100%)", "L1: 2 of 2 (100%)", "L2: 1 of 1 (100%)"]
    assert lines[-1] == "cases whose original does not run here: 1"


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"source": "a.py"}\n\n{"name": 1}\n')
    with pytest.raises(SystemExit, match=r"m\.jsonl:3: not a case"):
        ladder.read_manifest(path, "")
