"""What is told of a program before it is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from graduate.analyse import analyse
from graduate.read.project import read_project
from harness import read_sources, write_files

LISTS = (
    "os.listdir()",
    "os.listdir('.')",
    "glob.glob('*')",
    "list(os.walk('./'))",
    "shell_lines('ls -la')",
    "shell('ls')",
    "shell('cat x | wc; ls -la | wc -l')",
    "shell('find . -name x')",
    "next(os.walk('.'))",
    "list(Path('.').iterdir())",
    "list(Path().glob('*.json'))",
    "list(Path('.').rglob('*.yaml'))",
    "os.listdir('data')",
    "os.listdir(os.path.dirname(__file__) or '.')",
    "os.chdir('nb') or os.chdir('..') or shell('ls data')",
)
OTHERS = (
    "os.listdir('images')",
    "glob.glob('*.csv')",
    "os.listdir(unknown())",
    "shell('ls images')",
    "shell('lsof')",
    "list(Path('..').iterdir())",
)


def codes(text: str, folder: Path) -> list[str]:
    program = f"import glob\nimport os\nfrom pathlib import Path\nprint({text})\n"
    facts = analyse(read_project(write_files(folder, {"main.py": program})))
    assert facts.workspace == ("data/workspace" if facts.hazards else "")
    return [hazard.code for hazard in facts.hazards]


@pytest.mark.parametrize("text", LISTS)
def test_listing_a_folder_that_has_files_of_the_project(text: str, tmp_path: Path) -> None:
    assert codes(text, tmp_path) == ["G112"]


@pytest.mark.parametrize("text", OTHERS)
def test_listing_something_else(text: str, tmp_path: Path) -> None:
    assert codes(text, tmp_path) == []


OWN = (
    "result = doctest.testmod()",
    "doctest.testmod(verbose=True)",
    "unittest.main()",
    "here = sys.modules[__name__]",
    "import __main__",
)


@pytest.mark.parametrize("line", OWN)
def test_looking_at_ones_own_module(line: str) -> None:
    facts = analyse(
        read_sources({"main.py": f"import doctest\nimport sys\nimport unittest\nx = 1\n{line}\n"})
    )
    assert [(each.code, each.cost) for each in facts.programs[0].hazards] == [("G115", "wrapped")]


def test_docstrings_that_are_tried_without_a_look_at_the_result() -> None:
    facts = analyse(read_sources({"main.py": "import doctest\nx = 1\ndoctest.testmod()\n"}))
    assert facts.programs[0].hazards == ()
