"""The day on which research code was last changed, as its git repository tells it."""

from __future__ import annotations

import subprocess
from datetime import UTC, date, datetime
from pathlib import Path


def find_last_change(source: Path) -> date | None:
    """The day (UTC) of the last commit that touched a file or folder.

    None where git does not tell: there is no repository, the source is not part of it, or was changed since.
    """
    path = source.resolve()
    folder = path if path.is_dir() else path.parent
    changed = _git(folder, "status", "--porcelain", "--", str(path))
    told = _git(folder, "log", "-1", "--format=%ct", "--", str(path))
    if changed is None or changed or not told:
        return None
    return datetime.fromtimestamp(int(told), UTC).date()


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
