"""Libraries that are loaded late draw no random numbers from generators that have been seeded.

A step loads what it needs when it starts; the program loaded it at its top, before it seeded. Loading can draw (JAX
does, from NumPy's generator), so what is drawn then is put back.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any

from . import random_state


class Keeper(importlib.abc.MetaPathFinder):
    """Finds what the modules of a package load at their top, and keeps the state of `generators` meanwhile."""

    def __init__(self, package: str, generators: set[str]) -> None:
        self.package = package
        self.generators = generators

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if "." in name or not _is_of_a_body(self.package):
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    self._watch(spec.loader)
                return spec
        return None

    def _watch(self, loader: Any) -> None:
        execute = loader.exec_module

        @functools.wraps(execute)
        def exec_module(module: types.ModuleType) -> None:
            before = random_state.capture()
            try:
                execute(module)
            finally:
                random_state.restore({n: state for n, state in before.items() if n in self.generators})

        if hasattr(loader, "__dict__"):
            loader.exec_module = exec_module


def keep_random(package: str, before: random_state.RandomState) -> None:
    """From now on loading leaves the generators alone whose state is not the one of `before`."""
    now = random_state.capture()
    seeded = {name for name, state in now.items() if before.get(name) != state}
    for finder in sys.meta_path:
        if isinstance(finder, Keeper):
            finder.generators |= seeded
            return
    if seeded:
        sys.meta_path.insert(0, Keeper(package, seeded))


def _is_of_a_body(package: str) -> bool:
    """Whether what is being loaded is wanted by the body of one of the package's modules, not by a function of it."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(f"{package}."):
            return frame.f_code.co_name == "<module>"
        frame = frame.f_back  # type: ignore[assignment]
    return False
