"""A module of the project run as a program: what `python train.py` would find is what it finds."""

from __future__ import annotations

import importlib.util
import sys
import types
from importlib.machinery import SourceFileLoader


def run_as_program(module: str, path: str) -> None:
    """Run a module (".training.train_program", from the package on) as `__main__` that was called `path`."""
    name = __name__.rpartition(".utils.")[0] + module
    spec = importlib.util.find_spec(name)
    if spec is None or not isinstance(spec.loader, SourceFileLoader):
        raise ImportError(f"{name} is not in this package", name=name)
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=spec.origin, __loader__=spec.loader, __package__=spec.parent, __spec__=spec)
    before = sys.modules["__main__"]
    sys.argv[:1] = [path]
    # Classes of the program are pickled by this name, and processes that it spawns import it by its spec.
    sys.modules["__main__"] = main
    try:
        exec(spec.loader.get_code(name) or "", main.__dict__)
    finally:
        sys.modules["__main__"] = before
