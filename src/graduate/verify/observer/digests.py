"""Values as trees that can be compared: what a value is made of, down to the bits of its numbers.

A tree is a dictionary with a `kind`:

    scalar   type, value           None, numbers, short text: `value` is exact text
    array    type, dtype, shape, sha, values   `values` are (some of) the elements, evenly spaced
    items    type, items, sha      ordered [label, tree] pairs; `cut` counts what is only in `sha`
    skipped  type                  a function, class or module: code, not a value
    opaque   type, reason          cannot be compared
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import os
import types
from collections.abc import Iterator
from typing import Any

from . import libraries
from .trees import Tree, items, opaque, scalar, sequence, skipped

_DEPTH = 24
_NODES = 200_000
_SHOWN = 400
_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    type,
    types.GenericAlias,
    property,
    staticmethod,
    classmethod,
)
_PROCESS = ("_thread", "threading", "multiprocessing", "weakref", "socket", "sqlite3", "subprocess")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def digest(value: Any) -> Tree:
    """The tree of one value. Never raises, and leaves random states as they were."""
    return Digester().tree(value)


class Digester:
    """One walk over the objects that a value reaches."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []
        self.left = _NODES

    def tree(self, value: Any, depth: int = 0) -> Tree:
        """The tree of `value`; an object that was met before is a reference to the first meeting."""
        try:
            return self._tree(value, depth)
        except RecursionError:
            return opaque(value, "it is nested too deeply")
        except Exception as error:
            return opaque(value, f"it could not be read ({type(error).__name__}: {str(error)[:120]})")

    def _tree(self, value: Any, depth: int) -> Tree:
        if isinstance(value, enum.Enum):
            return scalar(value, f"{type(value).__qualname__}.{value.name}")
        if type(value) in _PLAIN:
            return plain(value)
        if isinstance(value, _CODE) or _is_library_function(value):
            return skipped(value)
        if isinstance(value, os.PathLike):
            return scalar(value, without_root(os.fspath(value)))
        self.left -= 1
        if depth > _DEPTH or self.left < 0:
            return opaque(value, "it holds too many objects")
        number = self.seen.get(id(value))
        if number is not None:
            return {"kind": "scalar", "type": "the same object", "value": f"#{number}"}
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        special = libraries.find(value)
        if special is not None:
            return special(value, lambda child: self.tree(child, depth + 1))
        return self._structure(value, depth)

    def _structure(self, value: Any, depth: int) -> Tree:
        if isinstance(value, dict):
            return self._mapping(value, depth)
        if isinstance(value, (set, frozenset)):
            return self._set(value, depth)
        if isinstance(value, range):
            return scalar(value, repr(value))
        if isinstance(value, (list, tuple)) or type(value).__name__ == "deque":
            return self._sequence(value, depth)
        if isinstance(value, (bytearray, memoryview)):
            return plain(bytes(value))
        if isinstance(value, (str, int, float, bytes)):
            return {**plain(_base(value)), "type": type(value).__qualname__}
        reason = _not_a_value(value)
        if reason:
            return opaque(value, reason)
        return self._object(value, depth)

    def _mapping(self, value: dict[Any, Any], depth: int) -> Tree:
        pairs = []
        for key, each in value.items():
            pairs.append((_label(key), self.tree(each, depth + 1)))
        return items(value, cut_off(pairs))

    def _set(self, value: Any, depth: int) -> Tree:
        trees = sorted((self.tree(each, depth + 1) for each in value), key=_text)
        return items(value, cut_off([("{}", tree) for tree in trees]))

    def _sequence(self, value: Any, depth: int) -> Tree:
        if len(value) > 20 and all(type(each) in (int, float, bool, str) for each in value):
            return sequence(value, [plain(each) for each in value])
        pairs = [(f"[{index}]", self.tree(each, depth + 1)) for index, each in enumerate(value)]
        names = getattr(value, "_fields", None)
        if isinstance(names, tuple) and len(names) == len(pairs):
            pairs = [(f".{name}", tree) for name, (_, tree) in zip(names, pairs, strict=True)]
        return items(value, cut_off(pairs))

    def _object(self, value: Any, depth: int) -> Tree:
        state = _attributes(value)
        if state is None:
            return self._reduced(value, depth)
        pairs = []
        for name in sorted(state):
            tree = self.tree(state[name], depth + 1)
            if tree["kind"] != "skipped":
                pairs.append((f".{name}", tree))
        return items(value, cut_off(pairs))

    def _reduced(self, value: Any, depth: int) -> Tree:
        """An object without attributes that can be seen: what it would be pickled as."""
        try:
            reduced = value.__reduce_ex__(2)
        except Exception as error:
            return opaque(value, f"it cannot be looked into ({str(error)[:120]})")
        if isinstance(reduced, str):
            return scalar(value, reduced)
        parts = [self.tree(part, depth + 1) for part in reduced[1:3]]
        return items(value, [(f"<part {n}>", part) for n, part in enumerate(parts)])


