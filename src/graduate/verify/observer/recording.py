"""Writes down what a process ended with: one JSON file in the folder that the watcher named."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from .digests import Digester, is_skipped
from .trees import Tree

FOLDER = "GRADUATE_OBSERVED"


def digest_names(names: dict[str, Any]) -> dict[str, Tree]:
    """The trees of named values; code (functions, classes, modules) and private names are left out.

    Each name gets a walk of its own, so that what one holds does not depend on the others.
    """
    found = {}
    for name, value in names.items():
        if name == "_" or name.startswith("__") or is_skipped(value):
            continue
        found[name] = Digester().tree(value)
    return found


def write(record: dict[str, Any], seen: int | None = None) -> None:
    """Put a record where the watcher looks, whole or not at all.

    `seen` is when its values were (of `time.time_ns`), which decides whose are the last: a process may wait for another
    that does its work again, and ends after it.
    """
    folder = Path(os.environ[FOLDER])
    stem = f"{time.time_ns() if seen is None else seen:020d}-{os.getpid()}"
    unfinished = folder / f"{stem}.part"
    unfinished.write_text(json.dumps(record), encoding="utf-8", errors="surrogatepass")
    unfinished.rename(folder / f"{stem}.json")
