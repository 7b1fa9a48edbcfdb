"""Saves what `plt.show()` would have shown under reports/figures/, named by the step, counted from 1 in each run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pickle import PicklingError
from typing import Any

from .paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "reports" / "figures"
_SAVED_AS = "_saved_as"

_step = "figure"
_number = 0


def start(step: str) -> None:
    """From now on figures are those of this step, counted from 1."""
    global _step, _number
    _step, _number = step, 0


def show(*_: Any, block: bool | None = None, **__: Any) -> None:
    """Save every open figure in the order in which they were made, and close them.

    Where a window would stay open (`plt.pause`, `block=False`, interactive mode) so do the figures: shown again,
    one is saved under the same name.
    """
    pyplot: Any = sys.modules["matplotlib.pyplot"]
    for number in pyplot.get_fignums():
        _save(pyplot.figure(number))
    if block or (block is None and not pyplot.isinteractive()):
        pyplot.close("all")


def _save(figure: Any) -> None:
    global _number
    if not hasattr(figure, _SAVED_AS):
        _number += 1
        setattr(figure, _SAVED_AS, f"{_step}-{_number:02d}.png")
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / getattr(figure, _SAVED_AS), metadata={"Software": None})


def show_figures() -> None:
    """What a notebook does at the end of a cell: show the figures that are open, if there are any."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and pyplot.get_fignums():
        show(block=True)


def capture() -> tuple[int, list[tuple[int, Any]]]:
    """How many figures were saved, and those that are open, the current one last; to be pickled with a loop's state.

    Raises PicklingError where figures do not come back as they were.
    """
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    open_figures = helpers.Gcf.figs.items() if helpers is not None else ()
    figures = [(number, manager.canvas.figure) for number, manager in open_figures]
    if any(hasattr(axes._get_lines, "prop_cycler") for _, figure in figures for axes in figure.axes):
        raise PicklingError("before matplotlib 3.8 an open figure that is stored forgets its next colour")
    return _number, figures


def restore(saved: tuple[int, Iterable[tuple[int, Any]]]) -> None:
    """Go on with figures that were captured, and no others. An unpickled one comes with a manager of its own."""
    global _number
    _number, open_figures = saved
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return
    helpers.Gcf.figs.clear()
    for number, figure in open_figures:
        manager = figure.canvas.manager
        manager.num = figure.number = number
        helpers.Gcf.figs[number] = manager
