"""Runs notebooks as Jupyter does, cell by cell in IPython, each in a fresh process; what is shown is printed as text.

Knows nothing of graduate: the tests hold converted notebooks against it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class PlainHook(DisplayHook):
    """Shows a value without `Out[1]:`."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict[str, Any], md_dict: Any = None) -> None:
        print(format_dict["text/plain"])


class Shell(InteractiveShell):
    """IPython with output as text, and without the magics that concern only the editor or the environment."""

    displayhook_class = PlainHook

    def init_magics(self) -> None:
        super().init_magics()
        for name in ("matplotlib", "pip"):
            self.register_magic_function(lambda line: None, "line", name)


def run_notebook(path: Path) -> None:
    """Run all code cells. Raises what the first failing cell raised."""
    quiet = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    shell = Shell.instance(config=quiet)
    sys.path.insert(0, "")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            shell.run_cell(cell.source, store_history=True).raise_error()
            sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        run_notebook(Path(sys.argv[1]))
    for name in sys.argv[1:] if len(sys.argv) > 2 else ():
        subprocess.run([sys.executable, __file__, name], check=True)
