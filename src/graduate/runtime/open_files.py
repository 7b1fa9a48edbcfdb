"""The files that this process has open for writing, some of them since an earlier step."""

from __future__ import annotations

import gc
import io
import os
from collections.abc import Iterator
from typing import Any

from .files import recorder
from .paths import PROJECT_ROOT


def flush_all() -> set[str]:
    """Bring what was written into the files; which of the project's are still open, relative to its root."""
    found = set()
    for file in open_files(recorder.ever_written):
        file.flush()
        found.add(os.path.relpath(os.path.realpath(file.name), os.path.realpath(PROJECT_ROOT)))
    return found


def open_files(paths: set[str]) -> Iterator[Any]:
    """The file objects of this process that write to these files of the project."""
    if not paths:
        return
    wanted = {os.path.realpath(PROJECT_ROOT / path) for path in paths}
    for each in gc.get_objects():
        if type(each) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            try:
                writes = not each.closed and isinstance(each.name, str) and each.writable()
                if writes and os.path.realpath(each.name) in wanted:
                    yield each
            except (AttributeError, ValueError):
                continue
