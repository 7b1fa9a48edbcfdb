"""Where tensors become rows, of which each process has a part, or become whole.

Whole they are before they go where PyTorch takes a tensor without asking its type what to do.
A module with parameters that is called with tensors which all have computes the own rows of them (`_call`). Of a
batch that comes from a DataLoader each process has only its rows already (row_loader.py).
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

from . import world
from .batch_rows import cut_again, is_rows, lend, map_tensors, share, whole_of

torch: Any = importlib.import_module("torch")
_plain_new = torch._C.TensorBase.__new__
_plain_apply = torch.autograd.Function.apply.__func__
_plain_call = torch.nn.Module.__call__
_Variable = torch.autograd.Variable
_calls: list[Any] = []
"""The modules with parameters that are being called, the outermost first."""


def install() -> None:
    """From here on nothing of this process sees only its own rows without knowing."""
    with contextlib.suppress(ImportError):
        importlib.import_module(
            "torch._dynamo"
        )  # looks at these functions when it is loaded, and wants PyTorch's
    torch.autograd.Function.apply = classmethod(_apply_on_whole)
    torch.Tensor.__new__ = staticmethod(_new)
    torch.autograd.Variable = _AnyTensor
    for name in ("tensor", "sparse_coo_tensor", "sparse_csr_tensor"):
        setattr(torch, name, _on_whole(getattr(torch, name)))
    torch.compile = _as_it_is
    torch.nn.DataParallel.forward = _alone
    torch.nn.Module.__call__ = _call


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a module. The outermost one with parameters gets its own rows of what it is given."""
    if _calls or torch.jit.is_tracing() or next(self.parameters(), None) is None:
        return _plain_call(self, *args, **kwargs)
    bounds = _bounds_of((*args, *kwargs.values()))
    if bounds is not None:

        def cut(value: Any) -> Any:
            return lend(value, bounds) if _can_be_cut(value) and value.shape[0] == bounds[-1] else value

        args, kwargs = map_tensors(args, cut), map_tensors(kwargs, cut)
    _calls.append(self)
    try:
        return _plain_call(self, *args, **kwargs)
    finally:
        _calls.pop()


def _bounds_of(values: Any) -> tuple[int, ...] | None:
    """How what a module is given is cut: as its rows are, or else by the first dimension of its first tensor."""
    found: list[Any] = []
    map_tensors(values, found.append)
    rows = next(filter(is_rows, found), None)
    if rows is not None:
        bounds: tuple[int, ...] = rows.bounds
        return bounds
    first = next((each for each in found if _can_be_cut(each)), None)
    if first is None or first.shape[0] < world.SIZE:
        return None
    is_one_sample = first.ndim == 1 and first.is_floating_point()
    return None if is_one_sample else share(first.shape[0])


def _can_be_cut(value: Any) -> bool:
    kind = type(value)
    return kind is torch.Tensor and value.ndim > 0 and value.layout is torch.strided


def _alone(self: Any, *inputs: Any, **kwargs: Any) -> Any:
    """`DataParallel` on the one GPU that a process has."""
    return self.module(*inputs, **kwargs)


def _on_whole(function: Callable[..., Any]) -> Callable[..., Any]:
    def with_whole(*args: Any, **kwargs: Any) -> Any:
        def gather(value: Any) -> Any:
            return whole_of(value) if is_rows(value) else value

        return function(*map_tensors(args, gather), **map_tensors(kwargs, gather))

    return with_whole


def _new(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """`torch.Tensor(x)`."""
    if args and is_rows(args[0]):
        args = (whole_of(args[0]), *args[1:])
    return _plain_new(cls, *args, **kwargs)


class _IsTensor(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, torch.Tensor)


class _AnyTensor(metaclass=_IsTensor):
    """`Variable`, which has been another name for a tensor since PyTorch 0.4."""

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if not is_rows(data):
            return _Variable(data, requires_grad=requires_grad)
        return data.detach().requires_grad_(requires_grad) if requires_grad else data


def _apply_on_whole(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """An operation of the author's own with its own gradient: it gets the whole batch."""
    rows = [each for each in args if is_rows(each)]
    if not rows:
        return _plain_apply(cls, *args, **kwargs)
    result = _plain_apply(cls, *(whole_of(each) if is_rows(each) else each for each in args), **kwargs)
    return map_tensors(result, lambda value: cut_again(value, rows, args))


def _as_it_is(model: Any = None, **options: Any) -> Any:
    """Instead of `torch.compile`: compiled code would not see that a batch is cut."""
    return model if model is not None else _as_it_is
