"""Rows that several processes share behave as the whole batch (row_cases.py), and the notes say where they cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("row_cases.py")
ROOT = Path(__file__).parents[3]


def run_cases(processes: int) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
    ]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run(
        [*command, str(CASES)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.torch
@pytest.mark.parametrize(
    "processes", [2, pytest.param(3, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)]
)
def test_operations_on_rows_give_what_they_give_on_the_whole(processes: int) -> None:
    done = run_cases(processes)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "linear: whole for nothing" in lines
    assert "transformer: whole for nothing" in lines
    assert "softmax of rows: whole for softmax" in lines
