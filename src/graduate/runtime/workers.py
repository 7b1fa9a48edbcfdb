"""Functions that read the context, in the worker processes of joblib.

In a script joblib sends a function with the values, as they are then, of the globals that it reads. Here the functions
of this package are sent with a way back to the process that sends them, which gives the values when they are asked for,
at most once for each batch of work.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import types
from typing import Any

from . import context as contexts
from .context_source import Source, fetch

_reduction: Any = importlib.import_module("joblib.externals.loky.backend.reduction")
_Base: Any = _reduction.get_loky_pickler()._loky_pickler_cls
_PACKAGE = __name__.rpartition(".utils.")[0] + "."
_batches = itertools.count()


class Pickler(_Base):  # type: ignore[misc]
    """loky's, for what this process sends to its workers. They use it too, and send results as they are."""

    source: Source | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._batch = f"{os.getpid()} {next(_batches)}"

    def reducer_override(self, obj: Any) -> Any:
        if self.source is not None:
            way = (self.source.address, self.source.key, self._batch)
            if obj is contexts.context:
                return _context_there, way
            if isinstance(obj, (type, types.FunctionType)) and _is_importable(obj):
                return _there, (obj.__module__, obj.__qualname__, *way)
        return super().reducer_override(obj)


def _is_importable(value: Any) -> bool:
    """Whether it is of this package, but for the machinery, and stands where its name says."""
    module = value.__module__ or ""
    if not module.startswith(_PACKAGE) or module.startswith(f"{_PACKAGE}utils."):
        return False
    found: Any = sys.modules.get(module)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def share() -> None:
    """Called in the process of a step: from here on its workers can read its context."""
    if Pickler.source is None or Pickler.source.process != os.getpid():
        Pickler.source = Source(os.urandom(32))
    _reduction.set_loky_pickler(__name__)


# -- in a worker ----------------------------------------------------------------------------------

_batch = ""


def _context_there(address: str, key: bytes, batch: str) -> contexts.Context:
    """The context of a worker, which asks for the values that it does not have; those of another batch are not its."""
    global _batch
    if batch != _batch:
        _batch = batch
        vars(contexts.context).clear()
        contexts.ask = lambda name: fetch(address, key, name)
    return contexts.context


def _there(module: str, name: str, address: str, key: bytes, batch: str) -> Any:
    _context_there(address, key, batch)
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
