"""Tensors of which each process holds some rows, and which behave as the whole.

`Rows` has the shape, and to Python the values, of the whole batch. Operations that are known to treat its rows
one by one (row_rules.py) run on the own rows only. Sums over the rows are summed over the processes, and are
plain tensors, the same on each. Before any other operation the whole is gathered: slower, never another result.
So each process runs the same program on the same values, and comes to the same decisions.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from . import world
from .log import say_once
from .paths import PACKAGE_FOLDER
from .row_gradients import Gather, spread

torch: Any = importlib.import_module("torch")

Rule = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
RULES: dict[Any, Rule] = {}
_is_lent: Any = importlib.import_module("torch.utils.weak").WeakTensorKeyDictionary()
"""Tensors that all have, and of which rows were made by looking at a part of their memory."""
as_plain = torch._C.DisableTorchFunctionSubclass


class Rows(torch.Tensor):  # type: ignore[misc]
    """A tensor that is cut along `axis`; process r holds `bounds[r]` up to `bounds[r + 1]`."""

    bounds: tuple[int, ...]
    axis: int
    made = False
    """Whether any were made in this process."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if _is_lent and (is_in_place(func) or kwargs.get("inplace") is True) and args:
            _check_writable(func, args[0])
        rule = RULES.get(func)
        if rule is not None and args:
            result = rule(func, args, kwargs)
            if result is not NotImplemented:
                return result
        return run_on_whole(func, args, kwargs)


