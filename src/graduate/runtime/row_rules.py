"""Which operations work on the rows of a batch one by one, and so need only the own rows. Everything else is done
on the whole (batch_rows.py), so a rule may decline (`NotImplemented`), but what it answers must be exact.
"""

from __future__ import annotations

import importlib
import inspect
import math
from functools import cache
from typing import Any

from .batch_rows import (
    RULES,
    is_in_place,
    is_rows,
    local_of,
    map_tensors,
    ndim_of,
    own_part,
    shape_of,
    wrap,
)
from .row_gradients import Total, spread

torch: Any = importlib.import_module("torch")
F: Any = importlib.import_module("torch.nn.functional")
_SPACES = (torch.Tensor, torch, F, torch.special, torch._C._nn)


def register(names: str, rule: Any, spaces: tuple[Any, ...] = _SPACES) -> None:
    """Give every function of these names a rule."""
    for name in names.split():
        for space in spaces:
            found = getattr(space, name, None)
            if callable(found):
                RULES[found] = rule


@cache
def signature(func: Any) -> inspect.Signature:
    return inspect.signature(func)


def bound(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a Python function by name."""
    given = signature(func).bind(*args, **kwargs)
    given.apply_defaults()
    return dict(given.arguments)


def is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def entered(value: Any) -> Any:
    """An argument that all have, as it enters the computation."""
    return spread(value) if is_tensor(value) else value


# -- element by element -----------------------------------------------------------------------


def align(values: list[Any]) -> tuple[list[Any], tuple[int, ...], int] | None:
    """Values that are broadcast together, each with its own rows only; the bounds and the axis of what comes out."""
    tensors = [each for each in values if is_tensor(each)]
    ndim = max(ndim_of(each) for each in tensors)
    places = {(ndim - ndim_of(each) + each.axis, each.bounds) for each in tensors if is_rows(each)}
    if len(places) != 1:
        return None
    place, bounds = places.pop()
    found = []
    for value in values:
        if not is_tensor(value) or is_rows(value):
            found.append(local_of(value) if is_rows(value) else value)
            continue
        axis = place - (ndim - value.ndim)
        if axis < 0 or value.shape[axis] == 1:
            found.append(spread(value))
        elif value.shape[axis] == bounds[-1]:
            found.append(own_part(value, bounds, axis))
        else:
            return None
    return found, bounds, place


def elementwise(func: Any, args: Any, kwargs: Any) -> Any:
    if "out" in kwargs or any(isinstance(each, (list, tuple)) for each in args):
        return NotImplemented
    if func in _CHOICES and len(args) + len(kwargs) < 3:
        return NotImplemented  # of one argument it gives the places where it is true
    in_place = is_in_place(func) or kwargs.get("inplace") is True
    if in_place and not is_rows(args[0]):
        return NotImplemented
    names = list(kwargs)
    aligned = align([*args, *kwargs.values()])
    if aligned is None:
        return NotImplemented
    values, bounds, axis = aligned
    if in_place and axis != args[0].axis:
        return NotImplemented
    result = func(*values[: len(args)], **dict(zip(names, values[len(args) :], strict=True)))
    return args[0] if in_place else wrap(result, bounds, axis)


register(
    "add sub subtract mul multiply div divide true_divide floor_divide remainder fmod pow float_power "
    "rsub neg negative abs absolute exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal sin "
    "cos tan asin acos atan atan2 sinh cosh tanh sigmoid erf erfc erfinv lgamma digamma sign sgn floor "
    "ceil round trunc frac clamp clip clamp_min clamp_max maximum minimum fmax fmin eq ne lt le gt ge "
    "logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_not bitwise_xor isnan "
    "isinf isfinite where masked_fill lerp addcmul addcdiv nan_to_num logaddexp xlogy relu relu6 "
    "leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh hardsigmoid hardswish hardshrink "
    "softshrink tanhshrink logsigmoid threshold logit clone detach contiguous double float half bfloat16 "
    "int long short bool to type_as cpu cuda zeros_like ones_like full_like empty_like positive deg2rad "
    "rad2deg heaviside hypot copysign logaddexp2 isclose pin_memory conj real,",
    elementwise,
)
register(
    "add_ sub_ mul_ div_ neg_ abs_ exp_ log_ sqrt_ clamp_ clip_ clamp_min_ clamp_max_ relu_ leaky_relu_ "
    "elu_ sigmoid_ tanh_ masked_fill_ pow_ floor_ round_ zero_ fill_ copy_ lerp_ addcmul_ addcdiv_ sign_ "
    "hardtanh_ selu_ __iadd__ __isub__ __imul__ __itruediv__ __and__ __or__ __xor__ __invert__ __rsub__ "
    "__rpow__ __rdiv__ __radd__ __rmul__ __pow__ __add__ __sub__ __mul__ __truediv__ __rtruediv__ "
    "__floordiv__ __mod__ __neg__ __abs__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__,",
    elementwise,
)

_CHOICES = {torch.where, torch.Tensor.where}


def like_another(func: Any, args: Any, kwargs: Any) -> Any:
    """`x.to(y)`, `x.type_as(y)`: of the other tensor only its kind counts."""
    others = [local_of(each) if is_rows(each) else each for each in args[1:]]
    named = {name: local_of(each) if is_rows(each) else each for name, each in kwargs.items()}
    if not is_rows(args[0]):
        return func(args[0], *others, **named)
    return wrap(func(local_of(args[0]), *others, **named), args[0].bounds, args[0].axis)


register("to type_as", like_another, (torch.Tensor,))

# -- along a dimension ------------------------------------------------------------------------


def dims_of(value: Any, ndim: int) -> tuple[int, ...] | None:
    """A `dim` argument as a tuple; all dimensions when none is named; None when it is no `dim`."""
    if value is None or value in ((), []):
        return tuple(range(ndim))
    dims = (value,) if isinstance(value, int) else value
    if isinstance(value, bool) or not isinstance(dims, (tuple, list)):
        return None
    if not all(isinstance(each, int) and -ndim <= each < ndim for each in dims):
        return None
    return tuple(each % ndim for each in dims)


def reduced(args: Any, kwargs: Any) -> tuple[tuple[int, ...] | None, bool]:
    """The dimensions that a reduction is over, and whether they are kept."""
    rest = list(args[1:])
    dim = rest.pop(0) if rest else kwargs.get("dim", kwargs.get("axis"))
    keep = bool(rest.pop(0) if rest else kwargs.get("keepdim", False))
    if rest or not set(kwargs) <= {"dim", "axis", "keepdim", "dtype"}:
        return None, keep
    return dims_of(dim, ndim_of(args[0])), keep


def _axis_after(axis: int, dims: tuple[int, ...], keep: bool) -> int:
    return axis if keep else axis - sum(1 for each in set(dims) if each < axis)


def reduction(func: Any, args: Any, kwargs: Any) -> Any:
    """Sums and means also over the rows; others over other dimensions only."""
    if not is_rows(args[0]) or any(is_tensor(each) for each in args[1:]):
        return elementwise(func, args, kwargs) if func in _ALSO_BINARY and len(args) == 2 else NotImplemented
    rows = args[0]
    dims, keep = reduced(args, kwargs)
    if dims is None or (func in _SPREADS and len(args) > 2):
        return NotImplemented
    if rows.axis not in dims:
        result = func(local_of(rows), *args[1:], **kwargs)
        axis = _axis_after(rows.axis, dims, keep)
        return map_tensors(result, lambda each: wrap(each, rows.bounds, axis))
    dtype = kwargs.get("dtype")
    if func in _SUMS:
        return Total.apply(local_of(rows).sum(dims, keepdim=keep, dtype=dtype))
    if func in _MEANS and (dtype or rows.dtype).is_floating_point:
        return mean_over(rows, dims, keep, dtype)
    return NotImplemented


def mean_over(rows: Any, dims: tuple[int, ...], keep: bool = False, dtype: Any = None) -> Any:
    """The mean over dimensions among which the rows are."""
    shape = shape_of(rows)
    part = local_of(rows).sum(dims, keepdim=keep, dtype=dtype)
    return Total.apply(part) / math.prod(shape[each] for each in dims)


register(
    "sum mean max min amax amin argmax argmin prod std var any all logsumexp median nansum norm", reduction
)
_SUMS = {torch.sum, torch.Tensor.sum}
_MEANS = {torch.mean, torch.Tensor.mean}
_SPREADS = {torch.std, torch.var, torch.Tensor.std, torch.Tensor.var}
_ALSO_BINARY = {torch.max, torch.min, torch.Tensor.max, torch.Tensor.min}
for _norm in (torch.norm, torch.Tensor.norm):
    RULES.pop(_norm, None)


def along(func: Any, args: Any, kwargs: Any) -> Any:
    """Functions of one tensor and a dimension, which keep the others apart: softmax, cumsum, sort …"""
    rows = args[0]
    if not is_rows(rows) or any(is_tensor(each) for each in (*args[1:], *kwargs.values())):
        return NotImplemented
    position = 2 if func in (torch.topk, torch.Tensor.topk) else 1
    default = -1 if func in _LAST_BY_DEFAULT else None
    dim = args[position] if len(args) > position else kwargs.get("dim", default)
    ndim = ndim_of(rows)
    if isinstance(dim, bool) or not isinstance(dim, int) or dim % ndim == rows.axis:
        return NotImplemented
    result = func(local_of(rows), *args[1:], **kwargs)
    return map_tensors(result, lambda each: wrap(each, rows.bounds, rows.axis))


register("softmax log_softmax softmin cumsum cumprod sort argsort topk flip roll glu", along)
for _each in (torch.flip, torch.Tensor.flip, torch.roll, torch.Tensor.roll, F.softmin):
    RULES.pop(_each, None)
_LAST_BY_DEFAULT = {
    getattr(space, name) for space in (torch, torch.Tensor) for name in ("sort", "argsort", "topk")
}
_LAST_BY_DEFAULT |= {F.glu}
