"""Copies of the states of Mersenne Twister generators say what the generators say, wherever they stand."""

from __future__ import annotations

import gc
import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterator
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


class MT19937(np.random.MT19937):
    """As other packages have them, with a layout of their own."""


@pytest.mark.parametrize(
    "generator",
    [
        Own(1),
        np.random.default_rng(1),
        np.random.RandomState(np.random.PCG64(1)),
        np.random.RandomState(MT19937(1)),
        object(),
    ],
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
    monkeypatch.setattr(random_state, "_twisters", {})
    monkeypatch.setattr(twisters, "of", lambda generator: None)
    assert random_state.glance() == random_state.capture()


@pytest.fixture
def unknown() -> Iterator[None]:
    """Where the numbers lie is not known yet, and is forgotten afterwards."""
    for find in (twisters._python_place, twisters._numpy_places):
        find.cache_clear()
    yield
    for find in (twisters._python_place, twisters._numpy_places):
        find.cache_clear()


@pytest.mark.usefixtures("unknown")
def test_a_layout_that_is_not_found_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twisters, "_memory", lambda value: memoryview(bytes(type(value).__basicsize__)))
    assert twisters._python_place() is None
    assert twisters._numpy_places() is None


@pytest.mark.usefixtures("unknown")
def test_a_layout_that_is_found_twice_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = twisters._memory
    monkeypatch.setattr(twisters, "_memory", lambda value: memoryview(memory(value).tobytes() * 2))
    assert twisters._python_place() is None
    assert twisters._numpy_places() is None


@pytest.mark.usefixtures("unknown")
def test_memory_is_not_read_where_threads_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert twisters.of(random.Random(1)) is None
    assert twisters.of(np.random.RandomState(1)) is None


@pytest.mark.usefixtures("unknown")
def test_memory_is_not_read_by_a_python_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert twisters.of(random.Random(1)) is None
    assert twisters.of(np.random.RandomState(1)) is None


@pytest.mark.usefixtures("unknown")
def test_finding_the_layout_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify` gives NumPy's generators without a seed their entropy from Python's generator."""
    monkeypatch.setattr(np.random.bit_generator, "randbits", random.getrandbits)
    python, numpy = random.getstate(), np.random.get_state()[1].tobytes()
    assert twisters.of(random.Random(1)) is not None
    assert twisters.of(np.random.mtrand._rand) is not None
    random_state.glance()
    assert random.getstate() == python
    assert np.random.get_state()[1].tobytes() == numpy


@pytest.mark.parametrize("make", [lambda: random.Random(1), lambda: np.random.RandomState(1)])
def test_what_is_read_is_kept_alive(make: Callable[[], Any]) -> None:
    generator = make()
    bits = getattr(generator, "_bit_generator", generator)
    before = sys.getrefcount(generator), sys.getrefcount(bits)
    twister = twisters.of(generator)
    assert twister is not None
    copy = twister.copy
    del twister
    gc.collect()
    assert sys.getrefcount(generator) > before[0]
    assert sys.getrefcount(bits) > before[1]
    del copy
    gc.collect()
    assert (sys.getrefcount(generator), sys.getrefcount(bits)) == before


def test_a_copy_waits_for_a_thread_that_draws() -> None:
    """NumPy draws many numbers without Python's lock; half of a new state would be none."""
    generator = np.random.RandomState(1)
    twister = twisters.of(generator)
    assert twister is not None
    copied = threading.Event()
    other = threading.Thread(target=lambda: (twister.copy(), copied.set()))
    with generator._bit_generator.lock:  # type: ignore[attr-defined]
        other.start()
        assert not copied.wait(0.2)
    assert copied.wait(10)
    other.join()


def test_the_global_generators_may_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    random_state.glance()
    other, others = random.Random(3), np.random.RandomState(3)
    monkeypatch.setattr(random, "getstate", other.getstate)
    monkeypatch.setattr(np.random, "get_state", others.get_state)
    for _ in range(2):
        other.random(), others.rand()
        assert pickle.loads(pickle.dumps(random_state.glance())) == random_state.capture()
        assert random_state.glance()["python"].state() == other.getstate()


@pytest.fixture
def global_bits() -> Iterator[None]:
    before = np.random.get_bit_generator()
    yield
    np.random.set_bit_generator(before)


OTHERS = [np.random.PCG64, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM, MT19937]


@pytest.mark.usefixtures("global_bits")
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("take", [random_state.capture, random_state.glance])
def test_another_global_bit_generator_is_put_back(kind: Any, take: Callable[[], Any]) -> None:
    random_state.glance()
    np.random.set_bit_generator(kind(3))
    np.random.standard_normal()  # a second one waits
    state, same_state = take(), take()
    assert state == same_state
    numbers = np.random.standard_normal(3).tolist(), np.random.rand(3).tolist(), np.random.randint(9)
    assert take() != state
    for before in (kind(4), np.random.MT19937(4), np.random.PCG64(4)):
        np.random.set_bit_generator(before)
        plain = pickle.loads(pickle.dumps(state))
        random_state.restore(plain)
        assert type(np.random.get_bit_generator()) is kind or kind is MT19937
        assert random_state.capture() == plain
        again = np.random.standard_normal(3).tolist(), np.random.rand(3).tolist(), np.random.randint(9)
        assert again == numbers


@pytest.mark.usefixtures("global_bits")
def test_the_usual_bit_generator_is_put_back_in_the_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    state = random_state.glance()
    numbers = np.random.rand(3).tolist()
    entropy: list[int] = []
    np.random.set_bit_generator(np.random.PCG64(1))
    monkeypatch.setattr(np.random.bit_generator, "randbits", lambda bits: entropy.append(bits) or 1)
    random_state.restore(state)
    assert np.random.rand(3).tolist() == numbers
    assert type(random_state.glance()["numpy"]) is twisters.Copy
    assert not entropy
