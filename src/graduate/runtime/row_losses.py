"""Losses over a batch of which each process has its rows: the mean and the sum are those of the whole batch."""

from __future__ import annotations

import importlib
import math
from typing import Any

from .batch_rows import RULES, is_rows, local_of, ndim_of, shape_of, total_of, wrap
from .row_gradients import Total, spread
from .row_rules import align, bound, is_tensor

torch: Any = importlib.import_module("torch")
F: Any = importlib.import_module("torch.nn.functional")
_LEGACY = ("size_average", "reduce")


def elementwise_loss(func: Any, args: Any, kwargs: Any) -> Any:
    """Losses that compare value by value."""
    given = bound(func, args, kwargs)
    if any(given.pop(name, None) is not None for name in _LEGACY):
        return NotImplemented
    reduction = given.pop("reduction")
    names = [name for name, each in given.items() if is_tensor(each)]
    aligned = align([given[name] for name in names])
    if aligned is None:
        return NotImplemented
    values, bounds, axis = aligned
    given.update(zip(names, values, strict=True))
    each = wrap(func(**given, reduction="none"), bounds, axis)
    if reduction == "batchmean":
        return each.sum() / shape_of(each)[0]
    if reduction in ("mean", "sum"):
        return each.mean() if reduction == "mean" else each.sum()
    return each if reduction == "none" else NotImplemented


for _loss in (
    F.mse_loss,
    F.l1_loss,
    F.smooth_l1_loss,
    F.huber_loss,
    F.binary_cross_entropy,
    F.binary_cross_entropy_with_logits,
    F.kl_div,
    F.soft_margin_loss,
    F.poisson_nll_loss,
):
    RULES[_loss] = elementwise_loss


def class_loss(func: Any, args: Any, kwargs: Any) -> Any:
    """Cross entropy and negative log likelihood, with weights of classes and an index to ignore."""
    given = bound(func, args, kwargs)
    rows, target, weight = given["input"], given["target"], given["weight"]
    if any(given.pop(name, None) is not None for name in _LEGACY) or is_rows(weight):
        return NotImplemented
    if not is_rows(rows) or rows.axis or ndim_of(rows) < 2:
        return NotImplemented
    by_probability = target.dtype.is_floating_point
    aligned = align([rows, target]) if by_probability else _with_classes(rows, target)
    if aligned is None or (weight is not None and given.get("label_smoothing")):
        return NotImplemented
    scores, classes = aligned[0]
    reduction = given.pop("reduction")
    if reduction not in ("mean", "sum", "none"):
        return NotImplemented
    given |= {"input": scores, "target": classes, "weight": None if weight is None else spread(weight)}
    if reduction == "none":
        return wrap(func(**given, reduction="none"), rows.bounds)
    total = Total.apply(func(**given, reduction="sum"))
    if reduction == "sum":
        return total
    if by_probability:
        shape = shape_of(rows)
        return total / (math.prod(shape) / shape[1])
    return total / Total.apply(_weight_of(classes, weight, given["ignore_index"], scores.dtype))


def _with_classes(rows: Any, target: Any) -> Any:
    """The own rows of scores (rows, classes, …) and of class numbers (rows, …)."""
    if is_rows(target):
        if target.bounds != rows.bounds or target.axis:
            return None
        return [local_of(rows), local_of(target)], rows.bounds, 0
    if target.ndim != ndim_of(rows) - 1 or target.shape[0] != total_of(rows):
        return None
    start, count = rows.bounds, local_of(rows).shape[0]
    from . import world

    return [local_of(rows), target.narrow(0, start[world.RANK], count)], rows.bounds, 0


def _weight_of(classes: Any, weight: Any, ignored: int, dtype: Any) -> Any:
    """What the mean divides by: the number, or the weights, of the targets that count."""
    counts = classes != ignored
    if weight is None:
        return counts.sum().to(dtype)
    return weight[classes[counts]].sum()


RULES[F.cross_entropy] = RULES[F.nll_loss] = class_loss
