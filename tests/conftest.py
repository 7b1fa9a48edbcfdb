"""What is no test of this repo, and what is skipped where there is no PyTorch."""

from __future__ import annotations

import importlib.util
import os

import pytest

collect_ignore = ["golden", "cases"]

for name in ("MAKELEVEL", "MAKEFLAGS"):
    # Projects under test are not run by the make that runs the tests.
    os.environ.pop(name, None)
# Tests edit code twice in one second, which compiled files do not notice when its length stays the same.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `torch` where it is not installed."""
    if importlib.util.find_spec("torch") is not None:
        return
    skip = pytest.mark.skip(reason="PyTorch is not installed")
    for item in items:
        if item.get_closest_marker("torch") is not None:
            item.add_marker(skip)
