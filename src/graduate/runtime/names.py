"""Names that the research code looks up by their text, as `globals()` or `eval(text)` did."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any


def names_with_values(names: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """The value of each name that has one now."""
    found: dict[str, Any] = {}
    for name, value in names.items():
        with contextlib.suppress(NameError):
            found[name] = value()
    return found
