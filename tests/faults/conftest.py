"""Folders in memory for what writes, breaks and throws away a whole project thousands of times."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@pytest.fixture
def fast_path(tmp_path: Path) -> Iterator[Path]:
    """Like `tmp_path`, on a file system in memory where there is one."""
    if not os.access(_MEMORY, os.W_OK):
        yield tmp_path
        return
    path = Path(tempfile.mkdtemp(dir=_MEMORY))
    yield path
    shutil.rmtree(path, ignore_errors=True)
