"""Sets that are filled again: their items come in the order in which they came.

The order follows from the size of the set's table, which stays when items are removed: a set of numbers that has shrunk
counts upwards, one that is made of the same numbers may not. What collisions did to the order is not repeated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

_EMPTY = set.__sizeof__(set())
_ENTRY = 16
_SMALLEST = 8
_LOAD = 0.34
"""How full a table can be that was made with fillers, before it grows again."""


class _Filler:
    """Takes an entry that no item wants."""

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place

    def __hash__(self) -> int:
        return self.place


def slots_of(value: set[Any]) -> int:
    """How many entries the table of a set has."""
    return max(_SMALLEST, (set.__sizeof__(value) - _EMPTY) // _ENTRY)


def refill(target: set[Any], items: Collection[Any], slots: int) -> None:
    """Give a set these items, in a table of that many entries, a power of two."""
    set.clear(target)
    if slots > _SMALLEST:
        # CPython (`set_merge` in Objects/setobject.c) makes a table of more than twice as many entries as it adds.
        is_full = len(items) >= _LOAD * slots
        wanted = max(5, slots // 4) - (len(items) if is_full else 0)
        homes = {hash(item) & (slots - 1) for item in items}
        beside = {(home + n) & (slots - 1) for home in homes for n in range(1, 4)} - homes
        free = [place for place in range(slots) if place not in homes and place not in beside]
        fillers = [_Filler(place) for place in [*free, *sorted(beside)][: max(0, wanted)]]
        set.update(target, {*fillers, *(items if is_full else ())})
        for each in fillers:
            set.discard(target, each)
    set.update(target, items)


Orders = list[tuple[set[Any], int, list[Any]]]
"""Sets, the sizes of their tables, and their items in order."""


def orders_of(values: Iterable[Any]) -> Orders:
    """What `put_in_order` needs for those sets among the values of which a pickle would make others."""
    found: Orders = []
    for value in values:
        if type(value) is set:
            items = list(value)
            copy = set(items)
            if slots_of(copy) != slots_of(value) or list(copy) != items:
                found.append((value, slots_of(value), items))
    return found


def put_in_order(orders: Orders) -> None:
    """For sets that were read from a pickle."""
    for value, slots, items in orders:
        refill(value, items, slots)
