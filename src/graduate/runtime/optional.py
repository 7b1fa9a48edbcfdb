"""Parts of this folder that are only here where the research code needs them, as graduate saw when it converted it."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from .problems import Problem


def find(name: str) -> Any:
    """The part of this name; None where the project does without it."""
    if importlib.util.find_spec(f".{name}", __package__) is None:
        return None
    return importlib.import_module(f".{name}", __package__)


def need(name: str, action: str, where: str, why: str) -> Any:
    """The part of this name, for an action. Raises `Problem` where the project does without it."""
    found = find(name)
    if found is None:
        raise Problem(
            f"This project cannot {action}.",
            where=where,
            why=f"{why}, so utils/{name}.py is not part of it",
            fix="convert the research code again when that has changed",
        )
    return found
