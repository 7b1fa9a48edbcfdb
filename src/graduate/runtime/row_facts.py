"""What one asks of a batch of which each process has its rows: its shape, its kind, its gradients."""

from __future__ import annotations

import importlib
import math
from typing import Any

from .batch_rows import RULES, as_plain, is_rows, local_of, own_part, shape_of, wrap
from .row_rules import is_tensor, register

torch: Any = importlib.import_module("torch")


def getter(name: str) -> Any:
    return getattr(torch.Tensor, name).__get__


RULES[getter("shape")] = lambda func, args, kwargs: torch.Size(shape_of(args[0]))
RULES[torch.Tensor.__len__] = lambda func, args, kwargs: shape_of(args[0])[0]
register("numel nelement", lambda func, args, kwargs: math.prod(shape_of(args[0])), (torch.Tensor, torch))


def size(func: Any, args: Any, kwargs: Any) -> Any:
    shape = torch.Size(shape_of(args[0]))
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    return shape if dim is None else shape[dim]


RULES[torch.Tensor.size] = size


def as_it_is(func: Any, args: Any, kwargs: Any) -> Any:
    """What is the same for the own rows as for the whole."""
    with as_plain():
        return func(*args, **kwargs)


for _name in (
    "dtype",
    "device",
    "ndim",
    "requires_grad",
    "is_leaf",
    "grad_fn",
    "is_cuda",
    "layout",
    "is_sparse",
    "is_quantized",
    "is_meta",
    "is_nested",
):
    RULES[getter(_name)] = as_it_is
RULES[torch.Tensor.requires_grad.__set__] = RULES[torch.Tensor.__hash__] = as_it_is


def set_gradient(func: Any, args: Any, kwargs: Any) -> Any:
    return as_it_is(func, args, kwargs) if args[1] is None else NotImplemented


RULES[torch.Tensor.grad.__set__] = set_gradient
register(
    "dim is_floating_point is_complex element_size requires_grad_ retain_grad is_contiguous get_device",
    as_it_is,
    (torch.Tensor, torch),
)


def gradient_of(func: Any, args: Any, kwargs: Any) -> Any:
    with as_plain():
        found = func(*args, **kwargs)
    return None if found is None else wrap(found, args[0].bounds, args[0].axis)


RULES[getter("grad")] = RULES[getter("data")] = gradient_of


def slopes(func: Any, args: Any, kwargs: Any) -> Any:
    """`torch.autograd.grad`: of rows with respect to rows each process has its own; of parameters, everybody's sum."""
    given = {**dict(zip(("outputs", "inputs", "grad_outputs"), args, strict=False)), **kwargs}
    if given.get("is_grads_batched") or len(args) > 3:
        return NotImplemented
    outputs, inputs = given.pop("outputs"), given.pop("inputs")
    tops = [outputs] if is_tensor(outputs) else list(outputs)
    bottoms = [inputs] if is_tensor(inputs) else list(inputs)
    starts = given.pop("grad_outputs", None)
    starts = [starts] * len(tops) if starts is None or is_tensor(starts) else list(starts)
    begins = [_beginning(top, start) for top, start in zip(tops, starts, strict=True)]
    with as_plain():
        found = func(tops, bottoms, begins, **given)
    return tuple(
        wrap(each, bottom.bounds, bottom.axis) if is_rows(bottom) and each is not None else each
        for each, bottom in zip(found, bottoms, strict=True)
    )


def _beginning(top: Any, start: Any) -> Any:
    """What a backward pass starts with, for the own rows of an output."""
    if not is_rows(top) or start is None:
        return start
    return local_of(start) if is_rows(start) else own_part(start, top.bounds, top.axis)


RULES[torch.autograd.grad] = slopes
