"""Batches of which each process has its rows, in other shapes."""

from __future__ import annotations

import importlib
import math
from typing import Any

from . import world
from .batch_rows import RULES, as_plain, is_rows, local_of, map_tensors, ndim_of, own_part, shape_of, wrap
from .row_facts import getter
from .row_rules import align, dims_of, is_tensor, register

torch: Any = importlib.import_module("torch")


def to_shape(rows: Any, shape: tuple[int, ...], func: str = "reshape") -> Any:
    """Rows in another shape, as long as each process keeps what it has."""
    before = shape_of(rows)
    if shape.count(-1) == 1:
        known = math.prod(each for each in shape if each != -1)
        if known == 0 or math.prod(before) % known:
            return NotImplemented
        shape = tuple(math.prod(before) // known if each == -1 else each for each in shape)
    axis = rows.axis
    if math.prod(shape) != math.prod(before) or len(shape) <= axis or shape[:axis] != before[:axis]:
        return NotImplemented
    unit, new_unit = math.prod(before[axis + 1 :]), math.prod(shape[axis + 1 :])
    if new_unit == 0 or any(each * unit % new_unit for each in rows.bounds):
        return NotImplemented
    bounds = tuple(each * unit // new_unit for each in rows.bounds)
    own = bounds[world.RANK + 1] - bounds[world.RANK]
    local = getattr(local_of(rows), func)((*shape[:axis], own, *shape[axis + 1 :]))
    return wrap(local, bounds, axis)


def reshape(func: Any, args: Any, kwargs: Any) -> Any:
    rows, rest = args[0], args[1:]
    if kwargs.get("shape") is not None:
        rest = (kwargs["shape"],)
    elif kwargs or not is_rows(rows) or not rest:
        return NotImplemented
    shape = tuple(rest[0]) if len(rest) == 1 and isinstance(rest[0], (tuple, list)) else rest
    if not all(isinstance(each, int) for each in shape):
        return NotImplemented
    return to_shape(rows, shape, "view" if func is torch.Tensor.view else "reshape")


RULES[torch.Tensor.view] = RULES[torch.Tensor.reshape] = RULES[torch.reshape] = reshape


def view_as(func: Any, args: Any, kwargs: Any) -> Any:
    return to_shape(args[0], shape_of(args[1])) if is_rows(args[0]) else NotImplemented


RULES[torch.Tensor.view_as] = RULES[torch.Tensor.reshape_as] = view_as


def flatten(func: Any, args: Any, kwargs: Any) -> Any:
    rows, ndim = args[0], ndim_of(args[0])
    first = args[1] if len(args) > 1 else kwargs.get("start_dim", 0)
    last = args[2] if len(args) > 2 else kwargs.get("end_dim", -1)
    if not isinstance(first, int) or not isinstance(last, int):
        return NotImplemented
    first, last, shape = first % ndim, last % ndim, shape_of(rows)
    return to_shape(rows, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


register("flatten", flatten, (torch.Tensor, torch))


def unflatten(func: Any, args: Any, kwargs: Any) -> Any:
    if kwargs or len(args) != 3 or not isinstance(args[1], int):
        return NotImplemented
    shape, dim = shape_of(args[0]), args[1] % ndim_of(args[0])
    sizes = list(args[2])
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = shape[dim] // -math.prod(sizes)
    return to_shape(args[0], (*shape[:dim], *sizes, *shape[dim + 1 :]))


register("unflatten", unflatten, (torch.Tensor, torch))


def unsqueeze(func: Any, args: Any, kwargs: Any) -> Any:
    rows = args[0]
    dim = (args[1] if len(args) > 1 else kwargs["dim"]) % (ndim_of(rows) + 1)
    return wrap(local_of(rows).unsqueeze(dim), rows.bounds, rows.axis + (dim <= rows.axis))


register("unsqueeze", unsqueeze, (torch.Tensor, torch))


def squeeze(func: Any, args: Any, kwargs: Any) -> Any:
    rows, shape = args[0], shape_of(args[0])
    dims = dims_of(args[1] if len(args) > 1 else kwargs.get("dim"), len(shape))
    if dims is None:
        return NotImplemented
    gone = [each for each in dims if shape[each] == 1]
    local = local_of(rows).squeeze(tuple(gone)) if gone else local_of(rows)
    return wrap(local, rows.bounds, rows.axis - sum(1 for each in gone if each < rows.axis))


register("squeeze", squeeze, (torch.Tensor, torch))


def permuted(rows: Any, order: list[int]) -> Any:
    return wrap(local_of(rows).permute(order), rows.bounds, order.index(rows.axis))


def transpose(func: Any, args: Any, kwargs: Any) -> Any:
    rows, ndim = args[0], ndim_of(args[0])
    if func in _TURNS:
        first, second = ndim - 2, ndim - 1
    elif len(args) == 3 and not kwargs:
        first, second = args[1] % ndim, args[2] % ndim
    else:
        return NotImplemented
    order = list(range(ndim))
    order[first], order[second] = second, first
    return permuted(rows, order)


_TURNS = (torch.t, torch.Tensor.t, getter("T"), getter("mT"))
register("transpose swapaxes swapdims", transpose, (torch.Tensor, torch))
RULES[getter("mT")] = transpose


def permute(func: Any, args: Any, kwargs: Any) -> Any:
    rows, rest = args[0], args[1:]
    dims = kwargs.get("dims", rest[0] if len(rest) == 1 and isinstance(rest[0], (tuple, list)) else rest)
    return permuted(rows, [each % ndim_of(rows) for each in dims])


register("permute", permute, (torch.Tensor, torch))


def expand(func: Any, args: Any, kwargs: Any) -> Any:
    """More of dimensions of size 1, or of new ones in front; the rows stay."""
    rows, rest = args[0], args[1:]
    if kwargs or not is_rows(rows):
        return NotImplemented
    sizes = shape_of(rest[0]) if func is torch.Tensor.expand_as else rest
    sizes = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else tuple(sizes)
    axis = len(sizes) - ndim_of(rows) + rows.axis
    if axis < 0 or sizes[axis] not in (-1, shape_of(rows)[rows.axis]):
        return NotImplemented
    return wrap(local_of(rows).expand(*sizes[:axis], -1, *sizes[axis + 1 :]), rows.bounds, axis)


RULES[torch.Tensor.expand] = RULES[torch.Tensor.expand_as] = expand


def repeat(func: Any, args: Any, kwargs: Any) -> Any:
    rows, rest = args[0], args[1:]
    counts = tuple(rest[0]) if len(rest) == 1 and isinstance(rest[0], (tuple, list)) else tuple(rest)
    axis = len(counts) - ndim_of(rows) + rows.axis
    if kwargs or axis < 0 or counts[axis] != 1:
        return NotImplemented
    return wrap(local_of(rows).repeat(*counts), rows.bounds, axis)


RULES[torch.Tensor.repeat] = repeat


def join(func: Any, args: Any, kwargs: Any) -> Any:
    """`cat` along another dimension than the rows, `stack` into a new one."""
    values = list(args[0] if args else kwargs.get("tensors", ()))
    dim = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis", 0))
    if not values or len(args) > 2 or "out" in kwargs or not isinstance(dim, int):
        return NotImplemented
    stacks = func is torch.stack
    rows = next(each for each in values if is_rows(each))
    ndim = ndim_of(rows)
    dim %= ndim + stacks
    if dim == rows.axis and not stacks:
        return NotImplemented
    own = []
    for value in values:
        same = ndim_of(value) == ndim and shape_of(value)[rows.axis] == rows.bounds[-1]
        if not same or (is_rows(value) and (value.axis, value.bounds) != (rows.axis, rows.bounds)):
            return NotImplemented
        own.append(local_of(value) if is_rows(value) else own_part(value, rows.bounds, rows.axis))
    return wrap(func(own, dim), rows.bounds, rows.axis + (stacks and dim <= rows.axis))


register("cat concat concatenate stack", join, (torch,))


def part(func: Any, args: Any, kwargs: Any) -> Any:
    """Pieces along another dimension: (rows, how many or which, dim)."""
    rows = args[0]
    position = 1 if func in _DIM_FIRST else 2
    dim = args[position] if len(args) > position else kwargs.get("dim", 0)
    if not is_rows(rows) or not isinstance(dim, int) or dim % ndim_of(rows) == rows.axis:
        return NotImplemented
    others = (*args[1:], *kwargs.values())
    if any(is_rows(each) for each in others):
        return NotImplemented
    dim %= ndim_of(rows)
    axis = rows.axis - (func in _LOSES_DIM and dim < rows.axis)
    result = func(local_of(rows), *args[1:], **kwargs)
    return map_tensors(result, lambda each: wrap(each, rows.bounds, axis))


register("chunk split tensor_split narrow select index_select unbind", part, (torch.Tensor, torch))
_DIM_FIRST = {torch.narrow, torch.Tensor.narrow, torch.select, torch.Tensor.select}
_DIM_FIRST |= {torch.index_select, torch.Tensor.index_select, torch.unbind, torch.Tensor.unbind}
_LOSES_DIM = {torch.select, torch.Tensor.select, torch.unbind, torch.Tensor.unbind}


def take_along(func: Any, args: Any, kwargs: Any) -> Any:
    """`gather(dim, index)`: for each row its own choice."""
    if kwargs or len(args) != 3 or not is_rows(args[0]):
        return NotImplemented
    rows, dim, index = args
    if dim % ndim_of(rows) == rows.axis or ndim_of(index) != ndim_of(rows):
        return NotImplemented
    aligned = align([rows, index])
    if aligned is None or shape_of(index)[rows.axis] != rows.bounds[-1]:
        return NotImplemented
    return wrap(func(aligned[0][0], dim, aligned[0][1]), rows.bounds, rows.axis)


register("gather", take_along, (torch.Tensor, torch))


def pick(func: Any, args: Any, kwargs: Any) -> Any:
    """`x[:, 0]`, `x[:, None, 2:]`, `x[..., 1]`: anything that takes all rows."""
    rows, key = args
    keys = list(key) if isinstance(key, tuple) else [key]
    if not is_rows(rows) or any(is_tensor(each) for each in keys):
        return NotImplemented
    if not all(each is None or each is Ellipsis or isinstance(each, (int, slice)) for each in keys):
        return NotImplemented
    if any(isinstance(each, bool) for each in keys):
        return NotImplemented
    taken = sum(each is not None and each is not Ellipsis for each in keys)
    rest = [slice(None)] * (ndim_of(rows) - taken)
    at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    keys[at : at + 1] = rest
    axis, source = 0, 0
    for each in keys:
        if each is None:
            axis += 1
            continue
        if source == rows.axis:
            if each != slice(None):
                return NotImplemented
            return wrap(local_of(rows)[key], rows.bounds, axis)
        source += 1
        axis += not isinstance(each, int)
    return NotImplemented


RULES[torch.Tensor.__getitem__] = pick


def one_hot(func: Any, args: Any, kwargs: Any) -> Any:
    classes = args[1] if len(args) > 1 else kwargs.get("num_classes", -1)
    if not is_rows(args[0]) or classes < 0:
        return NotImplemented
    return wrap(func(local_of(args[0]), classes), args[0].bounds, args[0].axis)


register("one_hot", one_hot, (torch.nn.functional,))


def new_like(func: Any, args: Any, kwargs: Any) -> Any:
    """`x.new_zeros(…)`: a tensor of its own, like one that all have."""
    if any(is_rows(each) for each in (*args[1:], *kwargs.values())):
        return NotImplemented
    with as_plain():
        return func(*args, **kwargs)


for _new in ("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor"):
    RULES[getattr(torch.Tensor, _new)] = new_like
