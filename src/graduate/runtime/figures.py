"""Saves what `plt.show()` would have shown under reports/figures/, named by the step, counted from 1 in each run."""

from __future__ import annotations

import sys
from typing import Any

from .paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "reports" / "figures"

_step = "figure"
_number = 0


def start(step: str) -> None:
    """From now on figures are those of this step, counted from 1."""
    global _step, _number
    _step, _number = step, 0


def show(*_: Any, **__: Any) -> None:
    """Save every open figure in the order in which they were made, and close them."""
    global _number
    pyplot: Any = sys.modules["matplotlib.pyplot"]
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        _number += 1
        FOLDER.mkdir(parents=True, exist_ok=True)
        figure.savefig(FOLDER / f"{_step}-{_number:02d}.png", metadata={"Software": None})
    pyplot.close("all")


def show_figures() -> None:
    """What a notebook does at the end of a cell: show the figures that are open, if there are any."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.get_fignums():
        show()