def share(total: int) -> tuple[int, ...]:
    """How `total` rows are cut: contiguous, as even as possible."""
    return tuple(total * each // world.SIZE for each in range(world.SIZE + 1))


def wrap(local: Any, bounds: tuple[int, ...], axis: int = 0) -> Any:
    """The whole of which `local` are the own rows."""
    own = bounds[world.RANK + 1] - bounds[world.RANK]
    if local.shape[axis] != own:
        raise AssertionError(f"{own} rows were to be {local.shape[axis]}")
    with as_plain():
        rows = local.as_subclass(Rows)
    rows.bounds, rows.axis = bounds, axis
    Rows.made = True
    return rows


def local_of(rows: Any) -> Any:
    """The own rows, as a plain tensor."""
    with as_plain():
        return rows.as_subclass(torch.Tensor)


def is_rows(value: Any) -> bool:
    return type(value) is Rows


def total_of(rows: Any) -> int:
    """How many rows the whole has."""
    return int(rows.bounds[-1])


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of the whole."""
    with as_plain():
        shape = list(value.shape)
    if is_rows(value):
        shape[value.axis] = total_of(value)
    return tuple(shape)


def ndim_of(value: Any) -> int:
    with as_plain():
        return int(value.ndim)


def own_part(whole: Any, bounds: tuple[int, ...], axis: int = 0) -> Any:
    """The own rows of a value that all have."""
    start = bounds[world.RANK]
    return spread(whole).narrow(axis, start, bounds[world.RANK + 1] - start)


def lend(whole: Any, bounds: tuple[int, ...]) -> Any:
    """Rows of a tensor that all have. They are in its memory, so that nothing may be written into them here: the
    other processes write elsewhere."""
    base = whole if whole._base is None else whole._base
    _is_lent[base] = True
    return wrap(own_part(whole, bounds), bounds)


def _check_writable(func: Any, rows: Any) -> None:
    """Raise `Problem` where an operation writes into the memory of a tensor that was lent."""
    base = local_of(rows)._base if is_rows(rows) else None
    if base is not None and base in _is_lent:
        raise world.cannot(f"{_name(func)} into what a module was called with", _user_line())


def whole_of(rows: Any) -> Any:
    """The whole, on every process."""
    local = local_of(rows)
    moved = local.transpose(0, rows.axis) if rows.axis else local
    whole = Gather.apply(moved, rows.bounds, world.RANK)
    return whole.transpose(0, rows.axis) if rows.axis else whole


def map_tensors(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure of tuples, lists and dicts with its tensors changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(each, change) for each in value))
    if isinstance(value, (tuple, list)) and type(value).__module__ in ("builtins", "torch.return_types"):
        return type(value)([map_tensors(each, change) for each in value])
    if type(value) is dict:
        return {key: map_tensors(each, change) for key, each in value.items()}
    return value


@cache
def is_in_place(func: Any) -> bool:
    """Whether a function changes its first argument."""
    name = getattr(func, "__name__", "")
    if (
        name == "__set__"
        or name == "__setitem__"
        or name in ("__iadd__", "__isub__", "__imul__", "__itruediv__")
    ):
        return True
    return name.endswith("_") and not name.endswith("__")


def run_on_whole(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Do something that needs all rows: on the gathered whole, on every process alike."""
    _note(func)
    if is_rows(kwargs.get("out")) or _name(func) in _NOT_OF_A_COPY:
        raise world.cannot(f"{_name(func)} of a batch of which each process has a part", _user_line())
    if is_in_place(func) and args and isinstance(args[0], (list, tuple)) and any(map(is_rows, args[0])):
        raise world.cannot(f"{_name(func)} of batches of which each process has a part", _user_line())
    gathered: list[Any] = []

    def gather(value: Any) -> Any:
        if not is_rows(value):
            return value
        gathered.append(value)
        return whole_of(value)

    given, named = map_tensors(tuple(args), gather), map_tensors(dict(kwargs), gather)
    result = func(*given, **named)
    if is_in_place(func) and args and is_rows(args[0]):
        if getattr(func, "__name__", "") == "__set__":
            raise world.cannot(
                f"setting {_name(func)} of a batch of which each process has a part", _user_line()
            )
        target = args[0]
        local_of(target).copy_(own_part(given[0], target.bounds, target.axis))
        return target if result is not None else None
    return map_tensors(result, lambda value: cut_again(value, gathered, args))


def cut_again(value: Any, gathered: list[Any], args: Any) -> Any:
    """A new value with as many rows as what it was made of goes on as rows."""
    if not gathered or is_rows(value) or any(value is each for each in args):
        return value
    bounds = gathered[0].bounds
    if value.ndim == 0 or value.shape[0] != bounds[-1] or not (value.requires_grad or value.ndim > 1):
        return value
    return wrap(own_part(value, bounds), bounds)


def _name(func: Any) -> str:
    name = getattr(func, "__name__", repr(func))
    if name in ("__get__", "__set__"):
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return str(name)


_NOT_OF_A_COPY = frozenset(
    {
        *(
            "register_hook",
            "register_post_accumulate_grad_hook",
            "set_",
            "resize_",
            "share_memory_",
            "data_ptr",
        ),
        *("untyped_storage", "storage", "_storage", "map_", "map2_", "retains_grad"),
    }
)
"""What would be done to the gathered copy, and be lost."""
_SILENT = frozenset(
    {"item", "tolist", "numpy", "__repr__", "__format__", "__float__", "__int__", "__array__"}
)
_noted: set[Any] = set()


def _note(func: Any) -> None:
    """Say once where work is not shared out, so that nobody wonders why it is no faster."""
    name = _name(func)
    if name in _noted or name in _SILENT:
        return
    _noted.add(name)
    if world.RANK == 0:
        say_once(f"note: {_user_line()}: {name} needs the whole batch; each process computes all of it")


def _user_line() -> str:
    """The line of the project's own code that runs, as file:line."""
    frame: Any = sys._getframe(2)
    utils = str(PACKAGE_FOLDER / "utils") + "/"
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(str(PACKAGE_FOLDER) + "/") and not path.startswith(utils):
            return f"{path[len(str(PACKAGE_FOLDER.parent)) + 1 :]}:{frame.f_lineno}"
        frame = frame.f_back
    return "the research code"
