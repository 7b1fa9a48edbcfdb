"""The objects that live when a loop starts, and how their content is taken and put back in place.

After a resume the same objects exist again (the code before the loop made them anew), so names that refer
to them stay right when only their content is replaced.
"""

from __future__ import annotations

import array
import collections
import functools
import random
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from . import optional
from .handles import is_bar, is_handle, is_reader
from .objects import digest

_keras = optional.find("live_keras")

MOST_ITEMS = 10_000
"""Longer containers are not looked into: their items are saved by value."""
MOST_OBJECTS = 50_000

ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), type(...), type, range, slice})
COUNTED: frozenset[type] = frozenset(
    type(each)
    for each in (iter([]), reversed([]), iter(()), iter(range(0)), iter(""), iter(b""), iter({}), iter(set()))
) | {type(iter({}.values())), type(iter({}.items()))}
"""Iterators over what is there, which know how much is left."""
ITERATORS = frozenset({"counted", "generator", "resumable"})
_PASSING = {
    "keras.src.callbacks.csv_logger.CSVLogger": frozenset({"writer"}),
}
"""Attributes that a library makes anew from the others, by class: they stay as they are."""
_IN_PLACE = frozenset({"skorch.net.NeuralNet"})
"""Classes whose own pickling makes new parts: their attributes are filled as they are."""
GENERATORS = frozenset({"random", "numpy generator", "numpy random state", "torch generator"})


class Unlike(Exception):
    """The objects around a loop are not those of the checkpoint."""


class Registry:
    """Live objects, numbered in the order in which they are found from the roots."""

    def __init__(self, roots: dict[str, Any], known: Callable[[Any], bool] = lambda value: False) -> None:
        self.kinds: list[str] = []
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._known = known
        self._held: list[Any] = []
        self._find(roots)
        self.generators = [n for n, kind in enumerate(self.kinds) if kind in GENERATORS]
        names = [f"{kind}:{type(self.get(number)).__name__}" for number, kind in enumerate(self.kinds)]
        self.signature = digest("\n".join(names).encode())
        """What must be the same when a checkpoint is put back."""

    def number(self, value: Any) -> int | None:
        return self._numbers.get(id(value))

    def get(self, number: int) -> Any:
        found = self._objects[number]
        return found() if type(found) is weakref.ReferenceType and self.kinds[number] != "handle" else found

    def bytes(self) -> int:
        """About how much the content takes."""
        total = 0
        for number in range(len(self.kinds)):
            value = self.get(number) if self.kinds[number] in ("array", "tensor") else None
            total += getattr(value, "nbytes", 0)
        return total

    def _find(self, roots: dict[str, Any]) -> None:
        seen: set[int] = set()
        hold: list[Any] = []  # what is made on the way must live until the end, or an id would be used twice
        stack = list(reversed(roots.values()))
        while stack and len(self.kinds) < MOST_OBJECTS:
            value = stack.pop()
            if type(value) in ATOMS or id(value) in seen or self._known(value):
                continue
            seen.add(id(value))
            hold.append(value)
            kind = kind_of(value)
            if kind is not None:
                self._add(kind, value)
            children = list(_children(kind, value))
            stack.extend(reversed(children))

    def _add(self, kind: str, value: Any) -> None:
        number = len(self.kinds)
        held: Any = value
        if kind in ("array", "tensor", "instance", "state", "keras"):
            try:
                held = weakref.ref(value, functools.partial(self._forget, id(value)))
            except TypeError:
                held = value
        self._numbers[id(value)] = number
        self.kinds.append(kind)
        self._objects.append(held)

    def _forget(self, identity: int, reference: Any) -> None:
        self._numbers.pop(identity, None)

    def hold(self, wanted: bool) -> None:
        """Keep every object alive, for as long as a checkpoint that may refer to it is to be put back."""
        self._held = [self.get(number) for number in range(len(self.kinds))] if wanted else []


def kind_of(value: Any) -> str | None:
    """How the content of a live object is taken; None for what is saved by value."""
    kind = type(value)
    if getattr(kind, "is_module_state", False):
        return "modules"
    if getattr(kind, "is_resumable", False):
        return "resumable"
    if is_reader(value):
        return "reader"
    if is_bar(value):
        return "bar"
    if is_handle(value):
        return "handle"
    if kind is types.FunctionType:
        return "function" if (value.__module__ or "").partition(".")[0] == _PACKAGE else "handle"
    if kind is functools.partial:
        return "handle"
    if kind in COUNTED:
        return "counted"
    if kind is types.GeneratorType:
        return "generator"
    if kind is types.CellType:
        return "cell"
    for base, name in _BY_TYPE:
        if isinstance(value, base):
            return name
    if kind.__module__.startswith("torch"):
        torch = sys.modules["torch"]
        if isinstance(value, torch.Tensor):
            plain = (
                value.layout is torch.strided
                and not value.is_quantized
                and value.device.type in ("cpu", "cuda")
            )
            return "tensor" if plain else None
        if isinstance(value, torch.Generator):
            return "torch generator"
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return "array" if value.flags.writeable else None
        if isinstance(value, numpy.random.Generator):
            return "numpy generator"
        if isinstance(value, numpy.random.RandomState):
            return "numpy random state"
        if isinstance(value, numpy.random.SeedSequence):
            return "numpy seeds"
    return "keras" if _keras is not None and _keras.is_part(value) else _instance_kind(value)


