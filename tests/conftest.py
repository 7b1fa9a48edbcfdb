"""What is no test of this repo, and what is skipped where there is no PyTorch."""

from __future__ import annotations

import importlib.util

import pytest

collect_ignore = ["golden", "cases"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `torch` where it is not installed."""
    if importlib.util.find_spec("torch") is not None:
        return
    skip = pytest.mark.skip(reason="PyTorch is not installed")
    for item in items:
        if item.get_closest_marker("torch") is not None:
            item.add_marker(skip)
