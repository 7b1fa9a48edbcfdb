"""The objects that live when a loop starts, and how their content is taken and put back in place.

After a resume the same objects exist again (the code before the loop made them anew), so names that refer
to them stay right when only their content is replaced.
"""

from __future__ import annotations

import collections
import csv
import functools
import io
import logging
import pickle
import random
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from . import live_keras
from .module_state import ModuleState
from .objects import digest

MOST_ITEMS = 10_000
"""Longer containers are not looked into: their items are saved by value."""
MOST_OBJECTS = 50_000

_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), type(...), type, range, slice})
_HANDLES = (
    io.IOBase,
    logging.Logger,
    logging.Handler,
    threading.Thread,
    threading.Event,
    threading.Condition,
    type(threading.Lock()),
    type(threading.RLock()),
    type(csv.writer(io.StringIO())),
    weakref.ReferenceType,
)
_HANDLE_NAMES = frozenset(
    {"tqdm", "tqdm_notebook", "SummaryWriter", "FileWriter", "EventFileWriter", "Progress"}
)
_HANDLE_CLASSES = frozenset(
    {"lightning.pytorch.trainer.trainer.Trainer", "pytorch_lightning.trainer.trainer.Trainer"}
)
_PASSING = {
    "keras.src.callbacks.csv_logger.CSVLogger": frozenset({"writer"}),
}
"""Attributes that a library makes anew from the others, by class: they stay as they are."""
_MISSING = "no content"
GENERATORS = frozenset({"random", "numpy generator", "numpy random state", "torch generator"})


class Unlike(Exception):
    """The objects around a loop are not those of the checkpoint."""


def is_handle(value: Any) -> bool:
    """Whether a value stands for something outside (a file, a progress bar, a lock) and stays as it is."""
    return isinstance(value, _HANDLES) or any(
        kind.__name__ in _HANDLE_NAMES or f"{kind.__module__}.{kind.__qualname__}" in _HANDLE_CLASSES
        for kind in type(value).__mro__
    )


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
            if type(value) in _ATOMS or id(value) in seen or self._known(value):
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

    def random(self) -> list[tuple[int, Any]]:
        """The state of every random generator among the objects."""
        return [(number, content(self.kinds[number], self.get(number))) for number in self.generators]


def kind_of(value: Any) -> str | None:
    """How the content of a live object is taken; None for what is saved by value."""
    kind = type(value)
    if kind is ModuleState:
        return "modules"
    if is_handle(value):
        return "handle"
    if kind in (types.FunctionType, functools.partial):
        return "handle"
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
    return "keras" if live_keras.is_part(value) else _instance_kind(value)


_BY_TYPE: tuple[tuple[type, str], ...] = (
    (list, "list"),
    (dict, "dict"),
    (set, "set"),
    (collections.deque, "deque"),
    (bytearray, "bytearray"),
    (random.Random, "random"),
)


def _instance_kind(value: Any) -> str | None:
    kind = type(value)
    if kind.__module__.partition(".")[0] in ("jax", "jaxlib"):
        return None  # they never change, also those that could be told to
    if isinstance(
        value, (type, types.ModuleType, types.MethodType, types.BuiltinFunctionType, BaseException)
    ):
        return None
    get_state = getattr(kind, "__getstate__", None)
    if get_state is not object.__getstate__ and hasattr(kind, "__setstate__"):
        return "state"
    reduces: list[Any] = [kind.__reduce_ex__, kind.__reduce__]
    plain = reduces == [object.__reduce_ex__, object.__reduce__]
    if plain and (hasattr(value, "__dict__") or any("__slots__" in vars(base) for base in kind.__mro__)):
        return "instance" if not isinstance(value, (tuple, frozenset, str, int, float, bytes)) else None
    return None


def _children(kind: str | None, value: Any) -> Iterator[Any]:
    if kind in ("list", "deque") or isinstance(value, tuple):
        if len(value) <= MOST_ITEMS:
            yield from value
    elif kind == "dict":
        if len(value) <= MOST_ITEMS:
            yield from value.keys()
            yield from value.values()
        yield from _attributes(value).values()
    elif kind in ("instance", "state"):
        yield from _attributes(value).values()
    elif kind == "keras":
        yield from live_keras.children(value)
    elif kind == "modules":
        yield from (each for values in value.read().values() for each in values.values())
    elif kind == "cell":
        yield from _cell(value)
    elif kind == "handle" and type(value) is types.FunctionType:
        yield from value.__closure__ or ()
    elif kind == "handle" and type(value) is functools.partial:
        yield from (value.func, *value.args, *value.keywords.values())
    elif type(value) is types.MethodType:
        yield value.__self__


def children_of_handle(value: Any) -> list[Any]:
    """What a function or partial closes over, flat."""
    return list(_children("handle", value))


