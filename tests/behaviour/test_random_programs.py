"""Random programs, cut into steps at random places, print the same after conversion."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harness import convert, run_original
from programs import programs

CUTS = st.lists(st.booleans(), min_size=8, max_size=14)


def check(text: str, cuts: list[bool]) -> None:
    """Run both; a program that fails by itself proves nothing and is left out."""
    files = {"main.py": text}
    with tempfile.TemporaryDirectory() as scratch:
        original = run_original(files, Path(scratch) / "original")
        assume(original.returncode == 0)
        converted = convert(files, Path(scratch) / "project", cuts=cuts)
        result = converted.run()
        shown = "\n".join(m.text for m in converted.modules.modules if m.origin == "moved")
        assert result.stdout == original.stdout, f"{text}\n{shown}\n{result.stderr}"
        assert result.returncode == 0, result.stderr


@settings(
    max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(programs(), CUTS)
def test_random_programs(text: str, cuts: list[bool]) -> None:
    check(text, cuts)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), CUTS)
def test_many_random_programs(text: str, cuts: list[bool]) -> None:
    check(text, cuts)
