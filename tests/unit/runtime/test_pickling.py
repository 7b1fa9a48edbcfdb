"""Values go through the store to the last bit, with what they share."""

from __future__ import annotations

import enum
import pickle
import threading
import weakref
from typing import Any

import numpy
import pytest

from graduate.runtime import pickling


def round_trip(values: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, ...]]]:
    refused: list[str] = []
    result: dict[str, Any] = {}
    groups = pickling.pack_groups(values, "pkg", lambda name, value, error: refused.append(name))
    for _, packed in groups:
        result.update(pickling.unpack(packed.data, [bytearray(buffer.raw()) for buffer in packed.buffers]))
    assert not refused
    return result, [names for names, _ in groups]


def test_names_that_share_something_mutable_stay_together() -> None:
    shared = [1]
    result, groups = round_trip({"a": shared, "b": {"k": shared}, "c": [1], "d": "text"})
    assert sorted(groups) == [("a", "b"), ("c",), ("d",)]
    assert result["b"]["k"] is result["a"]


def test_what_is_immutable_does_not_tie_names_together() -> None:
    key = ("x", 1)
    _, groups = round_trip({"a": [key], "b": [key], "c": [str], "d": [str, numpy.float64]})
    assert len(groups) == 4


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(12.0).reshape(3, 4),
        numpy.asfortranarray(numpy.arange(12.0).reshape(3, 4)),
        numpy.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
        numpy.arange(100_000)[::3],
        numpy.array(5.0),
        numpy.array([], dtype=numpy.int8),
        numpy.array(["a", None], dtype=object),
        numpy.array(["2020-01-01"], dtype="datetime64[D]"),
        numpy.zeros(3, dtype=[("a", "i4"), ("b", "f8")]),
        numpy.arange(5)[::-1],
    ],
)
def test_arrays(array: Any) -> None:
    back = round_trip({"x": array})[0]["x"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert (back == array).all()
    order = numpy.argsort([-abs(stride) for stride in array.strides], kind="stable").tolist()
    assert numpy.argsort([-abs(stride) for stride in back.strides], kind="stable").tolist() == order
    if back.ndim and back.size:
        back[...] = back[::-1].copy()  # it can be written to


def test_views_still_share_their_memory() -> None:
    whole = numpy.arange(100_000.0)
    back, groups = round_trip({"whole": whole, "head": whole[:3], "table": whole.reshape(100, 1000)[:, 1:]})
    assert len(groups) == 1
    back["whole"][1] = -1
    assert back["head"][1] == -1
    assert back["table"][0, 0] == -1


def test_packing_what_was_unpacked_gives_the_same_bytes() -> None:
    values = {"x": numpy.arange(50_000.0), "y": [1, "two", {"three": 3.0}]}
    first = pickling.pack_groups(values, "pkg", lambda *_: None)
    again = {}
    for _, packed in first:
        again.update(pickling.unpack(packed.data, [bytearray(buffer.raw()) for buffer in packed.buffers]))
    second = pickling.pack_groups(again, "pkg", lambda *_: None)
    assert [packed.data for _, packed in first] == [packed.data for _, packed in second]


def test_big_buffers_stay_outside_and_small_ones_inside() -> None:
    packed = pickling.pack([numpy.zeros(20_000), numpy.zeros(10)])
    assert [buffer.raw().nbytes for buffer in packed.buffers] == [160_000]
    assert len(packed.data) < 1000


def test_what_cannot_be_pickled_is_refused_by_name() -> None:
    refused = []
    groups = pickling.pack_groups(
        {"lock": threading.Lock(), "ok": 1},
        "pkg",
        lambda name, value, error: refused.append((name, type(error))),
    )
    assert refused == [("lock", TypeError)]
    assert [names for names, _ in groups] == [("ok",)]


def test_the_projects_own_code_is_named() -> None:
    packed = pickling.pack([pickling.Sharing, pickle.Pickler], package="graduate")
    assert packed.code == ("graduate.runtime.pickling:Sharing",)


class Wrapped:
    """Everything that it does not have itself is what it wraps: asked too early, it asks itself without end."""

    def __init__(self, inner: Any) -> None:
        object.__setattr__(self, "inner", inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.inner, name, value)


class Slotted:
    __slots__ = ("__dict__", "inner")
    __getattr__ = Wrapped.__getattr__


class Options(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


class Target:
    def __init__(self) -> None:
        self.count = 1


def test_objects_that_look_elsewhere_for_what_they_do_not_have() -> None:
    target, slotted = Target(), Slotted()
    slotted.inner, slotted.more = target, [2]  # type: ignore[attr-defined]
    values = {"target": target, "wrapped": Wrapped(target), "slotted": slotted, "options": Options(rate=0.5)}
    with pytest.raises(RecursionError):
        pickle.loads(pickle.dumps(values["wrapped"]))
    back, groups = round_trip(values)
    assert ("target", "wrapped", "slotted") in groups
    assert back["wrapped"].inner is back["slotted"].inner is back["target"]
    assert (back["wrapped"].count, back["slotted"].more) == (1, [2])
    assert type(back["options"]) is Options
    assert back["options"].rate == 0.5


def test_a_weak_proxy_stands_for_the_same_object_again() -> None:
    target = Target()
    back, groups = round_trip({"proxy": weakref.proxy(target), "target": target})
    assert groups == [("proxy", "target")]
    back["target"].count = 5
    assert back["proxy"].count == 5
    assert type(back["proxy"]) is weakref.ProxyType


@pytest.mark.torch
def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    net(torch.randn(4, 3)).sum().backward()
    optimizer = torch.optim.Adam(net.parameters())
    optimizer.step()
    base = torch.arange(12.0).reshape(3, 4)
    values = {
        "net": net,
        "optimizer": optimizer,
        "weight": net[0].weight,
        "view": base[:, 1:],
        "base": base,
        "half": torch.ones(2, dtype=torch.bfloat16),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(3),
        "transposed": torch.arange(6).reshape(2, 3).T,
    }
    back, groups = round_trip(values)
    assert ("net", "optimizer", "weight") in groups
    assert back["weight"] is back["net"][0].weight
    assert back["optimizer"].param_groups[0]["params"][0] is back["weight"]
    assert isinstance(back["weight"], torch.nn.Parameter)
    assert torch.equal(back["weight"].grad, net[0].weight.grad)
    for name in ("view", "half", "empty", "scalar", "transposed"):
        assert torch.equal(back[name], values[name])
        assert back[name].dtype == values[name].dtype
        assert back[name].stride() == values[name].stride()
    back["base"][0, 1] = -1
    assert back["view"][0, 0] == -1


class Colour(enum.Enum):
    RED = 1


class Lazy(type):
    def __getattr__(cls, name: str) -> str:
        return name


class Made(metaclass=Lazy):
    pass


@pytest.mark.parametrize("value", [Colour, Colour.RED, [Colour.RED, Colour], Made, {"made": Made}])
def test_classes_whose_class_looks_up_what_they_lack_go_by_name(value: Any) -> None:
    assert round_trip({"x": value})[0]["x"] == value
