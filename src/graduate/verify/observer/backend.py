"""The matplotlib backend that the original draws with. Only matplotlib imports this."""

from __future__ import annotations

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from .figures import show

FigureCanvas = FigureCanvasAgg
FigureManager = FigureManagerBase

__all__ = ["FigureCanvas", "FigureManager", "show"]
