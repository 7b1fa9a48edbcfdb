"""Objects of Keras as bytes, with all that they hold: running metrics, seeds, optimizers, parts that several share.

Keras' own pickling makes a model anew from its configuration and weights, and each model with parts of its own. So
their attributes are pickled instead; tables by identity are written with the objects themselves.
"""

from __future__ import annotations

import collections
import functools
import sys
from typing import Any

_LEFT_OUT = frozenset({"build", "quantize"})
"""Made by `__new__`."""
_PASSING = frozenset(
    {
        "train_function",
        "test_function",
        "predict_function",
        "_eval_epoch_iterator",
        "_jax_state",
        "_initial_epoch",
    }
)
"""Made when they are needed, from the other attributes."""
_SAVEABLE = "keras.src.saving.keras_saveable"
_TRACKING = "keras.src.utils.tracking"


def is_known(value: Any) -> bool:
    """Whether an object is pickled here."""
    kind: Any = type(value)
    return _is_known(kind)


@functools.cache
def _is_known(kind: Any) -> bool:
    homes = {base.__module__ for base in kind.__mro__}
    return bool(homes & {_SAVEABLE, _TRACKING})


def reduce(value: Any) -> Any:
    """How a pickle makes an object of Keras again."""
    kind = type(value)
    tracker = vars(value).get("tracker")
    if isinstance(value, (list, dict, set)):
        items = list(value.items()) if isinstance(value, dict) else list(value)
        return new, (kind,), (items, tracker), None, None, fill_container
    state = state_of(value)
    state.update((n, 0 if n == "_initial_epoch" else None) for n in vars(value).keys() & _PASSING)
    return new, (kind,), state, None, None, fill


def state_of(value: Any) -> dict[str, Any]:
    """The attributes of an object, and its tables by identity."""
    state = {n: each for n, each in vars(value).items() if n not in _LEFT_OUT and n not in _PASSING}
    state["@ids"] = _take_ids(value, state)
    return state


def new(kind: Any) -> Any:
    """An object without content; what `__new__` of a layer sets is there."""
    layer = sys.modules["keras"].layers.Layer
    return kind.__new__(kind) if issubclass(kind, (layer, list, dict, set)) else object.__new__(kind)


def fill(value: Any, state: dict[str, Any]) -> None:
    """Give an object its attributes."""
    ids = state["@ids"]
    own = vars(value)
    for name in [n for n in own if n not in state and n not in _LEFT_OUT and n not in _PASSING]:
        del own[name]
    own.update((name, each) for name, each in state.items() if name != "@ids")
    if "stored" in ids:
        own["stored_ids"] = {name: {id(each) for each in objects} for name, objects in ids["stored"].items()}
    if "places" in ids:
        own["_trainable_variables_indices"] = {id(each): place for each, place in ids["places"]}
    if "nodes" in ids:
        own["_nodes"] = {f"{id(operation)}{rest}" for operation, rest in ids["nodes"]}


def _take_ids(value: Any, state: dict[str, Any]) -> dict[str, Any]:
    """The tables by identity of an object, with the objects instead; they are taken from its `state`."""
    ids: dict[str, Any] = {}
    if "_loss_ids" in state:  # the losses of the last call, with what they were computed from
        state.update(_losses=[], _loss_ids=set())
    if "stored_ids" in state:
        known = state.pop("stored_ids")
        ids["stored"] = {
            name: [each for each in store if id(each) in known[name]]
            for name, (_, store) in value.config.items()
        }
    if "_trainable_variables_indices" in state:
        places = state.pop("_trainable_variables_indices")
        ids["places"] = [
            (each, places[id(each)]) for each in value._trainable_variables if id(each) in places
        ]
    if "_nodes" in state and "_operations" in state:
        owners = {str(id(each)): each for each in value._operations}
        keys = [key.partition("_") for key in sorted(state.pop("_nodes"))]
        ids["nodes"] = [(owners[owner], f"_{rest}") for owner, _, rest in keys]
    return ids


def fill_container(value: Any, state: tuple[list[Any], Any]) -> None:
    """Give a container that Keras watches its items, without telling its watcher."""
    items, tracker = state
    value.tracker = tracker
    if isinstance(value, list):
        list.extend(value, items)
    elif isinstance(value, set):
        set.update(value, items)
    else:
        base = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
        for key, each in items:
            base.__setitem__(value, key, each)
