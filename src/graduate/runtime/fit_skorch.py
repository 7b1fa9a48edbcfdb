"""`fit` of skorch's nets: epoch by epoch."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .problems import NotResumable

if TYPE_CHECKING:
    from .fit_block import FitBlock


def knows(call: Any) -> bool:
    """Whether this is a call that `prepare` understands."""
    net = getattr(call, "__self__", None)
    return call.__name__ == "fit" and hasattr(net, "fit_loop") and hasattr(net, "notify")


def prepare(
    block: FitBlock, fit: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Callable[[], Any]:
    """The same call, told by the net when an epoch begins. Raises `NotResumable`."""
    net: Any = fit.__self__  # type: ignore[attr-defined]
    given = inspect.signature(fit).bind(*arguments, **named).arguments
    data = given.get("X")
    if type(getattr(net, "history_", None)).__name__ == "DistributedHistory" or hasattr(net, "accelerator"):
        raise NotResumable("it may run in several processes")
    if hasattr(data, "__next__"):
        raise NotResumable("its data come from an iterator, whose position cannot be kept")
    own = data if hasattr(data, "__getitem__") and hasattr(data, "__dict__") and _is_own(data) else None

    def begin() -> None:
        block.begin(net=net, data=own)
        block.go_on()

    def notify(inner: Callable[..., Any], name: str, **told: Any) -> None:
        if name == "on_epoch_begin":
            if block.has_begun:
                block.round_over()
            else:
                begin()
        inner(name, **told)

    def fit_loop(inner: Callable[..., Any], *given: Any, **options: Any) -> Any:
        bound = inspect.signature(inner).bind(*given, **options)
        asked = bound.arguments.get("epochs")
        epochs = net.max_epochs if asked is None else asked
        bound.arguments["epochs"] = int(max(0, epochs - min(epochs, block.saved_rounds)))
        result = None
        try:
            result = inner(*bound.args, **bound.kwargs)
        finally:
            ...
        return result

    def call() -> Any:
        with _around(net, "notify", notify), _around(net, "fit_loop", fit_loop):
            return fit(*arguments, **named)

    return call
