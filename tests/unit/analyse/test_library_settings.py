"""Settings of libraries that a run which goes on would not have are told."""

from __future__ import annotations

import pytest

from graduate.analyse import analyse
from harness import read_sources

HEAD = """import os
import helpers
import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import torch
"""
TOLD = {
    "def show():\n    pl.Config.set_tbl_rows(3)\n\n\nshow()\n": "polars.Config.set_tbl_rows",
    "def deep():\n    for _ in 'a':\n        torch.nn.Module.extra = 1\n\n\ndeep()\n": "torch.nn.Module.extra",
    "if os.getenv('WIDE'):\n    pl.Config.set_tbl_cols(3)\n": "polars.Config.set_tbl_cols",
    "def main():\n    try:\n        pl.enable_string_cache()\n    except Exception:\n        pass\n\n\nmain()\n": (
        "polars.enable_string_cache"
    ),
}
UNTOLD = (
    "pl.Config.set_tbl_rows(3)\n",
    "def main():\n    pl.Config.set_tbl_rows(3)\n    print(1)\n\n\nif __name__ == '__main__':\n    main()\n",
    "def show():\n    np.set_printoptions(precision=2)\n    torch.set_default_dtype(torch.float64)\n\n\nshow()\n",
    "def show():\n    plt.rcParams['font.size'] = 3\n    os.environ['A'] = '1'\n\n\nshow()\n",
    "def seed():\n    torch.manual_seed(1)\n    np.random.seed(1)\n\n\nseed()\n",
    "def show(model):\n    model.set_size(3)\n    helpers.set_size(3)\n    helpers.SIZE = 3\n\n\nshow(helpers)\n",
)


def told(program: str) -> list[str]:
    files = {"main.py": f"{HEAD}{program}print(1)\n", "helpers.py": "def set_size(n):\n    pass\n"}
    found = analyse(read_sources(files)).hazards
    return [each.message.partition(" is set")[0] for each in found if each.code == "G118"]


@pytest.mark.parametrize("program", TOLD)
def test_told(program: str) -> None:
    assert told(program) == [TOLD[program]]


@pytest.mark.parametrize("program", UNTOLD)
def test_untold(program: str) -> None:
    assert told(program) == []


def test_told_of_a_module() -> None:
    files = {"main.py": "import helpers\nhelpers.show()\n", "helpers.py": f"{HEAD}\n\n{next(iter(TOLD))}"}
    assert [each.place.path for each in analyse(read_sources(files)).hazards if each.code == "G118"] == [
        "helpers.py"
    ]