def _cell(cell: Any) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def _attributes(value: Any) -> dict[str, Any]:
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
    for name in _passing(kind):
        found.pop(name, None)
    return found


@functools.cache
def _passing(kind: Any) -> frozenset[str]:
    """The attributes of a class's instances that are not looked at."""
    names = (_PASSING.get(f"{base.__module__}.{base.__qualname__}", ()) for base in kind.__mro__)
    return frozenset(name for each in names for name in each)


def content(kind: str, value: Any) -> Any:
    """What `put_back` needs, as fresh containers around the same items."""
    if kind in ("list", "set", "deque"):
        return list(value)
    if kind == "dict":
        return dict(value), _attributes(value)
    if kind == "bytearray":
        return bytes(value)
    if kind == "instance":
        return _attributes(value)
    if kind == "state":
        return value.__getstate__()
    if kind == "keras":
        return live_keras.content(value)
    if kind == "modules":
        return value.read()
    if kind == "cell":
        return _cell(value)
    if kind == "array":
        return _array_content(value)
    if kind == "tensor":
        return _tensor_content(value)
    if kind == "random":
        return value.getstate()
    if kind == "numpy generator":
        return value.bit_generator.state
    if kind == "numpy random state":
        return value.get_state(legacy=False)
    if kind == "torch generator":
        return value.get_state().numpy().tobytes()
    return _MISSING


def put_back(kind: str, value: Any, saved: Any) -> None:
    """Give a live object the content that was saved."""
    # The methods of the base classes: those of a library's own containers may tell others of the change.
    if kind == "list":
        list.__setitem__(value, slice(None), saved)
    elif kind == "bytearray":
        value[:] = saved
    elif kind == "set":
        set.clear(value)
        set.update(value, saved)
    elif kind == "deque":
        value.clear()
        value.extend(saved)
    elif kind == "dict":
        base = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
        base.clear(value)
        base.update(value, saved[0])
        _set_attributes(value, saved[1])
    elif kind == "instance":
        _set_attributes(value, saved)
    elif kind == "state":
        value.__setstate__(saved)
    elif kind == "keras":
        live_keras.put_back(value, saved)
    elif kind == "modules":
        value.write(saved)
    elif kind == "cell":
        if saved:
            value.cell_contents = saved[0]
    elif kind == "array":
        _put_back_array(value, saved)
    elif kind == "tensor":
        _put_back_tensor(value, saved)
    elif kind == "random":
        value.setstate(saved)
    elif kind == "numpy generator":
        value.bit_generator.state = saved
    elif kind == "numpy random state":
        value.set_state(saved)
    elif kind == "torch generator":
        value.set_state(sys.modules["torch"].frombuffer(bytearray(saved), dtype=sys.modules["torch"].uint8))


def _set_attributes(value: Any, saved: dict[str, Any]) -> None:
    own = getattr(value, "__dict__", None)
    if own is not None:
        kind: Any = type(value)
        kept = _passing(kind)
        for name in [name for name in own if name not in saved and name not in kept]:
            del own[name]
    for name, each in saved.items():
        if own is not None and (name in own or not hasattr(type(value), name)):
            own[name] = each
        else:
            object.__setattr__(value, name, each)


def _array_content(array: Any) -> Any:
    numpy: Any = sys.modules["numpy"]
    if array.dtype.hasobject:
        return array.shape, None, array.ravel().tolist()
    flat = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
    return array.shape, array.dtype.str, pickle.PickleBuffer(flat)


def _put_back_array(array: Any, saved: Any) -> None:
    import numpy

    shape, dtype, data = saved
    if array.shape != shape:
        array.resize(shape, refcheck=False)
    if dtype is None:
        source = numpy.empty(len(data), dtype=object)
        source[:] = data
        array[...] = source.reshape(shape)
    else:
        array[...] = numpy.frombuffer(data, dtype=numpy.uint8).view(array.dtype).reshape(shape)


def _tensor_content(tensor: Any) -> Any:
    import torch

    flat = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1).view(torch.uint8)
    gradient = tensor.grad if tensor.is_leaf else None
    return tuple(tensor.shape), pickle.PickleBuffer(flat.numpy()), tensor.requires_grad, gradient


def _put_back_tensor(tensor: Any, saved: Any) -> None:
    import torch

    shape, data, requires_grad, gradient = saved
    size = memoryview(data).nbytes
    if size:
        source = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(tensor.dtype).reshape(shape)
    else:
        source = torch.empty(shape, dtype=tensor.dtype)
    if tuple(tensor.shape) == shape:
        tensor.data.copy_(source)
    else:
        tensor.data = source.to(tensor.device)
    if tensor.is_leaf:
        tensor.requires_grad_(requires_grad)
        tensor.grad = gradient
