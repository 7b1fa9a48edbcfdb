"""Random programs, cut into steps at random places, print the same after conversion."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from harness import convert, run_original
from programs import programs

CUTS = st.lists(st.booleans(), min_size=10, max_size=60)
FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None


def check(text: str, cuts: list[bool], apart: bool) -> None:
    """Run both; a program that fails by itself proves nothing and is left out.

    `apart`: every step in a process of its own, so that all that they share goes through the store.
    """
    files = {"main.py": text}
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        original = run_original(files, Path(scratch) / "original")
        assume(original.returncode == 0)
        converted = convert(files, Path(scratch) / "project", cuts=cuts)
        result = converted.run_apart() if apart else converted.run()
        shown = "\n".join(m.text for m in converted.modules.modules if m.origin == "moved")
        printed, expected = result.stdout, original.stdout
        if "running again" in result.stderr:
            # What cannot be stored (a generator) was made again, and printed again what it prints.
            printed, expected = printed.splitlines()[-1], expected.splitlines()[-1]
        assert printed == expected, f"{text}\n{shown}\n{result.stderr}"
        assert result.returncode == 0, result.stderr


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(programs(), CUTS, st.booleans())
def test_random_programs(text: str, cuts: list[bool], apart: bool) -> None:
    check(text, cuts, apart)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(40))
@settings(
    max_examples=250,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(programs(), CUTS, st.booleans())
def test_many_random_programs(part: int, text: str, cuts: list[bool], apart: bool) -> None:
    """10,000 of them, in parts that several cores can share."""
    check(text, cuts, apart)
