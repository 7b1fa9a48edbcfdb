"""Failing calls, crashes of the machine, damaged files: everywhere, and the next run ends with the same result.

By default a share of each sweep runs; `make faults` runs all of them whole.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_disks import FAULTS
from fault_project import count_tried, make


@pytest.mark.parametrize("fault", ["before", "torn", "eio-once", "enospc-always", "short-always"])
def test_some_calls_fail(fast_path: Path, fault: str) -> None:
    assert count_tried(make(fast_path), "calls", fault, "19") >= 10


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_every_call_fails(fast_path: Path, fault: str) -> None:
    assert count_tried(make(fast_path), "calls", fault, "1") > 200


def test_some_crashes_of_the_machine(fast_path: Path) -> None:
    assert count_tried(make(fast_path), "crashes", "1600") > 1_000


@pytest.mark.slow
def test_crashes_of_the_machine_everywhere(fast_path: Path) -> None:
    assert count_tried(make(fast_path), "crashes", "30") > 50_000


@pytest.mark.slow
def test_crashes_of_the_machine_soon_after_a_kill(fast_path: Path) -> None:
    assert count_tried(make(fast_path), "kills", "5") > 10_000


def test_some_damage(fast_path: Path) -> None:
    assert count_tried(make(fast_path), "damage", "61") > 10


PARTS = 12


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_damage_in_every_region_of_every_file(fast_path: Path, part: int) -> None:
    assert count_tried(make(fast_path), "damage", str(PARTS), str(part), REGIONS="24") > 200


def test_damage_to_some_bytes(fast_path: Path) -> None:
    assert count_tried(make(fast_path), "bytes", "killed", "101") > 3_000


@pytest.mark.slow
@pytest.mark.parametrize("project", ["finished", "killed"])
def test_damage_to_every_byte_that_a_hash_seals(fast_path: Path, project: str) -> None:
    assert count_tried(make(fast_path), "bytes", project, "1") > 200_000
