"""The state of the process-wide random generators: Python, NumPy, PyTorch (CPU and CUDA), Keras.

Only libraries that are loaded are looked at, so that asking never imports one.
"""

from __future__ import annotations

import pickle
import random
import sys
from typing import Any

from . import twisters
from .objects import digest

RandomState = dict[str, Any]
_KERAS = "global_seed_generator"


def capture() -> RandomState:
    """The state of every generator whose library is loaded, as plain values."""
    state: RandomState = {"python": random.getstate()}
    if "numpy.random" in sys.modules:
        state["numpy"] = _numpy_state()
    _add_others(state)
    return state


def glance() -> RandomState:
    """What `capture` gives, in a hundredth of the time: states of Python and NumPy are copies (`twisters.Copy`).

    Two are equal when nothing was drawn between them. `restore` takes it; pickled, it is what `capture` gives.
    """
    twister = _twister("python")
    state: RandomState = {"python": random.getstate() if twister is None else twisters.Copy(twister)}
    if "numpy.random" in sys.modules:
        twister = _twister("numpy")
        state["numpy"] = _numpy_state() if twister is None else twisters.Copy(twister)
    _add_others(state)
    return state


_twisters: dict[str, twisters.Twister | None] = {}


def _twister(name: str) -> twisters.Twister | None:
    """How the state of Python's or NumPy's global generator is copied; None when it has to be asked for."""
    ask = random.getstate if name == "python" else sys.modules["numpy.random"].get_state
    generator = getattr(ask, "__self__", None)
    found = _twisters.get(name)
    if found is None or found.generator is not generator or not found.is_current():
        found = _twisters[name] = twisters.of(generator)
    return found


def _numpy_state() -> tuple[Any, ...]:
    """As `get_state` gives it, with bytes for the array; of other bit generators their name, and all else pickled."""
    numpy_random: Any = sys.modules["numpy.random"]
    state = numpy_random.get_state(legacy=False)
    name = state["bit_generator"]
    if name != "MT19937":
        return name, pickle.dumps((type(numpy_random.get_bit_generator()), state), 4)
    words = state["state"]
    return name, words["key"].tobytes(), words["pos"], state["has_gauss"], state["gauss"]


def _restore_numpy(name: str, saved: bytes, *others: Any) -> None:
    """Put back what `_numpy_state` gave, also where another bit generator is in its place."""
    import numpy

    numpy_random: Any = numpy.random
    if others:
        kind, state = numpy_random.MT19937, (name, numpy.frombuffer(saved, dtype=numpy.uint32), *others)
    else:
        kind, state = pickle.loads(saved)
    find = getattr(numpy_random, "get_bit_generator", None)  # since NumPy 1.24, as is what puts in another
    if find is not None and type(find()) is not kind:
        numpy_random.set_bit_generator(kind(0))
    numpy_random.set_state(state)


def _add_others(state: RandomState) -> None:
    if _keras() is not None:
        generator = _keras().get_global_attribute(_KERAS)
        state["keras"] = None if generator is None else [int(each) for each in generator.state.numpy()]
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        state["torch"] = torch.get_rng_state().numpy().tobytes()
        if torch.cuda.is_initialized() and torch.cuda.is_available():
            state["cuda"] = [each.numpy().tobytes() for each in torch.cuda.get_rng_state_all()]


def restore(state: RandomState) -> None:
    """Put back what `capture` or `glance` gave. Libraries that it does not mention are left alone."""
    if "python" in state:
        random.setstate(twisters.made(state["python"]))
    if "numpy" in state:
        _restore_numpy(*twisters.made(state["numpy"]))
    if "keras" in state and _keras() is not None:
        generator = _keras().get_global_attribute(_KERAS)
        if state["keras"] is None:
            _keras().set_global_attribute(_KERAS, None)
        else:
            if generator is None:
                generator = sys.modules["keras.src.random.seed_generator"].global_seed_generator()
            generator.state.assign(state["keras"])
    if "torch" in state:
        import torch

        torch.set_rng_state(byte_tensor(state["torch"]))
        if "cuda" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([byte_tensor(each) for each in state["cuda"]])


def _keras() -> Any:
    """The part of Keras that holds its global generator; None while Keras is not loaded."""
    return sys.modules.get("keras.src.backend.common.global_state")


def digests(state: RandomState) -> dict[str, str]:
    """One hash per generator, to tell which of them a piece of code drew from."""
    return {name: digest(pickle.dumps(value, 4)) for name, value in state.items()}


def byte_tensor(data: bytes) -> Any:
    """Bytes as PyTorch wants the state of a generator."""
    torch: Any = sys.modules["torch"]
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
