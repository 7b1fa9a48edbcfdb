"""Layers on the rows of a batch: linear, convolutions, embeddings, normalisations, recurrent ones."""

from __future__ import annotations

import importlib
import math
from typing import Any

from .batch_rows import RULES, is_rows, local_of, map_tensors, ndim_of, own_part, shape_of, wrap
from .row_gradients import spread
from .row_rules import align, bound, dims_of, entered, register

torch: Any = importlib.import_module("torch")
F: Any = importlib.import_module("torch.nn.functional")


def on_rows(func: Any, args: Any, kwargs: Any, rows: Any) -> Any:
    """Run a function whose first dimension is the rows, with everything else as it is on every process."""
    locals_ = [local_of(each) if is_rows(each) else entered(each) for each in args]
    named = {name: local_of(each) if is_rows(each) else entered(each) for name, each in kwargs.items()}
    return map_tensors(func(*locals_, **named), lambda each: wrap(each, rows.bounds, rows.axis))


def only_first(args: Any, kwargs: Any) -> bool:
    """Whether only the first argument is rows."""
    rest = (*args[1:], *kwargs.values())
    return (
        bool(args)
        and is_rows(args[0])
        and not any(
            is_rows(each) or (isinstance(each, (tuple, list)) and any(map(is_rows, each))) for each in rest
        )
    )


def linear(func: Any, args: Any, kwargs: Any) -> Any:
    if not args or not only_first(args, kwargs) or args[0].axis == ndim_of(args[0]) - 1:
        return NotImplemented
    return on_rows(func, args, kwargs, args[0])


RULES[F.linear] = RULES[torch._C._nn.linear] = linear


def matmul(func: Any, args: Any, kwargs: Any) -> Any:
    """Rows times a matrix that all have, or batches of matrices, one for each row."""
    if kwargs or len(args) != 2:
        return NotImplemented
    left, right = args
    if is_rows(left) and not is_rows(right) and right.ndim <= 2 and left.axis < ndim_of(left) - 1:
        return wrap(func(local_of(left), spread(right)), left.bounds, left.axis)
    if min(ndim_of(left), ndim_of(right)) < 3 or any(
        is_rows(each) and each.axis >= ndim_of(each) - 2 for each in args
    ):
        return NotImplemented
    aligned = align_batches(left, right)
    if aligned is None:
        return NotImplemented
    values, bounds, axis = aligned
    return wrap(func(*values), bounds, axis)


def align_batches(left: Any, right: Any) -> tuple[list[Any], tuple[int, ...], int] | None:
    """`align` for two batches of matrices: their last two dimensions are not broadcast."""
    if ndim_of(left) != ndim_of(right):
        return None
    return align([left, right])


register("matmul bmm __matmul__ mm", matmul, (torch.Tensor, torch))


def convolution(spatial: int) -> Any:
    """A rule for layers on (rows, channels, *space), with that many dimensions of space."""

    def rule(func: Any, args: Any, kwargs: Any) -> Any:
        if not args or not only_first(args, kwargs) or args[0].axis or ndim_of(args[0]) != spatial + 2:
            return NotImplemented
        return on_rows(func, args, kwargs, args[0])

    return rule


for _n in (1, 2, 3):
    register(
        f"conv{_n}d conv_transpose{_n}d max_pool{_n}d _max_pool{_n}d avg_pool{_n}d adaptive_avg_pool{_n}d "
        f"adaptive_max_pool{_n}d _adaptive_max_pool{_n}d lp_pool{_n}d max_pool{_n}d_with_indices "
        f"adaptive_max_pool{_n}d_with_indices",
        convolution(_n),
        (torch, F, torch._C._nn),
    )
register("interpolate pixel_shuffle pixel_unshuffle unfold", convolution(2), (F,))


def padding(func: Any, args: Any, kwargs: Any) -> Any:
    given = bound(F.pad, args, kwargs)
    rows, pad = given["input"], given["pad"]
    if not is_rows(rows) or is_rows(given["value"]) or len(pad) // 2 >= ndim_of(rows) - rows.axis:
        return NotImplemented
    return wrap(func(local_of(rows), *args[1:], **kwargs), rows.bounds, rows.axis)


RULES[F.pad] = padding


def embedding(func: Any, args: Any, kwargs: Any) -> Any:
    given = bound(F.embedding, args, kwargs)
    if (
        not is_rows(given["input"])
        or is_rows(given["weight"])
        or given["max_norm"] is not None
        or given["sparse"]
    ):
        return NotImplemented
    return on_rows(func, args, kwargs, given["input"])


RULES[F.embedding] = embedding


def layer_norm(func: Any, args: Any, kwargs: Any) -> Any:
    given = bound(func, args, kwargs)
    rows = given["input"]
    if not only_first(args, kwargs) or rows.axis >= ndim_of(rows) - len(given["normalized_shape"]):
        return NotImplemented
    return on_rows(func, args, kwargs, rows)