def plain(value: Any) -> Tree:
    """The tree of a number, text or bytes."""
    if isinstance(value, str):
        text = without_root(value)
        if len(text) > 2000:
            return {
                **scalar(value, text[:2000]),
                "sha": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
            }
        return scalar(value, text)
    if isinstance(value, bytes):
        return {**scalar(value, repr(value[:100])), "sha": hashlib.sha256(value).hexdigest()}
    return scalar(value, repr(value))


def without_root(text: str | bytes) -> str:
    """Text with the absolute path of the folder that the run stands in replaced by `<root>`."""
    result = text if isinstance(text, str) else os.fsdecode(text)
    for root in _roots:
        result = result.replace(root, "<root>")
    return result


def set_root(root: str) -> None:
    """Say which folder the run stands in."""
    _roots[:] = sorted({root, os.path.realpath(root)}, key=len, reverse=True) if root else []


_roots: list[str] = []
set_root(os.environ.get("GRADUATE_ROOT", ""))


def _base(value: Any) -> Any:
    """A subclass of text, a number or bytes as what it is built on."""
    kind: Any = next(kind for kind in (int, float, bytes, str) if isinstance(value, kind))
    return str.__str__(value) if kind is str else kind(value)


def _label(key: Any) -> str:
    if type(key) in _PLAIN:
        return f"[{key!r}]"
    return f"[{_text(digest(key))[:200]}]"


def _text(tree: Tree) -> str:
    return json.dumps(tree, sort_keys=True)


def cut_off(pairs: list[tuple[str, Tree]], shown: int = _SHOWN) -> list[tuple[str, Tree]]:
    """Long collections keep their first items; the hash of the rest stands for it.

    What cannot be compared among the rest stays visible, so that equal hashes do not pass for equal values.
    """
    if len(pairs) <= shown:
        return pairs
    rest = hashlib.sha256()
    for label, tree in pairs[shown:]:
        rest.update(f"{label}{_text(tree)}".encode())
    tail = {"kind": "scalar", "type": "hash", "value": rest.hexdigest()}
    hidden = [(label, reason) for label, tree in pairs[shown:] for reason in _opaque_parts(tree)][:1]
    return [*pairs[:shown], (f"<items from {shown} to {len(pairs) - 1}>", tail), *hidden]


def _opaque_parts(tree: Tree) -> Iterator[Tree]:
    if tree["kind"] == "opaque":
        yield tree
    for _, child in tree.get("items", ()):
        yield from _opaque_parts(child)


def _attributes(value: Any) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    if dataclasses.is_dataclass(value):
        found.update({f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)})
    for kind in type(value).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                found[name] = getattr(value, name)
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        found.update(own)
    return found if found or isinstance(own, dict) else None


def _not_a_value(value: Any) -> str:
    if isinstance(value, (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)):
        return "a generator has no value before it runs"
    kind = type(value)  # asking the object itself could run its own __getattr__
    if hasattr(kind, "stands_for_platform"):
        return "a service of Colab or Databricks has no value"
    if kind.__module__.startswith(("pyspark.", "py4j.")) and not issubclass(kind, tuple):
        return "it stands for an object of Spark; what it is collected into is compared"
    if kind.__module__ in ("zipfile", "tarfile") and hasattr(kind, "close"):
        return "an archive is a connection, not a value; what is in its file is compared"
    if hasattr(kind, "fileno") or (hasattr(kind, "readable") and hasattr(kind, "close")):
        return "an open file is a connection, not a value"
    if hasattr(kind, "__next__") and not kind.__dictoffset__:
        return "an iterator has no value before it runs"
    if type(value).__module__.partition(".")[0] in _PROCESS:
        return "it belongs to the running process"
    if type(value).__module__.partition(".")[0] == "matplotlib":
        return "a drawing; the figures that are shown or saved are compared as pictures"
    return ""


def _is_library_function(value: Any) -> bool:
    name = type(value).__name__
    return name in ("ufunc", "partial", "_lru_cache_wrapper", "method-wrapper", "cython_function_or_method")


def is_skipped(value: Any) -> bool:
    """Whether a value is code, so that there is nothing to compare."""
    if type(value).__module__ in ("__future__", "typing"):
        return True
    return isinstance(value, _CODE) or _is_library_function(value)
