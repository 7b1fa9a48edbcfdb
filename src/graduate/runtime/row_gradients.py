"""What crosses between values that every process has and values of which each has its rows, with their gradients.

A gradient is always that of the whole run: where a value enters the computations on rows, the gradients that
come back are summed over the processes; where a sum over rows leaves them, its gradient goes back to each.
"""

from __future__ import annotations

import importlib
import itertools
from typing import Any

from . import world

torch: Any = importlib.import_module("torch")
dist: Any = importlib.import_module("torch.distributed")

_LOW = (torch.float16, torch.bfloat16)


def sum_over_processes(value: Any) -> Any:
    """The sum of a tensor over all processes, the same bits on each; not differentiable."""
    if value.is_complex():
        return torch.view_as_complex(sum_over_processes(torch.view_as_real(value)))
    total = value.detach().to(torch.float32) if value.dtype in _LOW else value.detach().clone()
    total = total.contiguous()
    dist.all_reduce(total)
    return total.to(value.dtype)


def gather_rows(rows: Any, bounds: tuple[int, ...]) -> Any:
    """The rows (dim 0) of all processes in their order, from the own ones; not differentiable."""
    most = max(stop - start for start, stop in itertools.pairwise(bounds))
    own = rows.detach().contiguous()
    padded = own.new_zeros((most, *own.shape[1:]))
    padded[: own.shape[0]] = own
    sent = padded.view(-1).view(torch.uint8) if padded.numel() else padded.view(-1).to(torch.uint8)
    parts = [torch.empty_like(sent) for _ in bounds[1:]]
    dist.all_gather(parts, sent)
    whole = [
        part.view(own.dtype).view(padded.shape)[: stop - start] if padded.numel() else padded[: stop - start]
        for part, start, stop in zip(parts, bounds, bounds[1:], strict=False)
    ]
    return torch.cat(whole)


class Spread(torch.autograd.Function):  # type: ignore[misc]
    """A value that all have enters the computations on rows: the gradients of all rows are summed."""

    @staticmethod
    def forward(ctx: Any, whole: Any, number: int) -> Any:
        ctx.leaf = whole if whole.is_leaf else None
        ctx.number = number
        return whole.view_as(whole)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        if bucket.takes(ctx.leaf):
            bucket.parts.append((ctx.number, ctx.leaf, gradient))
            return None, None
        return Total.apply(gradient), None


class Total(torch.autograd.Function):  # type: ignore[misc]
    """Sums over the own rows become the sum over all: its gradient is everybody's."""

    @staticmethod
    def forward(ctx: Any, part: Any) -> Any:
        return sum_over_processes(part)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return spread(gradient)


class Gather(torch.autograd.Function):  # type: ignore[misc]
    """Rows become the whole, on every process: each takes its rows of the gradient back."""

    @staticmethod
    def forward(ctx: Any, rows: Any, bounds: tuple[int, ...], rank: int) -> Any:
        ctx.own = slice(bounds[rank], bounds[rank + 1])
        return gather_rows(rows, bounds)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return spread(gradient)[ctx.own], None, None


class Bucket:
    """The gradients of parameters that one `backward()` finds, summed over the processes in one go."""

    def __init__(self) -> None:
        self.open = False
        self.parts: list[tuple[int, Any, Any]] = []

    def takes(self, leaf: Any) -> bool:
        """Whether a gradient can wait for the end of the backward pass: nobody else wants to see it before."""
        return (
            self.open
            and leaf is not None
            and not leaf._backward_hooks
            and not getattr(leaf, "_post_accumulate_grad_hooks", None)
        )

    def empty(self, loss: Any) -> None:
        """Sum everything over the processes and add it to the parameters' gradients. Raises `Problem` when the
        processes have come to different losses."""
        parts, self.parts = sorted(self.parts, key=lambda each: each[0]), []
        groups: dict[Any, list[tuple[Any, Any]]] = {}
        for _, leaf, gradient in parts:
            groups.setdefault((gradient.dtype, gradient.device), []).append((leaf, gradient))
        losses = [loss.detach().reshape(-1)[:1]]
        if not groups:
            _check_losses(losses[0], sum_over_processes(losses[0]))
        for (dtype, _), group in groups.items():
            flat = torch.cat(
                [gradient.reshape(-1) for _, gradient in group] + [each.to(dtype) for each in losses]
            )
            flat = sum_over_processes(flat)
            _check_losses(losses[0].to(dtype), flat[-1:])
            sizes = [gradient.numel() for _, gradient in group]
            for (leaf, gradient), total in zip(group, flat[:-1].split(sizes), strict=True):
                found = total.view(gradient.shape)
                if leaf.grad is None:
                    leaf.grad = found
                else:
                    leaf.grad.add_(found)


def _check_losses(own: Any, total: Any) -> None:
    """Raise `Problem` unless all processes have the same loss: they do the same on the same values."""
    mean = total.double() / world.SIZE
    if torch.isfinite(mean).all() and not torch.allclose(
        own.double(), mean, rtol=1e-3 if own.dtype in _LOW else 1e-5
    ):
        raise world.came_apart(
            f"process {world.RANK}", f"its loss is {own.item():.6g}, the mean of all is {mean.item():.6g}"
        )


bucket = Bucket()
_MOST = 10_000
_spread: dict[int, tuple[Any, int, Any]] = {}
_counter = 0


def spread(value: Any) -> Any:
    """A value that all have, as it enters computations on rows. The same node for the same value, so that its
    gradient crosses once."""
    global _counter
    if not (value.requires_grad and torch.is_grad_enabled()):
        return value
    known = _spread.get(id(value))
    if known is not None and known[1] == value._version:
        return known[2]
    if len(_spread) > _MOST:
        forget_spread()  # a program that never goes backward
    _counter += 1
    entered = Spread.apply(value, _counter)
    _spread[id(value)] = (value, value._version, entered)
    return entered


def forget_spread() -> None:
    """Drop what is kept for the iteration that is over."""
    _spread.clear()


_plain_backward = torch.Tensor.backward


def backward(
    self: Any, gradient: Any = None, retain_graph: Any = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """`Tensor.backward` with the parameters' gradients summed over the processes at its end."""
    if create_graph or inputs is not None or bucket.open:
        _plain_backward(self, gradient, retain_graph, create_graph, inputs)
        return
    bucket.open = True
    try:
        _plain_backward(self, gradient, retain_graph, create_graph)
    except BaseException:
        bucket.parts = []
        raise
    finally:
        bucket.open = False
    with torch.no_grad():
        bucket.empty(self)
    forget_spread()
