"""Saves the figures that the original shows, in order, and never waits. Imports matplotlib only with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

FOLDER = "GRADUATE_FIGURES"


def show(*_: Any, block: bool | None = None, **__: Any) -> None:
    """Save the open figures under the next numbers, and close them, unless their windows would have stayed open."""
    pyplot: Any = sys.modules["matplotlib.pyplot"]
    folder = Path(os.environ[FOLDER])
    folder.mkdir(parents=True, exist_ok=True)
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        if not hasattr(figure, "_saved_as"):
            figure._saved_as = f"{len(list(folder.iterdir())) + 1:05d}.png"
        figure.savefig(folder / figure._saved_as)
    if block or (block is None and not pyplot.isinteractive()):
        pyplot.close("all")


def show_figures() -> None:
    """What happens at the end of a cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.get_fignums():
        show(block=True)
