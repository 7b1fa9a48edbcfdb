"""Which modules move as a whole."""

from __future__ import annotations

import time

import pytest

from graduate.model.source import Program, SourceModule, Sources
from graduate.plan.homes import find_local_modules


def sources(texts: dict[str, str]) -> Sources:
    modules = tuple(SourceModule(path, "script", text) for path, text in texts.items())
    return Sources("x", "/nowhere", modules, tuple(Program(f"p{n}", path) for n, path in enumerate(texts)))


@pytest.mark.parametrize(
    ("line", "moves"),
    [
        ("import model", True),
        ("    from lab.model import Net", True),
        ("import lab.model as m", True),
        ("import model.parts", True),
        ("from .model import Net", True),
        ("from model.parts import Net", False),
        ("from lab import model", False),
        ("import models", False),
        ("# import model", False),
        ("x = 'import model'", False),
    ],
)
def test_a_program_that_another_one_imports_moves_too(line: str, moves: bool) -> None:
    found = find_local_modules(sources({"lab/model.py": "x = 1\n", "train.py": f"import os\n{line}\n"}))
    assert found == ["lab/model.py"] * moves


def test_many_programs_take_no_longer_than_their_text() -> None:
    text = "import numpy as np\n" + "x = np.zeros(3)  # a line like any other\n" * 400
    few, many = (sources({f"program_{n}.py": text for n in range(count)}) for count in (50, 400))

    def seconds(of: Sources) -> float:
        start = time.process_time()
        assert find_local_modules(of) == []
        return time.process_time() - start

    assert seconds(many) < 24 * max(min(seconds(few) for _ in range(3)), 0.001)
