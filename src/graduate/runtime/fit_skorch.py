"""`fit` of skorch's nets: epoch by epoch."""

from __future__ import annotations

import contextlib
import inspect
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
    data = inspect.signature(fit).bind(*arguments, **named).arguments.get("X")
    _check(net, data)
    shuffles = getattr(type(data), "__module__", "").partition(".")[0] not in ("numpy", "torch", "skorch")
    own = data if shuffles and hasattr(data, "__dict__") else None

    def begin() -> None:
        """Everything that an epoch changes: the net with its modules, optimizer, history and callbacks."""
        block.begin(net=net, data=own)
        block.go_on()

    def notify(tell: Callable[..., Any], name: str, **told: Any) -> Any:
        if name == "on_epoch_begin":
            if block.has_begun:
                block.round_over()
            else:
                begin()
        return tell(name, **told)

    def fit_loop(loop: Callable[..., Any], *given: Any, **options: Any) -> Any:
        bound = inspect.signature(loop).bind(*given, **options)
        asked = bound.arguments.get("epochs")
        epochs = net.max_epochs if asked is None else asked
        bound.arguments["epochs"] = int(epochs - min(epochs, block.saved_rounds))
        try:
            result = loop(*bound.args, **bound.kwargs)
        except KeyboardInterrupt:  # so a callback ends the training early
            block.finish()
            raise
        if not block.has_begun and block.saved_rounds:
            begin()
        if block.has_begun:
            block.finish()
        return result

    def call() -> Any:
        with _around(type(net), "notify", net, notify), _around(type(net), "fit_loop", net, fit_loop):
            return fit(*arguments, **named)

    return call


def _check(net: Any, data: Any) -> None:
    if type(getattr(net, "history_", None)).__name__ == "DistributedHistory" or hasattr(net, "accelerator"):
        raise NotResumable("it may run in several processes")
    if hasattr(data, "__next__"):
        raise NotResumable("its data come from an iterator, whose position cannot be kept")


@contextlib.contextmanager
def _around(kind: Any, name: str, owner: Any, around: Callable[..., Any]) -> Iterator[None]:
    """Meanwhile a method of one object is called by way of `around`: by its class, since the object is saved."""
    method, is_own = getattr(kind, name), name in vars(kind)

    def called(self: Any, *arguments: Any, **named: Any) -> Any:
        bound = method.__get__(self, kind)
        return around(bound, *arguments, **named) if self is owner else bound(*arguments, **named)

    setattr(kind, name, called)
    try:
        yield
    finally:
        if is_own:
            setattr(kind, name, method)
        else:
            delattr(kind, name)
