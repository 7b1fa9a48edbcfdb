"""What a pickle calls to make values again: tensors and arrays on memory that they may share, functions of modules."""

from __future__ import annotations

import importlib
import pickle
from typing import Any


class Storage:
    """The memory of one or more tensors, shared between all pickles of one snapshot."""

    def __init__(self, untyped: Any) -> None:
        self.untyped = untyped

    def __reduce__(self) -> tuple[Any, ...]:
        torch: Any = importlib.import_module("torch")
        device = str(self.untyped.device)
        on_cpu = self.untyped if device == "cpu" else self.untyped.cpu()
        flat = torch.empty(0, dtype=torch.uint8).set_(on_cpu)
        return make_storage, (pickle.PickleBuffer(flat.numpy()), device)


def make_storage(data: Any, device: str) -> Any:
    """The memory of tensors from its bytes, on the device where it was."""
    torch: Any = importlib.import_module("torch")
    view = memoryview(data).cast("B")
    flat = torch.empty(view.nbytes, dtype=torch.uint8)
    if view.nbytes:
        memoryview(flat.numpy()).cast("B")[:] = view
    storage = flat.untyped_storage()
    return storage if device == "cpu" else storage.to(device=torch.device(device))


def make_tensor(
    storage: Any, dtype: str, offset: int, size: Any, stride: Any, requires_grad: bool, parameter: bool
) -> Any:
    """A tensor on memory that it may share with others."""
    import torch

    plain = torch.empty(0, dtype=getattr(torch, dtype), device=storage.device)
    plain = plain.set_(storage, offset, size, stride)
    if parameter:
        return torch.nn.Parameter(plain, requires_grad)
    return plain.requires_grad_(requires_grad)


def set_tensor_state(tensor: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Give a tensor back its gradient and the attributes that were set on it."""
    tensor.grad = state[0]
    tensor.__dict__.update(state[1])


def set_attributes(value: Any, state: Any) -> None:
    """Give an instance its attributes past its own methods, which may need them."""
    names, slots = state if isinstance(state, tuple) else (state, {})
    if names:
        object.__getattribute__(value, "__dict__").update(names)
    for name, each in (slots or {}).items():
        object.__setattr__(value, name, each)


def make_array(data: Any, dtype: Any, shape: Any, order: Any) -> Any:
    """An array on the memory that its pickle came with."""
    import numpy

    return numpy.ndarray(shape, dtype, data, order=order)


def make_view(owner: Any, offset: int, shape: Any, strides: Any, dtype: Any) -> Any:
    """An array on the memory of another one."""
    import numpy

    return numpy.ndarray(shape, dtype, _flat(owner), offset, strides)


def make_transposed(array: Any, axes: Any) -> Any:
    """An array whose memory order is neither C nor Fortran."""
    return array.transpose(axes)


def _flat(array: Any) -> Any:
    return array.ravel(order="K").view("uint8")


class Globals:
    """The names of a module, as a function of it finds them."""

    def __init__(self, module: str) -> None:
        self.module = module

    def __reduce__(self) -> tuple[Any, ...]:
        return globals_of, (self.module,)


def globals_of(module: str) -> dict[str, Any]:
    """The names of a module, which is imported when it is not there yet."""
    return vars(importlib.import_module(module))
