"""`xgboost.train` and `fit` of its estimators: round by round, where no round draws random numbers.

XGBoost keeps the state of its random generators nowhere, so a training that samples rows or columns cannot be
continued with the same numbers. All others go on from the trees, to the last bit.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .problems import NotResumable

if TYPE_CHECKING:
    from .fit_block import FitBlock

_FRACTIONS = ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode")
_PLAIN: dict[str, tuple[Any, ...]] = {
    "booster": ("gbtree",),
    "process_type": ("default",),
    "updater": (),
    "lambdarank_pair_method": ("topk",),
    "lambdarank_unbiased": (False, 0, "false", "0"),
}
"""The values with which going on is exact; a parameter that is not given is."""


class BoosterState:
    """What a checkpoint keeps of a booster: its trees, and what was evaluated and set after which round."""

    def __init__(self) -> None:
        self.booster: Any = None
        self.raw = b""
        self.scores: list[str] = []
        self.settings: list[tuple[Any, ...]] = []

    def __getstate__(self) -> dict[str, Any]:
        raw = bytes(self.booster.save_raw("ubj")) if self.booster is not None else b""
        return {"raw": raw, "scores": self.scores, "settings": self.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def knows(call: Any) -> bool:
    """Whether this is a call that `prepare` understands."""
    return (call.__module__, call.__name__) in (("xgboost.training", "train"), ("xgboost.sklearn", "fit"))


def prepare(
    block: FitBlock, fit: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Callable[[], Any]:
    """The same call with a callback that counts the rounds. Raises `NotResumable`."""
    bound = inspect.signature(fit).bind(*arguments, **named)
    bound.apply_defaults()
    model: Any = getattr(fit, "__self__", None)
    given = vars(model) if model is not None else bound.arguments
    if model is not None and "eval_set" not in bound.arguments:
        raise NotResumable(f"{type(model).__name__} trains in a way of its own")
    _check(dict(model.get_xgb_params() if model is not None else given["params"]))
    state = BoosterState()
    callbacks = list(given["callbacks"] or ())
    results, objective = bound.arguments.get("evals_result"), given.get("obj", given.get("objective"))
    before = given["callbacks"]
    block.begin(model=model, callbacks=callbacks, results=results, objective=objective, booster=state)

    def call() -> Any:
        if block.is_done:
            given["callbacks"] = before
            return block.state.result if model is None else model
        given["callbacks"] = [_counter_class()(block, state, callbacks)]
        try:
            result = fit(*bound.args, **bound.kwargs)
        finally:
            given["callbacks"] = before
        vars(state).update(booster=None, raw=b"")
        block.keep(result=result)
        block.finish()
        return result

    return call


def _check(parameters: dict[str, Any]) -> None:
    for name in _FRACTIONS:
        value = parameters.get(name)
        if value is not None and float(value) != 1.0:
            raise NotResumable(f"{name}={value} draws random numbers whose state XGBoost does not keep")
    for name, allowed in _PLAIN.items():
        if parameters.get(name) is not None and parameters[name] not in allowed:
            raise NotResumable(f"{name}={parameters[name]} is not known to go on with the same result")
    if str(parameters.get("device") or "cpu") != "cpu" or "gpu" in str(parameters.get("tree_method", "")):
        raise NotResumable("on a GPU the result of going on is not known to be the same")


@functools.cache
def _counter_class() -> Any:
    xgboost: Any = importlib.import_module("xgboost")

    class RoundCounter(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        """Stands for the callbacks that were given: they do not hear of the rounds that are only passed over."""

        def __init__(self, block: FitBlock, state: BoosterState, callbacks: list[Any]) -> None:
            self.block = block
            self.state = state
            self.callbacks = callbacks
            self.first = block.rounds

        def __reduce__(self) -> Any:
            return list, ()  # an estimator that is saved while it trains refers to it

        def before_training(self, model: Any) -> Any:
            for each in self.callbacks:
                model = each.before_training(model=model)
            self.evaluate, self.set_param = model.eval_set, model.set_param
            model.eval_set, model.set_param = self._eval_set, self._set_param
            if self.first:
                model.update = lambda *arguments, **named: None
            self.state.booster = None if self.first else model
            return model

        def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if epoch < self.first:
                return False
            if epoch == self.first:
                self._begin(model)
            else:
                self.block.round_over()
            return any(each.before_iteration(model, epoch, evals_log) for each in self.callbacks)

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if epoch < self.first:
                return False
            return any(each.after_iteration(model, epoch, evals_log) for each in self.callbacks)

        def after_training(self, model: Any) -> Any:
            if self.first and "update" in vars(model):  # everything had been run, or stopped early
                self._begin(model)
            for name in ("eval_set", "set_param"):
                vars(model).pop(name, None)
            for each in self.callbacks:
                model = each.after_training(model=model)
            return model

        def _begin(self, model: Any) -> None:
            """The first round that is run here: the trees of those before come from the checkpoint."""
            if self.first:
                del model.update
                # A booster that has been configured takes trees in, but not all later settings: a new one does.
                trained = xgboost.Booster()
                trained.load_model(bytearray(self.state.raw))
                trained.load_config(model.save_config())
                model.handle, trained.handle = trained.handle, model.handle
                for arguments in self.state.settings:
                    self.set_param(*arguments)
                self.state.booster = model
            self.block.go_on()

        def _eval_set(self, evals: Any, iteration: int = 0, *arguments: Any, **named: Any) -> str:
            if iteration < self.first:
                return self.state.scores[iteration]
            score: str = self.evaluate(evals, iteration, *arguments, **named)
            self.state.scores[iteration:] = [score]
            return score

        def _set_param(self, *arguments: Any) -> None:
            self.state.settings.append(arguments)
            self.set_param(*arguments)

    return RoundCounter
