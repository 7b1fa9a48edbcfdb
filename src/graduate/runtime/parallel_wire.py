"""Values on their way to a worker and back, in which what both sides have stays the same object.

What was sent is known to both by the numbers that pickle gave its objects. So an answer that holds something that
was sent, or a part of it, means the object here, not a copy.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

from . import pickling

_INSIDE = 1 << 62
Known = dict[tuple[int, int], Any]
"""(Number of the message, number of the object in it) → object."""


class Unusable(Exception):
    """Why turns of a loop do not run elsewhere."""


class _Pickler(pickling.Pickler):
    def __init__(self, file: io.BytesIO, package: str, known: Known, targets: tuple[Any, ...]) -> None:
        super().__init__(file, [], pickling.Sharing(), package, _INSIDE)
        self.ids: dict[int, Any] = {id(each): key for key, each in known.items()}
        self.ids |= {id(each): (number, keeps_objects(each)) for number, each in enumerate(targets)}
        self.ids |= {id(each): ("target", *self.ids[id(each)]) for each in targets}

    def persistent_id(self, obj: Any) -> Any:
        if hasattr(type(obj), "__next__"):
            raise TypeError(f"a {type(obj).__name__}, whose items come one after the other")
        return self.ids.get(id(obj))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, known: Known, stand_in: Callable[[int, bool], Any] | None) -> None:
        super().__init__(file)
        self.known = known
        self.stand_in = stand_in

    def persistent_load(self, pid: Any) -> Any:
        if pid[0] != "target":
            return self.known[pid]
        assert self.stand_in is not None
        return self.stand_in(*pid[1:])


def keeps_objects(target: Any) -> bool:
    """Whether a container holds the objects that are put in, not their values, as an array does."""
    return type(target).__name__ != "ndarray"


def dump(value: Any, known: Known, package: str, targets: tuple[Any, ...] = ()) -> tuple[bytes, Known]:
    """The value as bytes, and what both sides know then. Raises what the value's own pickling raises."""
    file = io.BytesIO()
    pickler: Any = _Pickler(file, package, known, targets)
    pickler.dump(value)
    return file.getvalue(), _numbered(known, dict(pickler.memo.copy().values()))


def load(data: bytes, known: Known, stand_in: Callable[[int, bool], Any] | None = None) -> tuple[Any, Known]:
    """The value again, and what both sides know then. `stand_in` makes what stands for a target."""
    unpickler: Any = _Unpickler(io.BytesIO(data), known, stand_in)
    value = unpickler.load()
    return value, _numbered(known, unpickler.memo.copy())


def _numbered(known: Known, memo: dict[int, Any]) -> Known:
    message = 1 + max((key[0] for key in known), default=-1)
    return {**known, **{(message, number): each for number, each in memo.items()}}
