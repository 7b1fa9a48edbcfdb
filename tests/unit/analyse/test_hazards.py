"""What is told of a program before it is planned."""

from __future__ import annotations

import pytest

from graduate.analyse import analyse
from harness import read_sources

LISTS = (
    "os.listdir()",
    "os.listdir('.')",
    "glob.glob('*')",
    "list(os.walk('./'))",
    "shell_lines('ls -la')",
    "shell('ls')",
)
OTHERS = (
    "os.listdir('data')",
    "glob.glob('*.csv')",
    "os.listdir(folder)",
    "shell('ls data')",
    "shell('lsof')",
)


def codes(text: str) -> list[str]:
    facts = analyse(read_sources({"main.py": f"import glob\nimport os\nfolder = 'x'\nprint({text})\n"}))
    return [hazard.code for hazard in facts.programs[0].hazards]


@pytest.mark.parametrize("text", LISTS)
def test_listing_the_folder_that_a_program_runs_in(text: str) -> None:
    assert codes(text) == ["G112"]


@pytest.mark.parametrize("text", OTHERS)
def test_listing_something_else(text: str) -> None:
    assert codes(text) == []
