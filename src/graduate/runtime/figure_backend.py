"""The matplotlib backend of the project: it draws as Agg does, and showing a figure saves it.

Used as `module://<package>.utils.figure_backend`; matplotlib imports it when the first figure is made.
"""

from __future__ import annotations

from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

from .figures import show

__all__ = ["FigureCanvas", "FigureManager", "show"]
