"""Values as bytes, exactly: array views keep sharing their memory, tensors their strides and gradients.

Big buffers stay outside the pickle, so that unchanged ones are stored once.
"""

from __future__ import annotations

import copyreg
import functools
import importlib
import io
import pickle
import sys
import types
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from . import optional, set_order
from .rebuild import (
    Globals,
    Storage,
    make_array,
    make_tensor,
    make_transposed,
    make_view,
    set_attributes,
    set_tensor_state,
)

_keras = optional.find("pickle_keras")

_cloudpickle: Any = importlib.import_module("cloudpickle")

OUT_OF_BAND = 64 * 1024
"""Buffers of at least this many bytes are kept outside the pickle."""

_IMMUTABLE = (str, bytes, int, float, complex, bool, tuple, frozenset, range, type(None), type)
_ORDERS = "\0orders of sets"
_PROXIES = (weakref.ProxyType, weakref.CallableProxyType)
_CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, property, staticmethod)


@dataclass
class Packed:
    """A pickle with the buffers outside it, and the project's own classes and functions that it names."""

    data: bytes
    buffers: list[pickle.PickleBuffer] = field(default_factory=list)
    code: tuple[str, ...] = ()


class Sharing:
    """What the pickles of one snapshot know of each other's memory."""

    def __init__(self) -> None:
        self.storages: dict[Any, Storage] = {}
        self.name = ""
        self.users: dict[int, set[tuple[str, int]]] = {}
        """For the memory of each array that came up: the arrays on it, with the name that led there."""
        self.whole: set[int] = set()
        """Memory that is stored as a whole, because several arrays share it."""

    def common(self, values: dict[str, set[int]]) -> None:
        """After all names were pickled alone: names with arrays on the same memory belong together."""
        for owner, users in self.users.items():
            if len({identity for _, identity in users}) > 1:
                self.whole.add(owner)
                for name, _ in users:
                    if name in values:
                        values[name].add(owner)


