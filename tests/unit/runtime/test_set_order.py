"""Sets that are filled again have their items in the order in which they were."""

from __future__ import annotations

import random

import pytest

from graduate.runtime.set_order import refill, slots_of


def shrunk(chance: random.Random, size: int, *, at_once: bool) -> set[int]:
    made = set(range(size))
    gone = chance.sample(range(size), chance.randrange(size))
    if at_once:
        made -= set(gone)
    for each in gone:
        made.discard(each)
    return made


@pytest.mark.parametrize("size", [3, 10, 60, 500, 3000])
@pytest.mark.parametrize("at_once", [True, False])
def test_numbers_of_a_set_that_has_shrunk(size: int, at_once: bool) -> None:
    chance = random.Random(size)
    made_anew = 0
    for _ in range(40):
        value = shrunk(chance, size, at_once=at_once)
        target = {"old"}
        refill(target, list(value), slots_of(value))
        assert list(target) == list(value)
        made_anew += list({*value}) != list(value)
    assert made_anew or size < 60  # what it is for


@pytest.mark.parametrize("count", [0, 1, 7, 8, 30, 100, 170, 171, 204, 205, 306, 307, 5000])
def test_any_load_and_any_items(count: int) -> None:
    for value in (
        {f"k{n}" for n in range(count)},
        {(n, n) for n in range(count)},
        {n * 8 for n in range(count)},
    ):
        for slots in (slots_of(value), 4 * slots_of(value)):
            target: set[object] = set()
            refill(target, list(value), slots)
            assert target == value
