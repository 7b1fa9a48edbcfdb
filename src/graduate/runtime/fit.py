"""Calls of a library's `fit` that go on inside, exactly, where they were stopped.

    history = resumable(model.fit)(x, y, epochs=20)

The call computes what `model.fit(x, y, epochs=20)` computes. Which library it is is seen from what is called. A call
that cannot be continued runs as it is, and its step starts again after an interruption; why is said once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from . import optional
from .fit_block import FitBlock
from .log import say_once
from .loop_run import LoopRun
from .problems import NotResumable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

FAMILIES = {
    "keras": "fit_keras",
    "lightgbm": "fit_lightgbm",
    "lightning": "fit_lightning",
    "pytorch_lightning": "fit_lightning",
    "skorch": "fit_skorch",
    "transformers": "fit_transformers",
    "xgboost": "fit_xgboost",
}
"""The package that defines what is called, and the module that knows how to continue it."""


def resumable(call: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """What does the same as `call`, with checkpoints inside when its library is known."""
    helper = _helper(call) if LoopRun.here() is not None else None
    if helper is None:
        return call

    @functools.wraps(call)
    def fit(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        block = FitBlock.of_step("fit")
        if block is None:
            return call(*arguments, **named)
        block.given = (getattr(call, "__self__", None), *arguments, *named.values())
        try:
            prepared: Callable[[], Result] = helper.prepare(block, call, arguments, named)
        except NotResumable as why:
            say_once(f"note: {block.run.name}: a call of {call.__qualname__} has no checkpoints: {why}")
            return call(*arguments, **named)
        try:
            return prepared()
        finally:
            block.leave()

    return fit


def _helper(call: Any) -> Any:
    """The module that knows how to continue what is called; None when nobody does."""
    function = getattr(call, "__func__", call)
    owners = type(call.__self__).__mro__ if hasattr(call, "__self__") else (function,)
    homes = [(getattr(each, "__module__", None) or "").partition(".")[0] for each in owners]
    family = next((FAMILIES[home] for home in homes if home in FAMILIES), "")
    if not family or not hasattr(call, "__name__"):
        return None
    helper = optional.find(family)
    return helper if helper is not None and helper.knows(call) else None
