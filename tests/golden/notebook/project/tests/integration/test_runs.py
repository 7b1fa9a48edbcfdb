"""The pipeline as a whole: it runs, knows when there is nothing to do, and survives being killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from conftest import Run, kill

NOT_FINISHED = {"running", "failed", "interrupted", "stale"}


def assert_finished(run: Run) -> None:
    """Every step is done; after a step that ended the program early the rest may be pending."""
    statuses = run.statuses()
    assert not NOT_FINISHED & set(statuses.values()), statuses
    if not any(step.get("ended_early") for step in run.steps().values()):
        assert set(statuses.values()) == {"done"}, statuses


def test_a_run_finishes_every_step(straight: Run) -> None:
    assert_finished(straight)


def test_a_second_run_has_nothing_to_do(straight: Run) -> None:
    before = straight.steps()
    assert straight.run("train-all") == ""
    assert straight.steps() == before


def kill_in_the_middle(run: Run, seconds: float) -> bool:
    """Start a run and kill it some time after it has begun to save; whether there was something left to do.

    Without a checkpoint to wait for, the time counts from the start of the first step.
    """
    process = run.start("train-all", CHECKPOINT_EVERY="1")
    state = run.root / ".pipeline_state"
    started = None
    while process.poll() is None and not any(state.glob("checkpoints/*/*.json")):
        if started is None and (state / "state.json").exists():
            started = time.monotonic()
        if started is not None and time.monotonic() > started + 2 * seconds:
            break
        time.sleep(0.002)
    else:
        time.sleep(seconds)
    kill(process)
    return process.returncode == -signal.SIGKILL and set(run.statuses().values()) != {"done"}


def test_a_killed_run_is_resumed_to_the_same_end(
    straight: Run, again: Run, new_run: Callable[[list[str]], Run]
) -> None:
    busy = sum(step.get("seconds", 0) for step in again.steps().values())
    for part in (0.3, 0.1, 0.03, 0.0):
        run = new_run(straight.arguments)
        if kill_in_the_middle(run, min(busy * part, 5.0)):
            break
    else:
        pytest.skip("the pipeline ends before it can be killed")

    run.run("resume-all")

    assert_finished(run)
    expected, noise, found = straight.results(), again.results(), run.results()
    assert found.keys() == expected.keys()
    different = {key for key in expected if expected[key] == noise.get(key) and found[key] != expected[key]}
    assert different == set()
