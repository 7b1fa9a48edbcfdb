"""A matplotlib backend that saves what `plt.show()` would have shown, under reports/figures/.

Used as `module://<package>.utils.figures`. Names are the step's with a number that starts at 1 in each run.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from .paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "reports" / "figures"

_step = "figure"
_number = 0


def __getattr__(name: str) -> Any:
    # matplotlib asks for these when it loads the backend; the pipeline alone must not import matplotlib.
    homes = {
        "FigureCanvas": ("backends.backend_agg", "FigureCanvasAgg"),
        "FigureManager": ("backend_bases", "FigureManagerBase"),
    }
    if name in homes:
        home, attribute = homes[name]
        return getattr(importlib.import_module(f"matplotlib.{home}"), attribute)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
