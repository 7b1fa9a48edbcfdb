"""What training changes in objects of Keras: variables, attributes, and all that the user's classes add.

Where its parts are found; `pickle_keras` says what of them is kept. What Keras compiles stays as it is.
"""

from __future__ import annotations

import dis
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

from . import pickle_keras

_PLAIN = frozenset({int, float, bool, str, type(None)})
_LIBRARIES = ("keras.", "torch.")


def is_part(value: Any) -> bool:
    """Whether an object is Keras' own, or of a class that builds on one of its (a callback is an ordinary object)."""
    if "keras" not in sys.modules or not hasattr(value, "__dict__"):
        return False
    kind: Any = type(value)
    names = _bases(kind)
    return any(name.startswith("keras.") for name in names) and "keras.src.callbacks.callback" not in names


@functools.cache
def _bases(kind: Any) -> frozenset[str]:
    return frozenset(base.__module__ for base in kind.__mro__)


def children(value: Any) -> Iterator[Any]:
    """The objects to look at: parts of Keras among its attributes, and whatever a user's class has set."""
    if is_variable(value):
        yield value._value
        return
    own = _own(value)
    for name, each in vars(value).items():
        if name not in _PASSING:
            yield from [each] if name in own else _parts(each, 3)


def content(value: Any) -> Any:
    """What `put_back` needs, and the parts, so that theirs is taken too."""
    if is_variable(value):
        import numpy

        if _is_tensor(value._value):
            return None, [value._value]
        return numpy.array(value._value), []
    return pickle_keras.state_of(value), list(children(value))


def put_back(value: Any, saved: Any) -> None:
    """Give an object what was saved of it."""
    saved, _ = saved
    if is_variable(value):
        if saved is not None:
            value._value = value._convert_to_tensor(saved, dtype=value.dtype)
        return
    pickle_keras.fill(value, saved)


def is_variable(value: Any) -> bool:
    return hasattr(value, "_value") and hasattr(value, "_initializer") and hasattr(value, "assign_add")


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _parts(value: Any, depth: int) -> Iterator[Any]:
    """The parts of Keras and modules of PyTorch in a value or its containers."""
    torch = sys.modules.get("torch.nn")
    is_container = isinstance(value, (list, dict, set, tuple))
    if (is_part(value) and not is_container) or (torch is not None and isinstance(value, torch.Module)):
        yield value
    elif depth and isinstance(value, (list, tuple, dict)):
        for each in list(value.values()) if isinstance(value, dict) else value:
            yield from _parts(each, depth - 1)


def _own(value: Any) -> set[str]:
    """The attributes of an object that a user's class has set."""
    kind: Any = type(value)
    mentioned, stored = _names(kind)
    return {name for name in vars(value) if name in stored or name not in mentioned} - _PASSING


_PASSING = {"train_function", "test_function", "predict_function", "_eval_epoch_iterator", "_initial_epoch"}


@functools.cache
def _names(kind: Any) -> tuple[frozenset[str], frozenset[str]]:
    """The names that the libraries' classes among the bases mention, and those that the other ones set."""
    mentioned: set[str] = set()
    stored: set[str] = set()
    for base in kind.__mro__:
        for code in _codes(base):
            if base.__module__.startswith(_LIBRARIES):
                mentioned.update(code.co_names)
            else:
                stored.update(i.argval for i in dis.get_instructions(code) if i.opname == "STORE_ATTR")
    return frozenset(mentioned), frozenset(stored)


def _codes(kind: type) -> Iterator[types.CodeType]:
    """The code of a class's methods and properties, with what is nested in it."""
    todo: list[Any] = []
    for member in vars(kind).values():
        if isinstance(member, property):
            todo += [member.fget, member.fset]
        todo.append(getattr(member, "__func__", member))
    while todo:
        each = todo.pop()
        code = each if isinstance(each, types.CodeType) else getattr(each, "__code__", None)
        if code is not None:
            yield code
            todo += [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]
        todo += [each.__wrapped__] if hasattr(each, "__wrapped__") else []