class Pickler(_cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle that keeps shared memory shared."""

    def __init__(
        self,
        file: io.BytesIO,
        buffers: list[pickle.PickleBuffer],
        sharing: Sharing,
        package: str = "",
        threshold: int = OUT_OF_BAND,
    ) -> None:
        def keep_outside(buffer: pickle.PickleBuffer) -> bool:
            if buffer.raw().nbytes < threshold:
                return True
            buffers.append(buffer)
            return False

        super().__init__(file, protocol=5, buffer_callback=keep_outside)
        self.sharing = sharing
        self.prefix = package + "."
        self.code: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        kind: Any = type(obj)
        if kind in _PROXIES:  # they answer for what they stand for, and would become a copy of it
            return weakref.proxy, (obj.__reduce_ex__.__self__,)
        module = kind.__module__
        if module == "numpy" and kind.__name__ == "ndarray":
            return self._reduce_array(obj)
        if module.startswith("torch") and kind.__name__ in ("Tensor", "Parameter"):
            return self._reduce_tensor(obj)
        if _keras is not None and "keras" in sys.modules and _keras.is_known(obj):
            return _keras.reduce(obj)
        if isinstance(obj, (type, types.FunctionType)):
            home = getattr(obj, "__module__", None) or ""
            if home.startswith(self.prefix):
                self.code.add(f"{home}:{obj.__qualname__.partition('.')[0]}")
                if isinstance(obj, types.FunctionType):
                    return _in_module(obj, super().reducer_override(obj))
        is_class = isinstance(obj, type)  # whose own class may be one of those, as that of enumerations
        if not is_class and _answers_for_another(kind) and kind not in self.dispatch_table:
            return _reduce_unasked(obj, kind)
        return super().reducer_override(obj)

    def _reduce_array(self, array: Any) -> Any:
        """Reduce an array to a view of the memory that it shares, or to its own bytes."""
        import numpy

        if array.dtype.hasobject or array.nbytes == 0:
            return NotImplemented
        owner = array
        while type(owner.base) is numpy.ndarray:
            owner = owner.base
        self.sharing.users.setdefault(id(owner), set()).add((self.sharing.name, id(array)))
        usable = (
            owner is not array
            and not owner.dtype.hasobject
            and array.flags.writeable == owner.flags.writeable
        )
        worth_it = owner.nbytes <= 4 * array.nbytes + OUT_OF_BAND or id(owner) in self.sharing.whole
        if usable and worth_it and (owner.flags.c_contiguous or owner.flags.f_contiguous):
            start = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
            if start >= 0:
                return make_view, (owner, start, array.shape, array.strides, array.dtype)
        dense = _contiguous(array)
        if dense is not None:
            return dense
        # The order of the axes in memory is kept, because sums depend on it in the last bit.
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        return make_transposed, (numpy.ascontiguousarray(array.transpose(axes)), tuple(numpy.argsort(axes)))

    def _reduce_tensor(self, tensor: Any) -> Any:
        import torch

        plain = type(tensor) in (torch.Tensor, torch.nn.Parameter)
        if (
            not plain
            or tensor.layout is not torch.strided
            or tensor.is_quantized
            or tensor.device.type not in ("cpu", "cuda")
            or tensor.is_conj()
            or tensor.is_neg()
            or tensor._backward_hooks
        ):
            return super().reducer_override(tensor)
        untyped = tensor.untyped_storage()
        key = (str(untyped.device), untyped.data_ptr() or id(tensor))
        storage = self.sharing.storages.setdefault(key, Storage(untyped))
        arguments = (
            storage,
            str(tensor.dtype).removeprefix("torch."),
            tensor.storage_offset(),
            tuple(tensor.size()),
            tuple(tensor.stride()),
            tensor.requires_grad,
            type(tensor) is torch.nn.Parameter,
        )
        gradient = tensor.grad if tensor.is_leaf else None
        attributes = dict(vars(tensor))
        if gradient is None and not attributes:
            return make_tensor, arguments
        return make_tensor, arguments, (gradient, attributes), None, None, set_tensor_state


@functools.cache
def _answers_for_another(kind: Any) -> bool:
    """Whether instances look up what they do not have elsewhere (`__getattr__`), as wrappers do: in what they wrap,
    which an instance does not have yet while it is made again. So it must not be asked how it is pickled."""
    plain = (kind.__reduce_ex__, kind.__reduce__) == (object.__reduce_ex__, object.__reduce__)
    own = any(hasattr(kind, name) for name in ("__setstate__", "__getnewargs__", "__getnewargs_ex__"))
    return plain and hasattr(kind, "__getattr__") and not own


def _reduce_unasked(value: Any, kind: Any) -> tuple[Any, ...]:
    """What `object.__reduce_ex__` gives, with what the class says alone."""
    items = iter(value) if isinstance(value, list) else None
    pairs = iter(dict.items(value)) if isinstance(value, dict) else None
    state = kind.__getstate__(value)
    made = copyreg.__newobj__, (kind,), state, items, pairs  # type: ignore[attr-defined]
    return made if state is None else (*made, set_attributes)


def _in_module(function: types.FunctionType, reduced: Any) -> Any:
    """A function that is made while the program runs belongs to its module: cloudpickle would give it copies of the
    module's names, which then keep the values of now."""
    if isinstance(reduced, str) or reduced is NotImplemented:
        return reduced
    if function.__globals__ is not getattr(sys.modules.get(function.__module__), "__dict__", None):
        return reduced
    make, (code, _, *arguments), (state, slots), *rest = reduced
    return (
        make,
        (code, Globals(function.__module__), *arguments),
        (state, {**slots, "__globals__": {}}),
        *rest,
    )


def _contiguous(array: Any) -> Any:
    """An array that is dense in memory as its bytes and the order of its axes; None for another."""
    if array.flags.c_contiguous:
        data = pickle.PickleBuffer(array.reshape(-1).view("uint8"))
        return make_array, (data, array.dtype, array.shape, "C")
    if array.flags.f_contiguous:
        data = pickle.PickleBuffer(array.T.reshape(-1).view("uint8"))
        return make_array, (data, array.dtype, array.shape, "F")
    return None


def pack(value: Any, package: str = "") -> Packed:
    """Pickle one value. Raises whatever the value's own pickling raises."""
    return _pack(value, package, Sharing())[0]


def _pack(value: Any, package: str, sharing: Sharing) -> tuple[Packed, Pickler]:
    file = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    pickler = Pickler(file, buffers, sharing, package)
    pickler.dump(value)
    return Packed(file.getvalue(), buffers, tuple(sorted(pickler.code))), pickler


def unpack(data: bytes | bytearray, buffers: Iterable[Any]) -> Any:
    """The value again."""
    return pickle.loads(data, buffers=buffers)


def unpack_group(data: bytes | bytearray, buffers: Iterable[Any]) -> dict[str, Any]:
    """The values of the names that `pack_groups` put into one pickle."""
    values: dict[str, Any] = dict(unpack(data, buffers))
    set_order.put_in_order(values.pop(_ORDERS, []))
    return values


def pack_groups(
    values: dict[str, Any], package: str, refuse: Callable[[str, Any, BaseException], None]
) -> list[tuple[tuple[str, ...], Packed]]:
    """Pickle names together that share something mutable, others alone, so sharing survives.

    Each pickle holds a dict of its names. `refuse` is told of each name that cannot be pickled.
    """
    sharing = Sharing()
    alone: dict[str, tuple[Packed, Pickler]] = {}
    shared: dict[str, set[int]] = {}
    for name, value in values.items():
        sharing.name = name
        try:
            packed, pickler = _pack({name: value}, package, sharing)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            refuse(name, value, error)
            continue
        if orders := set_order.orders_of(objects_in(pickler)):
            packed, pickler = _pack({name: value, _ORDERS: orders}, package, sharing)
        alone[name] = packed, pickler
        shared[name] = _mutable_parts(pickler)
    sharing.common(shared)
    result: list[tuple[tuple[str, ...], Packed]] = []
    for names in _connected(shared):
        if len(names) == 1 and not (shared[names[0]] & sharing.whole):
            result.append((names, alone[names[0]][0]))
        else:
            parts = (part for name in names for part in objects_in(alone[name][1]))
            orders = set_order.orders_of({id(part): part for part in parts}.values())
            group = {name: values[name] for name in names} | ({_ORDERS: orders} if orders else {})
            result.append((names, _pack(group, package, sharing)[0]))
    return result


def _mutable_parts(pickler: Pickler) -> set[int]:
    """The identities of the mutable objects that a pickle holds. Valid while the pickler lives."""
    return {
        id(part)
        for part in objects_in(pickler)
        if type(part) not in _IMMUTABLE and not isinstance(part, _CODE)
    }


def objects_in(pickler: Any) -> list[Any]:
    """The objects that a pickle holds. Valid while the pickler lives."""
    return [part for _, part in pickler.memo.copy().values()]


def _connected(shared: dict[str, set[int]]) -> list[tuple[str, ...]]:
    """Names in groups: two names are in one group when a chain of shared objects links them."""
    groups: list[tuple[list[str], set[int]]] = []
    for name, parts in shared.items():
        names, union = [name], set(parts)
        rest = []
        for group_names, group_parts in groups:
            if group_parts & union:
                names = group_names + names
                union |= group_parts
            else:
                rest.append((group_names, group_parts))
        groups = [*rest, (names, union)]
    return [tuple(names) for names, _ in groups]


def describe(value: Any) -> str:
    """A value's type as a person would write it."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
