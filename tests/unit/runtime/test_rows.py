"""Rows that several processes share behave as the whole batch (row_cases.py), and the notes say where they cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("row_cases.py")
ROOT = Path(__file__).parents[3]


def run_cases(processes: int, *names: str) -> subprocess.CompletedProcess[str]:
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
        [*command, str(CASES), *names],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.torch
@pytest.mark.parametrize(
    "processes", [2, pytest.param(3, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)]
)
def test_operations_on_rows_give_what_they_give_on_the_whole(processes: int) -> None:
    done = run_cases(processes)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "linear: whole for nothing, shared" in lines
    assert "transformer: whole for nothing, shared" in lines
    assert "softmax of rows: whole for softmax, shared" in lines
    assert "step by step, lent: whole for nothing, shared" in lines
    assert "physical, lent: whole for nothing, shared" in lines
    assert "two states, lent: whole for nothing, shared" in lines
    assert "few rows, lent: whole for nothing" in lines
    assert "one sample, lent: whole for nothing" in lines


@pytest.mark.torch
def test_what_a_module_was_called_with_is_not_written_into() -> None:
    """Each process would write only its own rows into the tensor that all have."""
    done = run_cases(2, "writes, lent")
    assert done.returncode == 1
    assert (
        "This cannot be shared out among processes: mul_ into what a module was called with." in done.stderr
    )
