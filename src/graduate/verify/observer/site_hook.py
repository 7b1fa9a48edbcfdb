"""Copied as `sitecustomize.py` onto the path of the converted project's processes."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path


def _run_hidden() -> None:
    """Run the `sitecustomize` that this one hides, if the environment has one."""
    here = Path(__file__).parent
    path = [entry for entry in sys.path if entry and Path(entry).resolve() != here.resolve()]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


importlib.import_module("graduate_observer.converted").install()
_run_hidden()
