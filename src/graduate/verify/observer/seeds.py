"""Gives every observed process the same random numbers where the research code does not seed them itself.

Each source is seeded once: Python's at the start, those of the libraries when they are loaded, before anybody can draw.
What the code seeds, it seeds as before.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import random
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

SEED = 20240229


def _seed_numpy(module: Any) -> None:
    module.seed(SEED)
    # Where generators without a seed get their entropy. Python's state is part of what a run is resumed with.
    module.bit_generator.randbits = random.getrandbits


def _seed_torch(module: Any) -> None:
    module.manual_seed(SEED)


_LIBRARIES: dict[str, Callable[[Any], None]] = {"numpy.random": _seed_numpy, "torch": _seed_torch}


class _Finder(importlib.abc.MetaPathFinder):
    """Seeds a library as soon as it has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        seed = _LIBRARIES.get(fullname)
        if seed is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def execute_and_seed(module: ModuleType) -> None:
            execute(module)
            seed(module)

        loader.exec_module = execute_and_seed
        return spec


def install() -> None:
    """Seed what is loaded, and the rest as it is loaded."""
    random.seed(SEED)
    sys.meta_path.insert(0, _Finder())
