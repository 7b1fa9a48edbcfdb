"""How often a loop saves, by a clock of the test's own."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from graduate.runtime import pace
from graduate.runtime.background import Outcome
from graduate.runtime.pace import Pace


@dataclass
class Block:
    """As much of a Checkpoint as is asked for."""

    every: int | None = None
    seconds: float | None = None
    max_overhead: float = 0.02

    def estimated_cost(self, *, in_background: bool = False) -> float:
        return 0.005 if in_background else 0.05


class Clock:
    """The time of day and of the processor, which only go on when they are told to."""

    def __init__(self) -> None:
        self.now = self.processor = 100.0

    def work(self, seconds: float, cores: float = 1.0) -> None:
        self.now += seconds
        self.processor += seconds * cores


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "clock", lambda: made.now)
    monkeypatch.setattr(time, "process_time", lambda: made.processor)
    for name in ("CHECKPOINT_EVERY", "CHECKPOINT_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    return made


def save(of: Pace, clock: Clock, blocked: float, written: float = 0.0) -> None:
    """A save that keeps the loop waiting, and a write beside it that takes as much of the processor's time."""
    of.start()
    clock.work(blocked)
    of.blocked = blocked
    of.restart()
    of.note_written(Outcome(None, written, written, was_beside=True))


def test_saves_take_at_most_a_quarter_of_the_share(clock: Clock) -> None:
    of, block = Pace(), Block()
    save(of, clock, blocked=0.1)
    of.schedule(block, "")
    assert of.timer.due == pytest.approx(clock.now + 0.1 / 0.005)
    assert not of.is_due(block)
    clock.work(20.01)
    assert of.is_due(block)


def test_the_write_costs_nothing_where_a_core_is_idle_and_its_time_where_none_is(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cores, busy, expected in (
        (2, 1.0, 0.0),
        (1, 1.0, 3.0),
        (2, 2.0, 3.0),
        (2, 1.5, 1.5),
        (8, 4.0, 0.0),
        (1, 0.0, 0.0),
    ):
        monkeypatch.setattr(pace, "_cores", lambda cores=cores: cores)
        of = Pace()
        clock.work(10, busy)
        save(of, clock, blocked=0.1, written=3.0)
        assert of.crowded_out == pytest.approx(expected), (cores, busy)
        assert of.interval(Block()) == pytest.approx((0.1 + expected) / 0.005)


def test_the_time_of_a_write_is_not_taken_for_the_loop_s(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_cores", lambda: 2)
    of = Pace()
    clock.work(10)
    save(of, clock, blocked=0.1)
    clock.work(10, cores=1.5)
    of.note_written(Outcome(None, 5.0, 5.0, was_beside=True))
    save(of, clock, blocked=0.1, written=5.0)
    assert of.crowded_out == pytest.approx(0.0)


def test_iterations_are_counted_and_the_first_save_is_not_put_off(clock: Clock) -> None:
    of, block = Pace(), Block(every=3)
    due = []
    for _ in range(4):
        of.looks += 1
        clock.work(0.001)
        due.append(of.is_due(block))
    assert due == [False, False, True, True]
    save(of, clock, blocked=0.1)
    of.looks += 3
    assert not of.is_due(block)
    clock.work(20.01)
    assert of.is_due(block)


def test_a_loop_waits_as_long_as_a_save_that_is_waited_for_takes(clock: Clock) -> None:
    of = Pace()
    save(of, clock, blocked=0.1, written=2.0)
    assert of.waited == pytest.approx(2.1)


def test_a_block_saves_at_its_end_what_the_other_saves_have_left_of_half_the_share(clock: Clock) -> None:
    of, block = Pace(), Block()
    of.waited, of.spent = 0.1, 7.0
    assert not of.affords_done(block, took=9.9, spent_before=7.0)
    assert of.affords_done(block, took=10.1, spent_before=7.0)
    assert not of.affords_done(block, took=10.1, spent_before=6.9)
    assert of.affords_done(block, took=20.1, spent_before=6.9)


def test_a_loop_without_checkpoints_is_not_looked_at(clock: Clock) -> None:
    of = Pace()
    of.schedule(Block(every=1), "it cannot be pickled")
    assert of.timer.due == float("inf")
    of.schedule(Block(every=1), "")
    assert of.timer.due == 0
    of.put_off()
    assert of.timer.due == 0
