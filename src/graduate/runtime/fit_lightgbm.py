"""`lightgbm.train` and `fit` of its estimators: round by round, where no round draws random numbers.

LightGBM keeps the state of its random generators nowhere, so a training that samples rows or columns cannot be
continued with the same numbers. All others go on from the trees, to the last bit.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .problems import NotResumable

if TYPE_CHECKING:
    from .fit_block import FitBlock

_PLAIN: dict[str, tuple[Any, ...]] = {
    "feature_fraction": (1, 1.0),
    "feature_fraction_bynode": (1, 1.0),
    "boosting": ("gbdt", "gbrt"),
    "data_sample_strategy": ("bagging",),
    "extra_trees": (False,),
    "use_quantized_grad": (False,),
    "linear_tree": (False,),
    "tree_learner": ("serial",),
    "device_type": ("cpu",),
    "early_stopping_round": (0,),
}
"""The values with which going on is exact. `early_stopping_round`: use the callback, which can be continued."""


class BoosterState:
    """What a checkpoint keeps of a booster: its trees, and what was evaluated after each round."""

    def __init__(self) -> None:
        self.booster: Any = None
        self.text = ""
        self.scores: list[list[Any]] = []

    def __getstate__(self) -> dict[str, Any]:
        text = self.booster.model_to_string(num_iteration=-1) if self.booster is not None else ""
        return {"text": text, "scores": self.scores}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def knows(call: Any) -> bool:
    """Whether this is a call that `prepare` understands."""
    return (call.__module__, call.__name__) in (("lightgbm.engine", "train"), ("lightgbm.sklearn", "fit"))


def prepare(
    block: FitBlock, fit: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Callable[[], Any]:
    """The same call with a callback that counts the rounds. Raises `NotResumable`."""
    bound = inspect.signature(fit).bind(*arguments, **named)
    bound.apply_defaults()
    given = bound.arguments
    model: Any = getattr(fit, "__self__", None)
    parameters = dict(model.get_params() if model is not None else given["params"])
    _check(parameters)
    if given.get("keep_training_booster"):
        raise NotResumable("keep_training_booster=True gives a booster that cannot be stored")
    state = BoosterState()
    callbacks = list(given["callbacks"] or ())
    rounds = _rounds(parameters, given.get("num_boost_round", 100))
    block.begin(model=model, callbacks=callbacks, objective=parameters.get("objective"), booster=state)

    def call() -> Any:
        if block.is_done:
            return block.state.result if model is None else model
        given["callbacks"] = _callbacks(block, state, callbacks)
        done = block.rounds
        if done:
            lightgbm: Any = importlib.import_module("lightgbm")
            given["init_model"] = lightgbm.Booster(model_str=state.text)
        try:
            _ask_for(rounds - done, model, given)
            result = fit(*bound.args, **bound.kwargs)
        finally:
            if model is not None:
                model.n_estimators = parameters["n_estimators"]
        vars(state).update(booster=None, text="")
        if done:
            _complete(result if model is None else model.booster_, rounds)
            _complete_results(getattr(model, "_evals_result", None), state.scores[:done])
        block.keep(result=result)
        block.finish()
        return result

    return call


def _check(parameters: dict[str, Any]) -> None:
    for name, allowed in _PLAIN.items():
        value = _given(parameters, name)
        if value is not None and value not in allowed:
            raise NotResumable(f"{name}={value} is not known to go on with the same result")
    fractions = ("bagging_fraction", "pos_bagging_fraction", "neg_bagging_fraction")
    if _given(parameters, "bagging_freq") and any(_given(parameters, n) not in (None, 1) for n in fractions):
        raise NotResumable("bagging draws random numbers whose state LightGBM does not keep")
    if str(_given(parameters, "objective")) in (
        "rank_xendcg",
        "xendcg",
        "xe_ndcg",
        "xe_ndcg_mart",
        "xendcg_mart",
    ):
        raise NotResumable("this objective draws random numbers whose state LightGBM does not keep")


def _given(parameters: dict[str, Any], name: str) -> Any:
    """The value of a parameter under any of its names; None when it is not given."""
    return next((v for n, v in parameters.items() if n in _names(name) and v is not None), None)


def _names(name: str) -> set[str]:
    basic: Any = importlib.import_module("lightgbm.basic")
    return set(basic._ConfigAliases.get(name)) | {name}


def _rounds(parameters: dict[str, Any], otherwise: int) -> int:
    given = _given(parameters, "num_iterations")
    return int(otherwise if given is None else given)


def _ask_for(rounds: int, model: Any, given: dict[str, Any]) -> None:
    """Let the call run for so many rounds."""
    if model is not None:
        model.n_estimators = rounds
        return
    given["params"] = {n: v for n, v in given["params"].items() if n not in _names("num_iterations")}
    given["num_boost_round"] = rounds


def _callbacks(block: FitBlock, state: BoosterState, callbacks: list[Any]) -> list[Any]:
    """The callbacks that were given, as they would be called in one go, and ours around them."""
    done = block.rounds

    def before(env: Any) -> None:
        if env.iteration == env.begin_iteration:
            state.booster = env.model
            block.go_on()
        else:
            block.round_over()

    def after(env: Any) -> None:
        state.scores.append(list(env.evaluation_result_list or ()))

    before.before_iteration = True  # type: ignore[attr-defined]
    before.order = after.order = -1_000_000  # type: ignore[attr-defined]
    return [
        before,
        after,
        *(_as_in_one_go(each, done, len(callbacks), n) for n, each in enumerate(callbacks)),
    ]


def _as_in_one_go(callback: Any, done: int, number: int, position: int) -> Any:
    def wrapped(env: Any) -> None:
        change = dataclasses.replace if dataclasses.is_dataclass(env) else type(env)._replace
        callback(change(env, begin_iteration=env.begin_iteration - done))

    functools.update_wrapper(wrapped, callback, assigned=())
    wrapped.order = getattr(callback, "order", position - number)  # type: ignore[attr-defined]
    wrapped.before_iteration = getattr(callback, "before_iteration", False)  # type: ignore[attr-defined]
    return wrapped


def _complete(booster: Any, rounds: int) -> None:
    """A booster names the rounds that it was trained for: all of them."""
    text = re.sub(
        r"^\[num_iterations: \d+\]$",
        f"[num_iterations: {rounds}]",
        booster.model_to_string(num_iteration=-1),
        flags=re.M,
    )
    booster.model_from_string(text)
    booster.params["num_iterations"] = rounds


def _complete_results(recorded: Any, scores: list[list[Any]]) -> None:
    """What an estimator recorded of the rounds before, which ran in another process."""
    for each in [each for scores in reversed(scores) for each in scores]:
        values = (recorded or {}).get(each[0], {}).get(each[1])
        if values is not None:
            values.insert(0, each[2])
