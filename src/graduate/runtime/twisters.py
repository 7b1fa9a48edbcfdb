"""The states of Mersenne Twister generators, copied as they lie in memory.

Python and NumPy build a state out of 624 numbers when they are asked for it, which takes 15 and 60 µs: too long for
loops that have to know it at every turn. A copy of the memory takes less than 0.2 µs, and is made a state only when it
is needed. Where the numbers lie is found out with generators made for that, and tried; where it cannot be found
(another Python, another NumPy, no lock that keeps threads apart) `of` gives None and the generators are asked.

Looking changes nothing: the generators that are tried have seeds, as one without asks for entropy, which may be
somebody's random numbers (`graduate verify` gives both programs the same).
"""

from __future__ import annotations

import functools
import random
import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

_WORDS = struct.Struct("=624I")


class Twister(NamedTuple):
    """One generator: `copy` copies what its state consists of, `state` makes the state of a copy.

    The state is `getstate()` of a `random.Random`, or `get_state()` of a `RandomState` with bytes for the array.
    `is_current` says whether the memory still is the generator's. All hold the objects whose memory it is.
    """

    generator: Any
    copy: Callable[[], Any]
    state: Callable[[Any], tuple[Any, ...]]
    is_current: Callable[[], bool]


class Copy:
    """A state that is only made when it is pickled. Two are equal when no number was drawn between them."""

    __slots__ = ("_copy", "_state")

    def __init__(self, twister: Twister) -> None:
        self._copy = twister.copy()
        self._state = twister.state

    def __eq__(self, other: object) -> bool:
        return type(other) is Copy and self._copy == other._copy

    __hash__ = None  # type: ignore[assignment]

    def state(self) -> tuple[Any, ...]:
        return self._state(self._copy)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self.state(),)


def made(state: Any) -> Any:
    """The state itself, if it is a copy."""
    return state.state() if type(state) is Copy else state


def of(generator: Any) -> Twister | None:
    """How the state of a generator is copied; None when it has to be asked for."""
    if type(generator) is random.Random:
        place = _python_place()
        return _of_python(generator, place) if place is not None else None
    numpy_random: Any = sys.modules.get("numpy.random")
    if numpy_random is None or type(generator) is not numpy_random.RandomState:
        return None
    places = _numpy_places()
    if places is None or type(generator._bit_generator) is not numpy_random.MT19937:
        return None
    return _of_numpy(generator, *places)


# -- Python ---------------------------------------------------------------------------------------------


def _of_python(generator: random.Random, place: tuple[int, int]) -> Twister:
    memory, split = _cut(generator, *place)
    read, version = memory.tobytes, generator.VERSION

    def copy() -> Any:
        return read(), generator.gauss_next  # type: ignore[attr-defined]

    def state(copied: Any) -> tuple[Any, ...]:
        words, index = split(copied[0])
        return version, (*_WORDS.unpack(words), index), copied[1]

    return Twister(generator, copy, state, lambda: True)


@functools.cache
def _python_place() -> tuple[int, int] | None:
    """Where in a `random.Random` its words are, and where the number of those that are used up."""
    if not _can_read():
        return None
    return _find(
        lambda: random.Random(5), lambda each: each.getstate()[1][:-1], lambda each: each.getstate()[1][-1]
    )


# -- NumPy ----------------------------------------------------------------------------------------------


def _of_numpy(generator: Any, place: tuple[int, int], gauss: int) -> Twister:
    bits = generator._bit_generator
    lock = bits.lock  # of those who draw, which may be threads that do not hold Python's lock
    memory, split = _cut(bits, *place)
    read, read_kept = memory.tobytes, _memory(generator)[gauss - 8 : gauss + 8].tobytes

    def copy() -> Any:
        with lock:
            return read(), read_kept()

    def state(copied: Any) -> tuple[Any, ...]:
        words, index = split(copied[0])
        has_gauss, value = struct.unpack("=i4xd", copied[1])
        return "MT19937", words, index, has_gauss, value

    return Twister(generator, copy, state, lambda: generator._bit_generator is bits)


@functools.cache
def _numpy_places() -> tuple[tuple[int, int], int] | None:
    """As for Python, in its bit generator; and where a `RandomState` keeps the second of two normal numbers."""
    numpy_random: Any = sys.modules["numpy.random"]
    tried = numpy_random.RandomState(numpy_random.MT19937(5))
    bits: Any = getattr(tried, "_bit_generator", None)
    if not _can_read() or type(bits) is not numpy_random.MT19937 or not hasattr(bits.lock, "__enter__"):
        return None
    found = _find(
        lambda: numpy_random.MT19937(5),
        lambda each: each.state["state"]["key"].tolist(),
        lambda each: each.state["state"]["pos"],
    )
    tried.standard_normal()
    content = _memory(tried).tobytes()
    gauss = content.find(struct.pack("=d", tried.get_state()[4]))
    if found is None or gauss < 8 or content[gauss - 8 : gauss - 4] != struct.pack("=i", 1):
        return None
    tried.standard_normal()
    return (found, gauss) if _memory(tried)[gauss - 8 : gauss - 4] == struct.pack("=i", 0) else None


# -- both -----------------------------------------------------------------------------------------------


def _can_read() -> bool:
    """Whether an object's identity is its address, and nothing but a lock of Python's keeps threads out of it."""
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    try:
        import ctypes  # noqa: F401
    except ImportError:
        return False
    return True


def _memory(value: Any) -> memoryview:
    """The memory of an object itself, with all that is cut of it. It keeps the object alive."""
    import ctypes

    memory: Any = (ctypes.c_char * type(value).__basicsize__).from_address(id(value))
    memory.owner = value
    return memoryview(memory).cast("B")


def _cut(value: Any, start: int, index: int) -> tuple[memoryview, Callable[[bytes], tuple[bytes, int]]]:
    """The memory that holds words and number, and what takes a copy of it apart."""
    first, last = min(start, index), max(start + _WORDS.size, index + 4)

    def split(copied: bytes) -> tuple[bytes, int]:
        (number,) = struct.unpack_from("=i", copied, index - first)
        return copied[start - first : start - first + _WORDS.size], number

    return _memory(value)[first:last], split


def _find(
    make: Callable[[], Any], words: Callable[[Any], Any], index: Callable[[Any], int]
) -> tuple[int, int] | None:
    """Where generators that `make` makes hold their words, and the number of those that are used up."""
    tried = make()
    draw = getattr(tried, "getrandbits", None) or (lambda bits: tried.random_raw())
    starts: set[int] = set()
    places = set(range(0, type(tried).__basicsize__ - 3, 4))
    for draws in (1, 5, 617, 3, 700):  # also beyond the end of the words, where new ones are made
        for _ in range(draws):
            draw(32)
        content = _memory(tried).tobytes()
        found = _WORDS.pack(*words(tried))
        starts.add(content.find(found))
        starts.add(content.rfind(found))
        number = struct.pack("=i", index(tried))
        places = {at for at in places if content[at : at + 4] == number}
    start = starts.pop()
    places -= set(range(start, start + _WORDS.size))
    return (start, places.pop()) if not starts and start >= 0 and len(places) == 1 else None
