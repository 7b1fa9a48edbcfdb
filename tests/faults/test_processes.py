"""Several processes at once, suspended and orphaned ones, kills at any time, signals during a save, a full disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_project import make

from runtime_project import ProjectUnderTest

OUTPUTS = ("rows.csv", "result.txt")


def outcome(project: ProjectUnderTest) -> list[bytes]:
    return [(project.root / each).read_bytes() for each in OUTPUTS]


def start_over(project: ProjectUnderTest) -> None:
    project.run("clean")
    for each in OUTPUTS:
        (project.root / each).unlink(missing_ok=True)


@pytest.fixture
def project(fast_path: Path) -> ProjectUnderTest:
    return make(fast_path)


@pytest.fixture
def expected(project: ProjectUnderTest) -> list[bytes]:
    project.run("train-all")
    found = outcome(project)
    start_over(project)
    return found


def test_ten_runs_at_once(project: ProjectUnderTest, expected: list[bytes]) -> None:
    running = [project.start("train-all", SLEEP="0.5") for _ in range(10)]
    ends = [(each.communicate(timeout=60)[1], each.returncode) for each in running]
    codes = [code for _, code in ends]
    assert set(codes) <= {0, 1}
    assert 0 in codes
    assert all("Another run of this project" in said for said, code in ends if code)
    assert outcome(project) == expected
    assert set(project.statuses().values()) == {"done"}
    assert project.run("doctor").returncode == 0


def test_a_suspended_owner_is_named(project: ProjectUnderTest, expected: list[bytes]) -> None:
    owner = project.start("train-all", SLEEP="0.2")
    while not (project.root / "rows.csv").exists():
        time.sleep(0.02)
    owner.send_signal(signal.SIGSTOP)
    refused = project.run("train-all", check=1)
    assert f"process {owner.pid} holds the lock and is suspended" in refused.stderr
    assert f"kill -CONT {owner.pid}" in refused.stderr
    owner.send_signal(signal.SIGCONT)
    owner.communicate(timeout=30)
    assert owner.returncode == 0
    assert outcome(project) == expected


def test_an_orphaned_worker_does_not_hold_the_lock(project: ProjectUnderTest, expected: list[bytes]) -> None:
    owner = project.start("train-all", SLEEP="30", WORKER="1")
    assert owner.stdout is not None
    worker = int(owner.stdout.readline().split()[1])
    owner.kill()
    owner.wait()
    try:
        project.run("train-all")
        assert outcome(project) == expected
        os.kill(worker, 0)
    finally:
        os.kill(worker, signal.SIGKILL)


def kill_chain(project: ProjectUnderTest, seed: int) -> int:
    """Kill at random times until a run gets through; the number of kills."""
    draw = random.Random(seed)
    for kills in range(200):
        running = project.start("train-all", SLEEP="0.05", CHECKPOINT_EVERY="1")
        try:
            # On a busy machine nothing gets far in so short a time: it gets longer.
            running.communicate(timeout=draw.uniform(0.05, 0.6) * 1.1 ** (kills / 10))
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()
            continue
        assert running.returncode == 0
        return kills
    raise AssertionError("no run got through")


def test_kills_at_random_times(project: ProjectUnderTest, expected: list[bytes]) -> None:
    assert kill_chain(project, 1) > 0
    assert outcome(project) == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 14))
def test_more_kills_at_random_times(project: ProjectUnderTest, expected: list[bytes], seed: int) -> None:
    kill_chain(project, seed)
    assert outcome(project) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_twice_during_a_save(
    project: ProjectUnderTest, expected: list[bytes], number: signal.Signals
) -> None:
    running = project.start("train-all", SLOW_SAVE="1", CHECKPOINT_EVERY="1")
    assert running.stderr is not None
    for _ in range(3):
        while running.stderr.readline() != "saving\n":
            assert running.poll() is None
    running.send_signal(number)
    time.sleep(0.05)
    started = time.monotonic()
    running.send_signal(number)
    running.communicate(timeout=30)
    assert time.monotonic() - started < 0.3
    assert running.returncode == (75 if number == signal.SIGUSR1 else 128 + number)
    project.run("train-all")
    assert outcome(project) == expected


def test_a_signal_during_a_save_lets_it_end(project: ProjectUnderTest, expected: list[bytes]) -> None:
    running = project.start("train-all", SLOW_SAVE="1", CHECKPOINT_EVERY="1")
    assert running.stderr is not None
    while running.stderr.readline() != "saving\n":
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert running.returncode == 75
    assert project.statuses()["train"] == "interrupted"
    assert "train: going on" in project.run("train-all").stderr
    assert outcome(project) == expected


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip("a small file system can only be mounted by root: " + made.stderr.decode().strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("free", [0, 40, pytest.param(120, marks=pytest.mark.slow), 180, 260])
def test_a_full_disk(tmp_path: Path, free: int) -> None:
    whole = make(tmp_path / "whole")
    whole.run("train-all")
    (tmp_path / "small").mkdir()
    with small_disk(tmp_path / "small", "4m"):
        project = make(tmp_path / "small" / "project")
        filler = tmp_path / "small" / "filler"
        space = os.statvfs(filler.parent)
        filler.write_bytes(bytes(space.f_bavail * space.f_frsize - free * 1024))
        full = project.run("train-all", check=None, PYTHONDONTWRITEBYTECODE="1")
        assert full.returncode in (0, 1)
        assert full.returncode == 0 or "No space left" in full.stderr
        filler.unlink()
        project.run("train-all")
        assert outcome(project) == outcome(whole)
        assert project.run("doctor").returncode == 0
