"""The files that a step leaves in the project: which, on the disk, and with their hashes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import store
from .files import Stat, is_log, record_of, scan
from .journal import Journal
from .paths import PROJECT_ROOT

_MANY = 64
"""From here on the whole system is told to write what it holds, at once."""


def find_written(before: dict[str, Stat], journal: Journal) -> dict[str, Any]:
    """The files that the step wrote, in this attempt or an earlier one that it went on from (None: removed)."""
    after = scan()
    opened = {path for path in journal.entries() if path in after}
    changed = {path for path, stat in after.items() if before.get(path) != stat}
    changed = opened | {path for path in changed if not is_log(path, after[path])}
    _make_durable(sorted(changed))
    result: dict[str, Any] = {path: record_of(path) for path in sorted(changed)}
    result.update(dict.fromkeys(sorted(set(before) - set(after))))
    return result


def _make_durable(paths: list[str]) -> None:
    """What a finished step wrote is on the disk, like the record that says so."""
    if len(paths) > _MANY:
        os.sync()
        return
    folders: set[Path] = set()
    for path in paths:
        if os.access(PROJECT_ROOT / path, os.R_OK):
            store.fsync(PROJECT_ROOT / path)
            folders.update(Path(path).parents)  # it may have made some of them
    for folder in sorted(folders):
        store.fsync_folder(PROJECT_ROOT / folder)
