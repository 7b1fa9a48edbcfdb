"""Random numbers for the rows of a batch: those that one process draws for the whole."""

from __future__ import annotations

import importlib
from typing import Any

from .batch_rows import RULES, is_rows, local_of, own_part, shape_of, wrap
from .row_rules import bound

torch: Any = importlib.import_module("torch")
F: Any = importlib.import_module("torch.nn.functional")


def fill_whole(rows: Any, fill: Any, **options: Any) -> Any:
    """Numbers drawn for the whole, as one process does, so that every process draws alike; the own rows of them.

    They are drawn into a tensor with the layout of the rows, as for any tensor that is made like another: PyTorch draws
    in the order of memory.
    """
    shape, strides = shape_of(rows), local_of(rows).stride()
    # Of a single row the step to the next says only that rows lie inside of what has the same step.
    order = sorted(range(len(shape)), key=lambda each: (-strides[each], each == rows.axis, each))
    options = {"dtype": rows.dtype, "device": rows.device, **options}
    whole = torch.empty([shape[each] for each in order], **options)
    whole = whole.permute([order.index(each) for each in range(len(shape))])
    fill(whole)
    return own_part(whole, rows.bounds, rows.axis)


def random_like(draw: str) -> Any:
    """A rule for `randn_like` and `rand_like`."""

    def rule(func: Any, args: Any, kwargs: Any) -> Any:
        rows = args[0]
        if not is_rows(rows) or len(args) > 1 or set(kwargs) - {"dtype", "device"}:
            return NotImplemented
        mine = fill_whole(rows, lambda whole: getattr(whole, draw)(), **kwargs)
        return wrap(mine, rows.bounds, rows.axis)

    return rule


RULES[torch.randn_like] = random_like("normal_")
RULES[torch.rand_like] = random_like("uniform_")


def dropout(func: Any, args: Any, kwargs: Any) -> Any:
    """Dropout with the mask that one process draws for the whole batch."""
    given = bound(F.dropout, args, kwargs)
    rows, p = given["input"], given["p"]
    if not is_rows(rows) or not 0.0 <= p < 1.0:
        return NotImplemented
    if not given["training"] or p == 0.0:
        return rows
    mine = fill_whole(rows, lambda whole: whole.bernoulli_(1 - p).div_(1 - p))
    if given["inplace"]:
        local_of(rows).mul_(mine)
        return rows
    return wrap(local_of(rows) * mine, rows.bounds, rows.axis)


RULES[F.dropout] = dropout
