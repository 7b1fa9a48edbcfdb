"""What is found wrong with a project before it is written."""

from __future__ import annotations

import json

import pytest

from graduate.emit.check import check_project
from graduate.model.project import Project, ProjectFile

RECORD = json.dumps({"made_by": "graduate", "modules": [{"path": "pkg/train.py", "origin": "moved"}]})
ROOT = "/home/ada/research"


def check(*files: ProjectFile) -> tuple[str, ...]:
    return check_project(Project("pkg", (ProjectFile("conversion.json", text=RECORD), *files)), ROOT)


SOUND: dict[str, ProjectFile] = {
    "python": ProjectFile("pkg/a.py", text="x = 1\n"),
    "a link": ProjectFile("in/a.csv", link_to="../data/a.csv"),
    "an empty lock": ProjectFile("requirements.lock", text=""),
    "a path of the research code in its own module": ProjectFile("pkg/train.py", text=f"open('{ROOT}/a')\n"),
    "an address of the research code in its own module": ProjectFile(
        "pkg/train.py", text="u = 'https://pypi.org'\n"
    ),
    "a value of the research code": ProjectFile("configs/default.yaml", text=f"OUT: {ROOT}/out\n"),
    "a folder whose name begins like the source's": ProjectFile("a.txt", text=f"{ROOT}2"),
    "a copy": ProjectFile("data/a.csv", copy_of=f"{ROOT}/a.csv"),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    assert check(SOUND[name]) == ()


WRONG: dict[str, tuple[ProjectFile, str]] = {
    "python": (ProjectFile("pkg/a.py", text="x = \n"), "pkg/a.py does not parse: "),
    "moved python": (ProjectFile("pkg/train.py", text="x = \n"), "pkg/train.py does not parse: "),
    "json": (ProjectFile("a.json", text="{"), "a.json does not parse: "),
    "toml": (ProjectFile("pyproject.toml", text="a = "), "pyproject.toml does not parse: "),
    "yaml": (ProjectFile("a.yaml", text="a: ["), "a.yaml does not parse: "),
    "a path of this machine": (
        ProjectFile("README.md", text=f"made from {ROOT}/train.py\n"),
        "README.md names the folder of the research code on this machine",
    ),
    "an index": (ProjectFile("a.txt", text="pip install --index-url x"), "a.txt names a package registry"),
    "a local folder of wheels": (
        ProjectFile("a.txt", text="--find-links /opt/wheels"),
        "a.txt names a package registry",
    ),
    "an address in a lock": (
        ProjectFile("requirements.lock", text="a @ https://example.org/a.whl\n"),
        "requirements.lock holds an address",
    ),
    "up": (ProjectFile("../a.txt", text=""), "../a.txt leads out of the project"),
    "absolute": (ProjectFile("/a.txt", text=""), "/a.txt leads out of the project"),
    "not normal": (ProjectFile("a/./b.txt", text=""), "a/./b.txt leads out of the project"),
    "an absolute link": (ProjectFile("a", link_to="/etc"), "the link a leads out of the project"),
    "a link up": (ProjectFile("b/a", link_to="../../x"), "the link b/a leads out of the project"),
    "nothing in it": (ProjectFile("a.txt"), "a.txt must be a text, a copy or a link"),
    "two things in it": (
        ProjectFile("a.txt", text="", link_to="b"),
        "a.txt must be a text, a copy or a link",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str) -> None:
    file, problem = WRONG[name]
    (found,) = check(file)
    assert found.startswith(problem)


def test_a_path_twice() -> None:
    assert check(ProjectFile("a.txt", text="1"), ProjectFile("a.txt", text="2")) == (
        "a.txt would be written twice",
    )


def test_a_file_that_is_a_folder() -> None:
    found = check(ProjectFile("a", text=""), ProjectFile("a/b.txt", text=""))
    assert found == ("a is a file and a folder",)
