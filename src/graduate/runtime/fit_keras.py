"""`fit` of Keras models with PyTorch or JAX below them: epoch by epoch."""

from __future__ import annotations

import functools
import importlib
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .problems import NotResumable

if TYPE_CHECKING:
    from .fit_block import FitBlock


def knows(call: Any) -> bool:
    """Whether this is a call that `prepare` understands."""
    is_own = call.__name__ == "fit" and call.__module__.startswith("keras.src.backend.")
    return is_own and hasattr(getattr(call, "__self__", None), "_initial_epoch")


def prepare(
    block: FitBlock, fit: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Callable[[], Any]:
    """The same call with a callback that counts the epochs. Raises `NotResumable`."""
    model: Any = fit.__self__  # type: ignore[attr-defined]
    bound = inspect.signature(fit).bind(*arguments, **named)
    bound.apply_defaults()
    given = bound.arguments
    _check(given)
    callbacks = given["callbacks"]
    if not isinstance(callbacks, (list, tuple)):
        callbacks = [callbacks] if callbacks else []
    counter = _counter_class()(block, callbacks, given)
    given["callbacks"] = [counter, *callbacks]
    before = model._initial_epoch

    def call() -> Any:
        try:
            return fit(*bound.args, **bound.kwargs)
        finally:
            model._initial_epoch = before

    return call


def _check(given: dict[str, Any]) -> None:
    keras: Any = importlib.import_module("keras")
    if keras.backend.backend() not in ("torch", "jax"):
        raise NotResumable(f"Keras runs on {keras.backend.backend()}")
    if isinstance(given["callbacks"], keras.callbacks.CallbackList):
        raise NotResumable("its callbacks are a CallbackList")
    if given["steps_per_epoch"] is not None:
        raise NotResumable("steps_per_epoch lets an epoch begin in the middle of the data")
    if hasattr(given["x"], "__next__"):
        raise NotResumable("its data come from a generator, whose position cannot be kept")


@functools.cache
def _counter_class() -> Any:
    keras: Any = importlib.import_module("keras")

    class EpochCounter(keras.callbacks.Callback):  # type: ignore[misc]
        """The first of the callbacks: when an epoch begins, all that belongs to the one before is over."""

        def __init__(self, block: FitBlock, callbacks: list[Any], given: dict[str, Any]) -> None:
            super().__init__()
            self.block = block
            self.others = callbacks
            self.given = given
            self.logs: dict[str, Any] = {}

        def on_train_begin(self, logs: Any = None) -> None:
            if self.block.saved_rounds:
                epoch = min(self.given["epochs"], self.given["initial_epoch"] + self.block.saved_rounds)
                self.model._initial_epoch = int(epoch)

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if self.block.has_begun:
                if self._variables() != self.variables:
                    self.block.give_up("its model made variables while it trained")
                self.block.round_over()
            else:
                self._begin()

        def on_train_end(self, logs: Any = None) -> None:
            if not self.block.has_begun and self.block.saved_rounds != math.inf:
                return  # there was no epoch to run
            if not self.block.has_begun:
                self._begin()
                logs.update(self.block.state.logs)
            self.block.keep(logs=dict(logs or {}))
            self.block.finish()

        def _begin(self) -> None:
            """Everything that an epoch changes: the model with its optimizer, the callbacks, and data that shuffle."""
            data = self.given["x"]
            own = data if isinstance(data, keras.utils.PyDataset) else None
            is_fresh = not self.block.saved_rounds
            self.block.begin(model=self.model, callbacks=self.others, history=self.model.history, data=own)
            self.block.go_on()
            self.variables = self._variables()
            for each in self.others:
                if isinstance(each, keras.callbacks.CSVLogger) and not is_fresh:
                    # The file has it; only the object that writes lines is made anew.
                    each.append_header = False

        def _variables(self) -> int:
            return len(self.model.variables) + len(getattr(self.model.optimizer, "variables", ()))

    return EpochCounter
