"""Whole trees: what is converted today is what `make regen` wrote, byte for byte, and is clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graduate import conversion
from regen import GOLDEN, HAZARDS, convert_golden, render_hazards

CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


def read_tree(folder: Path) -> dict[str, bytes | str]:
    """Path → content, or where a link leads."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and "__pycache__" not in name:
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("name", CASES)
def test_conversion_gives_the_golden_tree(name: str, tmp_path: Path) -> None:
    convert_golden(GOLDEN / name, tmp_path / "project")
    made, golden = read_tree(tmp_path / "project"), read_tree(GOLDEN / name / "project")
    assert sorted(made) == sorted(golden)
    for path, content in golden.items():
        assert made[path] == content, f"{path} is another; when this is meant: make regen"


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", ["lint", "typecheck", "test"])
def test_golden_project_is_clean(name: str, target: str, tmp_path: Path) -> None:
    case = GOLDEN / name
    conversion.convert(case / "source", tmp_path / "project", lock=False, plan_file=case / "plan.yaml")
    command = ["make", "-s", target, f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=tmp_path / "project", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_page_of_hazards_is_that_of_the_command_line() -> None:
    assert HAZARDS.read_text(encoding="utf-8") == render_hazards(), "make regen"