_BY_TYPE: tuple[tuple[type, str], ...] = (
    (list, "list"),
    (dict, "dict"),
    (set, "set"),
    (collections.deque, "deque"),
    (bytearray, "bytearray"),
    (array.array, "machine array"),
    (random.Random, "random"),
)
_PACKAGE = __name__.partition(".")[0]
_CONTAINERS = frozenset({"list", "dict", "set", "deque", "bytearray", "machine array"})
_PLAIN = frozenset({list, dict, set, collections.deque, bytearray, array.array})


def _instance_kind(value: Any) -> str | None:
    kind = type(value)
    if kind.__module__.partition(".")[0] in ("jax", "jaxlib"):
        return None  # they never change, also those that could be told to
    if isinstance(
        value, (type, types.ModuleType, types.MethodType, types.BuiltinFunctionType, BaseException)
    ):
        return None
    if isinstance(value, types.SimpleNamespace):  # its own pickling says nothing but its attributes
        return "instance"
    get_state = getattr(kind, "__getstate__", None)
    if any(f"{base.__module__}.{base.__qualname__}" in _IN_PLACE for base in kind.__mro__):
        return "instance"
    if get_state is not object.__getstate__ and hasattr(kind, "__setstate__"):
        return "state"
    reduces: list[Any] = [kind.__reduce_ex__, kind.__reduce__]
    plain = reduces == [object.__reduce_ex__, object.__reduce__]
    if plain and (hasattr(value, "__dict__") or any("__slots__" in vars(base) for base in kind.__mro__)):
        return "instance" if not isinstance(value, (tuple, frozenset, str, int, float, bytes)) else None
    return None


def has_attributes(kind: str | None, value: Any) -> bool:
    """Whether a container is of a class of its own, whose instances may have attributes beside their items; a masked
    array has its mask there."""
    if kind == "array":
        numpy = sys.modules["numpy"]
        return type(value) is not numpy.ndarray and not isinstance(value, numpy.memmap)
    return kind in _CONTAINERS and type(value) not in _PLAIN


def _children(kind: str | None, value: Any) -> Iterator[Any]:
    if has_attributes(kind, value):
        yield from attributes_of(value).values()
    if kind in ("list", "deque") or isinstance(value, tuple):
        if len(value) <= MOST_ITEMS:
            yield from value
    elif kind == "dict":
        if len(value) <= MOST_ITEMS:
            yield from value.keys()
            yield from value.values()
    elif kind in ("instance", "state"):
        yield from attributes_of(value).values()
    elif kind == "keras":
        yield from _keras.children(value)
    elif kind == "modules":
        yield from (each for values in value.read().values() for each in values.values())
    elif kind == "cell":
        yield from cell_of(value)
    elif kind == "resumable":
        if not hasattr(type(value.iterable), "__next__"):
            yield value.iterable
    elif kind == "numpy generator":
        yield getattr(value.bit_generator, "seed_seq", None)
    elif type(value) is types.FunctionType:
        yield from (cell for cell in value.__closure__ or () if not _holds_weakly(cell))
        if kind == "function":
            yield from (
                *(value.__defaults__ or ()),
                *(value.__kwdefaults__ or {}).values(),
                *data_of(value).values(),
            )
    elif kind == "handle" and type(value) is functools.partial:
        yield from (value.func, *value.args, *value.keywords.values())
    elif type(value) is types.MethodType:
        yield value.__self__


def children_of_handle(value: Any) -> list[Any]:
    """What a function or partial holds, flat: what it closes over, and of the project's functions also defaults and
    attributes."""
    return list(_children(kind_of(value), value))


def _holds_weakly(cell: Any) -> bool:
    """Whether it is a cache of a decorator (`singledispatch`), which cannot be saved and need not be."""
    return any(
        isinstance(each, (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)) for each in cell_of(cell)
    )


def data_of(function: types.FunctionType) -> dict[str, Any]:
    """The attributes that the author's code may have put on a function, not what decorators need to work (`dispatch` of
    `singledispatch` and its registry, `__wrapped__`)."""
    return {
        name: each
        for name, each in vars(function).items()
        if not (name.startswith("__") or callable(each) or isinstance(each, types.MappingProxyType))
    }


def cell_of(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def attributes_of(value: Any) -> dict[str, Any]:
    """Everything that is set on an instance, in `__dict__` or in slots."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = (
                f"_{base.__name__.lstrip('_')}{slot}"
                if slot.startswith("__") and not slot.endswith("__")
                else slot
            )
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    kind: Any = type(value)
    for name in passing(kind):
        found.pop(name, None)
    return found


def passing(kind: Any) -> frozenset[str]:
    """The attributes of a class's instances that are not looked at."""
    if hasattr(getattr(kind, "__iter__", None), "notes_passes"):
        return _listed(kind) | {"_iterator"}  # `loader_passes` makes it anew
    return _listed(kind)


@functools.cache
def _listed(kind: Any) -> frozenset[str]:
    names = (_PASSING.get(f"{base.__module__}.{base.__qualname__}", ()) for base in kind.__mro__)
    return frozenset(name for each in names for name in each)