RULES[F.layer_norm] = RULES[F.rms_norm] = layer_norm


def group_norm(func: Any, args: Any, kwargs: Any) -> Any:
    if not args or not only_first(args, kwargs) or args[0].axis:
        return NotImplemented
    return on_rows(func, args, kwargs, args[0])


RULES[F.group_norm] = group_norm


def normalize(func: Any, args: Any, kwargs: Any) -> Any:
    given = bound(F.normalize, args, kwargs)
    rows, dims = given["input"], dims_of(given["dim"], ndim_of(given["input"]))
    if not is_rows(rows) or dims is None or rows.axis in dims or given["out"] is not None:
        return NotImplemented
    return wrap(func(local_of(rows), *args[1:], **kwargs), rows.bounds, rows.axis)


RULES[F.normalize] = normalize


def batch_norm(func: Any, args: Any, kwargs: Any) -> Any:
    """Batch normalisation over all rows of all processes, as one process does it."""
    given = bound(F.batch_norm, args, kwargs)
    rows = given["input"]
    if not only_first(args, kwargs) or rows.axis:
        return NotImplemented
    if not given["training"]:
        return on_rows(func, args, kwargs, rows)
    dims = tuple(each for each in range(ndim_of(rows)) if each != 1)
    high = rows if rows.dtype in (torch.float32, torch.float64) else rows.float()
    mean = high.mean(dims, keepdim=True)
    centred = high - mean
    variance = (centred * centred).mean(dims, keepdim=True)
    _follow(given, mean, variance, math.prod(shape_of(rows)[each] for each in dims))
    result = centred * torch.rsqrt(variance + given["eps"])
    view = (1, -1, *(1,) * (ndim_of(rows) - 2))
    if given["weight"] is not None:
        result = result * given["weight"].view(view)
    if given["bias"] is not None:
        result = result + given["bias"].view(view)
    return result.to(rows.dtype)


def _follow(given: dict[str, Any], mean: Any, variance: Any, count: int) -> None:
    """The running mean and variance (unbiased) of batch normalisation."""
    if given["running_mean"] is None:
        return
    share = given["momentum"]
    with torch.no_grad():
        for running, now in (
            (given["running_mean"], mean),
            (given["running_var"], variance * (count / max(count - 1, 1))),
        ):
            running.mul_(1 - share).add_(now.detach().reshape(-1).to(running.dtype), alpha=share)


RULES[F.batch_norm] = batch_norm


def recurrent(func: Any, args: Any, kwargs: Any) -> Any:
    """LSTM, GRU and plain recurrent layers without dropout, with the rows first or second."""
    if kwargs or len(args) != 9 or not is_rows(args[0]) or not isinstance(args[2], list):
        return NotImplemented
    rows, hidden, weights, _, layers, dropout_p, training, _, batch_first = args
    if (
        ndim_of(rows) != 3
        or rows.axis != (0 if batch_first else 1)
        or (dropout_p and training and layers > 1)
    ):
        return NotImplemented
    states = list(hidden) if isinstance(hidden, (tuple, list)) else [hidden]
    if any(is_rows(each) and (each.axis != 1 or each.bounds != rows.bounds) for each in states):
        return NotImplemented
    own = [
        local_of(each) if is_rows(each) else own_part(each, rows.bounds, 1).contiguous() for each in states
    ]
    output, *rest = func(
        local_of(rows),
        own if len(own) > 1 else own[0],
        [spread(each) for each in weights],
        *args[3:],
    )
    return wrap(output, rows.bounds, rows.axis), *(wrap(each, rows.bounds, 1) for each in rest)


register("lstm gru rnn_tanh rnn_relu", recurrent, (torch, torch._C._VariableFunctions))


def cell(func: Any, args: Any, kwargs: Any) -> Any:
    """One step of a recurrent layer: (input, state or states, *weights), with the rows first."""
    if kwargs or len(args) < 4:
        return NotImplemented
    states = list(args[1]) if isinstance(args[1], (tuple, list)) else [args[1]]
    given = [args[0], *states]
    bounds = next(each.bounds for each in (*given, *args[2:]) if is_rows(each))
    own = [_first_rows(each, bounds) for each in given]
    if any(each is None for each in own) or any(map(is_rows, args[2:])):
        return NotImplemented
    state = tuple(own[1:]) if func is torch.lstm_cell else own[1]
    result = func(own[0], state, *map(entered, args[2:]))
    return map_tensors(result, lambda each: wrap(each, bounds))


def _first_rows(value: Any, bounds: tuple[int, ...]) -> Any:
    """The own rows of (rows, numbers); None when they are cut in another way."""
    if ndim_of(value) != 2 or shape_of(value)[0] != bounds[-1]:
        return None
    if not is_rows(value):
        return own_part(value, bounds)
    return local_of(value) if not value.axis and value.bounds == bounds else None


register("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell", cell, (torch, torch._C._VariableFunctions))
