"""The content of objects that live around a loop: taken for a checkpoint, and put back in place."""

from __future__ import annotations

import array
import collections
import itertools
import operator
import pickle
import sys
from typing import Any

from . import optional, set_order, twisters
from .live import Registry, Unlike, attributes_of, cell_of, data_of, has_attributes, passing
from .random_state import byte_tensor

_keras = optional.find("live_keras")
_MISSING = "no content"
_TOLD = ("n", "total", "desc", "postfix")
"""What a program tells a progress bar. How far it is, a bar over an iterable tells itself."""


def random_of(registry: Registry) -> list[tuple[int, Any]]:
    """The state of every random generator among the objects, as `put_back` takes it."""
    return [(number, _glance(registry.kinds[number], registry.get(number))) for number in registry.generators]


def _glance(kind: str, generator: Any) -> Any:
    twister = twisters.of(generator) if kind in ("random", "numpy random state") else None
    return content(kind, generator) if twister is None else twisters.Copy(twister)


def content(kind: str, value: Any) -> Any:
    """What `put_back` needs, as fresh containers around the same items."""
    if has_attributes(kind, value):
        return _content(kind, value), attributes_of(value)
    return _content(kind, value)


def _content(kind: str, value: Any) -> Any:
    if kind in ("list", "deque"):
        return list(value)
    if kind == "set":
        return list(value), set_order.slots_of(value)
    if kind == "dict":
        return dict(value)
    if kind == "bytearray":
        return bytes(value)
    if kind == "instance":
        return attributes_of(value)
    if kind == "state":
        return value.__getstate__()
    if kind == "keras":
        return _keras.content(value)
    if kind == "function":
        return data_of(value), value.__defaults__, value.__kwdefaults__
    if kind == "modules":
        return value.read()
    if kind == "cell":
        return cell_of(value)
    if kind == "array":
        return _array_content(value)
    if kind == "tensor":
        return _tensor_content(value)
    if kind == "random":
        return value.getstate()
    if kind == "numpy generator":
        return value.bit_generator.state, getattr(value.bit_generator, "seed_seq", None)
    if kind == "numpy random state":
        return value.get_state(legacy=False)
    if kind == "torch generator":
        return value.get_state().numpy().tobytes()
    if kind == "numpy seeds":
        return value.n_children_spawned
    if kind == "bar":
        told = _TOLD if value.iterable is None else _TOLD[1:]
        return {name: each for name, each in vars(value).items() if name in told}
    if kind == "reader":
        return _place(value)
    if kind == "resumable":
        return value.place()
    if kind == "counted":
        return operator.length_hint(value)
    if kind == "generator":
        return value.gi_frame is None
    if kind == "machine array":
        return value.tobytes()
    return _MISSING


def _place(file: Any) -> int | None:
    """Where an open file stands; None where its loop tells (it iterates over the lines), or when it is closed."""
    try:
        return int(file.tell())
    except (OSError, ValueError):
        return None


def put_back(kind: str, value: Any, saved: Any) -> None:
    """Give a live object the content that was saved."""
    if has_attributes(kind, value):
        saved, attributes = saved
        _set_attributes(value, attributes)
    # The methods of the base classes: those of a library's own containers may tell others of the change.
    if kind == "list":
        list.__setitem__(value, slice(None), saved)
    elif kind == "bytearray":
        value[:] = saved
    elif kind == "set":
        set_order.refill(value, *saved)
    elif kind == "deque":
        value.clear()
        value.extend(saved)
    elif kind == "dict":
        base = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
        base.clear(value)
        base.update(value, saved)
    elif kind == "instance":
        _set_attributes(value, saved)
    elif kind == "state":
        value.__setstate__(saved)
    elif kind == "keras":
        _keras.put_back(value, saved)
    elif kind == "function":
        attributes, value.__defaults__, value.__kwdefaults__ = saved
        for name in data_of(value).keys() - attributes.keys():
            delattr(value, name)
        vars(value).update(attributes)
    elif kind == "modules":
        value.write(saved)
    elif kind == "cell":
        if saved:
            value.cell_contents = saved[0]
    elif kind == "array":
        _put_back_array(value, saved)
    elif kind == "tensor":
        _put_back_tensor(value, saved)
    elif kind == "random":
        value.setstate(twisters.made(saved))
    elif kind == "numpy generator":
        value.bit_generator.state = saved[0]
    elif kind == "numpy random state":
        saved = twisters.made(saved)
        value.set_state(saved if isinstance(saved, dict) else _with_words(*saved))
    elif kind == "resumable":
        value.go_to(saved)
    elif kind == "counted":
        collections.deque(itertools.islice(value, operator.length_hint(value) - saved), 0)
    elif kind == "generator":
        if saved:
            value.close()
    elif kind == "machine array":
        value[:] = array.array(value.typecode, saved)
    elif kind == "bar":
        vars(value).update(saved)
    elif kind == "reader":
        if saved is not None:
            value.seek(saved)
    elif kind == "numpy seeds":
        if saved < value.n_children_spawned:
            raise Unlike("a seed sequence has spawned more than it had")
        value.spawn(saved - value.n_children_spawned)
    elif kind == "torch generator":
        value.set_state(byte_tensor(saved))


def _with_words(name: str, words: bytes, *others: Any) -> tuple[Any, ...]:
    numpy: Any = sys.modules["numpy"]
    return name, numpy.frombuffer(words, dtype=numpy.uint32), *others


def _set_attributes(value: Any, saved: dict[str, Any]) -> None:
    own = getattr(value, "__dict__", None)
    if own is not None:
        kind: Any = type(value)
        kept = passing(kind)
        for name in [name for name in own if name not in saved and name not in kept]:
            del own[name]
    for name, each in saved.items():
        if own is not None and (name in own or not hasattr(type(value), name)):
            own[name] = each
        else:
            object.__setattr__(value, name, each)


def _array_content(array: Any) -> Any:
    numpy: Any = sys.modules["numpy"]
    if array.dtype.hasobject:
        return array.shape, None, array.ravel().tolist()
    flat = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
    return array.shape, array.dtype.str, pickle.PickleBuffer(flat)


def _put_back_array(target: Any, saved: Any) -> None:
    import numpy

    shape, dtype, data = saved
    if target.shape != shape:
        target.resize(shape, refcheck=False)
    target = target.view(numpy.ndarray)  # items that are set in a masked array lose their mask
    if dtype is None:
        source = numpy.empty(len(data), dtype=object)
        source[:] = data
        target[...] = source.reshape(shape)
    else:
        target[...] = numpy.frombuffer(data, dtype=numpy.uint8).view(target.dtype).reshape(shape)


def _tensor_content(tensor: Any) -> Any:
    import torch

    flat = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous().reshape(-1).view(torch.uint8)
    gradient = tensor.grad if tensor.is_leaf else None
    return tuple(tensor.shape), pickle.PickleBuffer(flat.numpy()), tensor.requires_grad, gradient


def _put_back_tensor(tensor: Any, saved: Any) -> None:
    import torch

    shape, data, requires_grad, gradient = saved
    size = memoryview(data).nbytes
    if size:
        source = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(tensor.dtype).reshape(shape)
    else:
        source = torch.empty(shape, dtype=tensor.dtype)
    if tuple(tensor.shape) == shape:
        tensor.data.copy_(source)
    else:
        tensor.data = source.to(tensor.device)
    if tensor.is_leaf:
        tensor.requires_grad_(requires_grad)
        tensor.grad = gradient
