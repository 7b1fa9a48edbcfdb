"""Checkpoints are written beside the training: it does not wait, nothing is lost, and failures are told."""

from __future__ import annotations

import json
import pickle
import re
import time
from pathlib import Path

import numpy
import pytest

from graduate.runtime import background, copies
from graduate.runtime.pickling import Packed
from loop_cases import CASES, HEAD
from runtime_project import ProjectUnderTest, make_project
from test_runtime_loops import PIPELINE

SLOW_DISK = """
import threading
import time
from ..utils import store


class Slow:
    def __getattr__(self, name):
        return getattr(os, name)

    def fsync(self, descriptor):
        if threading.current_thread() is not threading.main_thread():
            time.sleep(float(os.environ.get("SLOW", 0)))
        if os.path.exists(".full"):
            os.remove(".full")
            raise OSError(28, "No space left on device")
        os.fsync(descriptor)


store.disk = Slow()
"""


def make(root: Path, body: str) -> ProjectUnderTest:
    return make_project(root, PIPELINE, training__trainer=HEAD + SLOW_DISK + body)


LONG_LOOP = """
def work():
    state = LoopState(n=0, weights=np.zeros(100_000))
    started = time.perf_counter()
    longest = 0.0
    with Checkpoint("l", state) as checkpoint:
        for i in checkpoint.loop(range(100)):
            before = time.perf_counter()
            time.sleep(0.01)
            state.n += 1
            state.weights += 1
            longest = max(longest, time.perf_counter() - before)
            tick()
        took = time.perf_counter() - started
        saves = StepRun.current.saving.run.folder._next - 1
    return took, saves
"""


def test_the_loop_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    project = make(tmp_path, LONG_LOOP)
    done = project.run("train", SLOW="0.1", CHECKPOINT_SECONDS="0.01")
    took, saves = map(float, re.findall(r"[\d.]+", done.stdout.splitlines()[-1]))
    # Four fsyncs of 0.1 s each and more for every checkpoint: waiting for them would take over a second more.
    assert saves >= 2
    assert took < 1.6


IN_PLACE = """
def work():
    state = LoopState(n=0, big=np.zeros(1_000_000), small=np.zeros(10_000), items=[0])
    with Checkpoint("l", state) as checkpoint:
        for i in checkpoint.loop(range(30)):
            time.sleep(0.005)
            state.n += 1
            state.items[0] += 1
            state.big += 1
            state.small += 1
            assert (state.big == state.n).all() and (state.small == state.n).all() and state.items == [state.n]
            tick()
    return state.n
"""


def test_what_is_written_is_what_was_there_when_it_was_saved(tmp_path: Path) -> None:
    project = make(tmp_path, IN_PLACE)
    for kill_at in ("9", "21"):
        project.run("train", check=-9, SLOW="0.01", CHECKPOINT_SECONDS="0.01", KILL_AT=kill_at)
    done = project.run("train")
    assert "train: going on" in done.stderr
    assert done.stdout.splitlines()[-1] == "30"


@pytest.mark.parametrize("name", ["blocks_in_blocks", "aliases", "frames"])
def test_killed_while_a_write_is_in_flight(tmp_path: Path, name: str) -> None:
    project = make(tmp_path, CASES[name])
    expected = project.run("train").stdout.splitlines()[-1]
    for kill_at in ("2", "3", "4"):
        project.run("clean")
        environment = {"SLOW": "0.01", "CHECKPOINT_EVERY": "1", "KILL_IN_FLIGHT": "1"}
        project.run("train", check=-9, KILL_AT=kill_at, **environment)
        assert project.run("train").stdout.splitlines()[-1] == expected, f"killed at {kill_at}"


