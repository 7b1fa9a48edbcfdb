"""Objects around a loop that can only be saved as copies (iterators, objects of C code).

After a resume the name that the loop uses still means the object that the code before it made. That is right as long as
the loop has not changed that object in place, so it is looked at when a checkpoint is made.
"""

from __future__ import annotations

import enum
import io
import pathlib
import re
import types
from typing import TYPE_CHECKING, Any

from .live import ATOMS, kind_of
from .objects import digest

if TYPE_CHECKING:
    from .live import Registry

_CONSTANT = (
    *(tuple, frozenset, type, BaseException, property, enum.Enum, re.Pattern, pathlib.PurePath),
    *(types.ModuleType, types.MethodType, types.BuiltinFunctionType),
)
_CONSTANT_OF = frozenset(
    {"datetime", "decimal", "fractions", "jax", "jaxlib", "numpy", "pyarrow", "torch", "uuid", "zoneinfo"}
)
"""Modules whose objects that are saved as copies cannot be changed: numbers, scalars, types, shapes, device arrays."""


class Copied:
    """The objects of a block's state that are saved as copies, with what they held when the block was entered."""

    def __init__(self, state: dict[str, Any], registries: list[Registry], package: str) -> None:
        self._registries = registries
        self._package = package
        self._found = {
            name: (value, self._content(value)) for name, value in state.items() if _can_change(value)
        }

    def changed(self, state: dict[str, Any], framed: set[int]) -> str:
        """What was changed in place, so that a copy of it would not be seen; "" when nothing was.

        What an open loop iterates over (`framed`) comes to its place by itself.
        """
        for name, (value, before) in self._found.items():
            if id(value) in framed:
                continue
            if before and state.get(name) is value and self._content(value) != before:
                return (
                    f"{name} ({type(value).__name__}) is changed in place, and a copy of it would not be seen"
                )
        return ""

    def keep(self, state: dict[str, Any]) -> None:
        """After copies were loaded: where a copy equals the object that lives, the object stays."""
        for name, (value, before) in self._found.items():
            if before and name in state and self._content(state[name]) == before:
                state[name] = value

    def _content(self, value: Any) -> str:
        from .loop_pickle import make_pickler

        file, buffers = io.BytesIO(), []  # type: ignore[var-annotated]
        try:
            make_pickler(file, buffers, self._registries, self._package).dump(value)
        except Exception:
            return ""  # it cannot be saved at all, which is told when it is tried
        return digest(b"".join([file.getvalue(), *(each.raw() for each in buffers)]))


def _can_change(value: Any) -> bool:
    kind = type(value)
    if kind in ATOMS or isinstance(value, _CONSTANT) or kind.__module__.partition(".")[0] in _CONSTANT_OF:
        return False
    return kind_of(value) is None
