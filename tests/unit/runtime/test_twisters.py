"""Copies of the states of Mersenne Twister generators say what the generators say, wherever they stand."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import pytest

from graduate.runtime import random_state, twisters


def same(state: Any, numpy_state: Any) -> bool:
    name, words, *others = state
    return [name, words, *others] == [numpy_state[0], numpy_state[1].tobytes(), *numpy_state[2:]]


@pytest.mark.parametrize("seed", [0, 7, 2**31])
def test_a_copy_is_the_state_of_the_moment(seed: int) -> None:
    python, numpy = random.Random(seed), np.random.RandomState(seed)
    of_python, of_numpy = twisters.of(python), twisters.of(numpy)
    assert of_python is not None
    assert of_numpy is not None
    for turn in range(2_000):  # several times through all words
        (python.gauss if turn % 3 else lambda *_: python.random())(0, 1)
        numpy.standard_normal() if turn % 2 else numpy.bytes(3)
        if turn == 900:
            python.seed(turn)
            numpy.seed(turn)
        assert twisters.Copy(of_python).state() == python.getstate()
        assert same(twisters.Copy(of_numpy).state(), numpy.get_state())


def test_a_copy_stays_what_it_was() -> None:
    generator = random.Random(1)
    twister = twisters.of(generator)
    assert twister is not None
    copy, state = twisters.Copy(twister), generator.getstate()
    assert copy == twisters.Copy(twister)
    generator.random()
    assert copy != twisters.Copy(twister)
    assert copy.state() == state


def test_the_second_of_two_normal_numbers_counts_as_drawn() -> None:
    generator = np.random.RandomState(1)
    twister = twisters.of(generator)
    assert twister is not None
    generator.standard_normal()
    before = twisters.Copy(twister)
    generator.standard_normal()  # draws no word
    assert before != twisters.Copy(twister)
    other = random.Random(1)
    found = twisters.of(other)
    assert found is not None
    other.gauss(0, 1)
    first = twisters.Copy(found)
    other.gauss(0, 1)
    assert first != twisters.Copy(found)


class Own(random.Random):
    def getstate(self) -> tuple[Any, ...]:
        return ("own", super().getstate())


@pytest.mark.parametrize(
    "generator", [Own(1), np.random.default_rng(1), np.random.RandomState(np.random.PCG64(1)), object()]
)
def test_others_are_asked(generator: Any) -> None:
    assert twisters.of(generator) is None


def test_another_bit_generator_is_noticed() -> None:
    generator = np.random.RandomState(1)
    twister = twisters.of(generator)
    assert twister is not None
    assert twister.is_current()
    generator._bit_generator = np.random.MT19937(2)  # type: ignore[attr-defined]
    assert not twister.is_current()


def test_a_glance_is_pickled_as_what_capture_gives() -> None:
    np.random.standard_normal()
    random.gauss(0, 1)
    glance, state = random_state.glance(), random_state.capture()
    assert type(glance["python"]) is type(glance["numpy"]) is twisters.Copy
    assert pickle.loads(pickle.dumps(glance)) == state
    numbers = random.random(), np.random.standard_normal()
    random_state.restore(glance)
    assert (random.random(), np.random.standard_normal()) == numbers


def test_where_memory_cannot_be_read_the_generators_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_state, "_twisters", {"python": None, "numpy": None})
    assert random_state.glance() == random_state.capture()


def test_a_layout_that_is_not_found_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twisters, "_memory", lambda value: memoryview(bytes(type(value).__basicsize__)))
    for find in (twisters._python_place, twisters._numpy_places):
        find.cache_clear()
        assert find() is None
        find.cache_clear()