FULL = """
def work():
    state = LoopState(n=0)
    with Checkpoint("l", state) as checkpoint:
        for i in checkpoint.loop(range(8)):
            state.n += 1
            if i == 4 and "FULL" in os.environ:
                StepRun.current.saving.settle()
                open(".full", "w").close()
            tick()
            if os.environ.get("FAIL_AT") == str(i):
                raise RuntimeError("made up")
    return state.n
"""


def test_a_write_that_failed_is_told_and_the_one_before_stands(tmp_path: Path) -> None:
    project = make(tmp_path, FULL)
    killed = project.run("train", check=-9, CHECKPOINT_EVERY="3", KILL_AT="7", FULL="1")
    assert "train: a checkpoint could not be written" in killed.stderr
    assert "No space left" in killed.stderr
    folder = project.root / ".pipeline_state" / "checkpoints" / "train"
    (manifest,) = folder.glob("*.json")
    assert json.loads(manifest.read_text())["body"]["blocks"][0]["frames"] == [[0, 3]]
    done = project.run("train")
    assert "train: going on" in done.stderr
    assert done.stdout.splitlines()[-1] == "8"


def test_a_step_ends_after_its_last_checkpoint(tmp_path: Path) -> None:
    project = make(tmp_path, FULL)
    project.run("train", check=1, SLOW="0.2", CHECKPOINT_EVERY="1", FAIL_AT="2")
    ended = (project.root / ".pipeline_state" / "state.json").stat().st_mtime_ns
    folder = project.root / ".pipeline_state" / "checkpoints" / "train"
    newest = max(folder.glob("*.json"))
    assert json.loads(newest.read_text())["body"]["blocks"][0]["frames"] == [[0, 2]]
    assert newest.stat().st_mtime_ns < ended


def test_copies_are_separate_share_memory_as_before_and_keep_what_cannot_change() -> None:
    array = numpy.arange(2_000_000)
    fixed = bytes(100_000)
    parts = {
        name: Packed(b"", [pickle.PickleBuffer(array), pickle.PickleBuffer(fixed)]) for name in ("a", "b")
    }
    found = copies.Copies().of(parts)
    assert found is not None
    array += 1
    first, second = (found[name].buffers[0].raw() for name in ("a", "b"))
    assert numpy.frombuffer(first, dtype=array.dtype)[:3].tolist() == [0, 1, 2]
    assert numpy.shares_memory(numpy.frombuffer(first, "u1"), numpy.frombuffer(second, "u1"))
    assert found["a"].buffers[1].raw().obj is fixed
    assert found["a"].buffers[1].raw().readonly


def test_memory_is_used_again_where_there_is_plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    array, kept = numpy.zeros(10_000_000), copies.Copies()
    parts = {"a": Packed(b"", [pickle.PickleBuffer(array)])}

    def area() -> int:
        found = kept.of(parts)
        assert found is not None
        copy = numpy.frombuffer(found["a"].buffers[0].raw())
        assert numpy.array_equal(copy, array)
        return int(copy.__array_interface__["data"][0])

    monkeypatch.setattr(copies, "_free_memory", lambda: 1e12)
    first = area()
    kept.trim()
    array += 1
    assert area() == first
    monkeypatch.setattr(copies, "_free_memory", lambda: 200e6)
    kept.trim()
    assert kept._areas == []


def test_without_memory_for_a_copy_it_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"a": Packed(b"", [pickle.PickleBuffer(numpy.zeros(10_000_000))])}
    assert copies.Copies().of(parts) is not None
    monkeypatch.setattr(copies, "_free_memory", lambda: 100e6)
    assert copies.Copies().of(parts) is None


def test_a_writer_tells_what_happened_once() -> None:
    writer = background.Writer()

    def fail() -> None:
        time.sleep(0.05)
        raise OSError(5, "made up")

    writer.start(fail)
    assert writer.is_in_flight
    outcome = writer.wait()
    assert outcome is not None
    assert isinstance(outcome.error, OSError)
    assert outcome.was_beside
    assert outcome.seconds >= 0.05
    assert writer.wait() is None
