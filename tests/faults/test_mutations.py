"""The tests of faults notice when a safeguard is missing: each is taken out in turn, and something turns red."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fault_project import HERE, drive, make
from mutants import MUTANTS, Mutant, apply, uncovered

from runtime_project import RUNTIME

SOME = ("no fsync of a file", "objects are not sealed", "old checkpoints go first")


def mutated(folder: Path, mutant: Mutant) -> Path:
    runtime = folder / "runtime"
    shutil.copytree(RUNTIME, runtime, ignore=shutil.ignore_patterns("__pycache__"))
    apply(mutant, runtime)
    return runtime


def expect_red(mutant: Mutant, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = mutated(folder, mutant)
    if "::" in mutant.noticed_by:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-x",
                "-m",
                "",
                "-p",
                "no:cacheprovider",
                str(HERE / mutant.noticed_by),
            ],
            cwd=HERE.parents[1],
            env={**os.environ, "RUNTIME_UNDER_TEST": str(runtime)},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 1, f"{mutant.name}: nothing turned red\n{done.stdout[-2000:]}"
        return
    monkeypatch.setattr("runtime_project.RUNTIME", runtime)
    done = drive(make(folder / "project"), *mutant.noticed_by.split())
    assert done.returncode == 3, f"{mutant.name}: nothing turned red: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "mutant", [each for each in MUTANTS if each.name in SOME], ids=lambda each: each.name
)
def test_some_missing_safeguards_are_noticed(
    mutant: Mutant, fast_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_red(mutant, fast_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(
    "mutant", [each for each in MUTANTS if each.name not in SOME], ids=lambda each: each.name
)
def test_every_missing_safeguard_is_noticed(
    mutant: Mutant, fast_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect_red(mutant, fast_path, monkeypatch)


def test_every_safeguard_is_known() -> None:
    assert uncovered(RUNTIME) == []


def test_every_mutant_can_be_made(tmp_path: Path) -> None:
    for number, mutant in enumerate(MUTANTS):
        mutated(tmp_path / str(number), mutant)
