"""Values that a notebook showed and takes up again."""

from __future__ import annotations

import json
from pathlib import Path

from graduate.read.notebook import read_notebook


def read(tmp_path: Path, *cells: tuple[int | None, str]) -> list[str]:
    made = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": count, "source": text}
        for count, text in cells
    ]
    notebook = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook))
    return [line for line in read_notebook(tmp_path, "n.ipynb").text.split("\n") if line]


def test_the_last_value(tmp_path: Path) -> None:
    cells = [(1, "x = 1\nx, 2"), (2, "print(_)"), (3, "(\n[x]\n)"), (4, "_[0]"), (5, "x")]
    assert read(tmp_path, *cells) == [
        "x = 1",
        "display(_ := (x, 2))",
        "print(_)",
        "display(_ := ((",
        "[x]",
        ")))",
        "display(_[0])",
        "display(x)",
    ]


def test_numbered_values(tmp_path: Path) -> None:
    cells = [(3, "1 + 1"), (5, "y = Out[3] + _3\ny"), (6, "Out[5]\nOut[9]")]
    assert read(tmp_path, *cells) == [
        "display(_3 := (1 + 1))",
        "y = _3 + _3",
        "display(_5 := (y))",
        "_5",
        "display(Out[9])",
    ]


def test_a_name_of_the_author_stays_theirs(tmp_path: Path) -> None:
    cells = [(1, "3"), (2, "for _ in range(2):\n    pass\n_"), (3, "Out = {1: 2}\nOut[1]")]
    assert read(tmp_path, *cells)[0] == "display(3)"
    assert read(tmp_path, *cells)[-1] == "display(Out[1])"
