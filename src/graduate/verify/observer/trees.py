"""The nodes that trees of values are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

Tree = dict[str, Any]

KEPT = 256
"""Elements of an array that are kept, evenly spaced, to show and to measure a difference."""


def type_name(value: Any) -> str:
    """The class of a value. Without its module: moved code has another one."""
    return type(value).__qualname__.rpartition("<locals>.")[2]


def scalar(value: Any, text: str) -> Tree:
    return {"kind": "scalar", "type": type_name(value), "value": text}


def skipped(value: Any) -> Tree:
    return {"kind": "skipped", "type": type_name(value)}


def opaque(value: Any, reason: str) -> Tree:
    return {"kind": "opaque", "type": type_name(value), "reason": reason}


def items(value: Any, pairs: Iterable[tuple[str, Tree]], name: str = "") -> Tree:
    """A node with labelled children, in order."""
    return {
        "kind": "items",
        "type": name or type_name(value),
        "items": [[label, tree] for label, tree in pairs],
    }


def array(name: str, dtype: str, shape: Sequence[int], data: bytes, values: Sequence[Any]) -> Tree:
    """A node for many elements of one type. `values` are in order; at most KEPT of them are kept."""
    chosen = spaced(len(values))
    return {
        "kind": "array",
        "type": name,
        "dtype": dtype,
        "shape": list(shape),
        "sha": hashlib.sha256(data).hexdigest(),
        "at": chosen,
        "values": [values[index] for index in chosen],
    }


def sequence(value: Any, trees: Sequence[Tree]) -> Tree:
    """A long list of numbers or text, as an array."""
    texts = [f"{tree['type']} {tree['value']}{tree.get('sha', '')}" for tree in trees]
    kinds = sorted({str(tree["type"]) for tree in trees})
    values = [str(tree["value"]) for tree in trees]
    data = "\0".join(texts).encode("utf-8", "surrogatepass")
    return array(type_name(value), "|".join(kinds), [len(trees)], data, values)


def spaced(count: int) -> list[int]:
    """At most KEPT indexes below `count`, evenly spaced, the first and the last among them."""
    if count <= KEPT:
        return list(range(count))
    return sorted({round(n * (count - 1) / (KEPT - 1)) for n in range(KEPT)})
