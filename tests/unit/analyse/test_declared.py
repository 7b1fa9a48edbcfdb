"""Every kind of file that declares something → the requirement, and the line in which it stands."""

from __future__ import annotations

import pytest

from graduate.analyse.declared import find_conflicts, find_declared, list_declared
from graduate.analyse.python_version import find_python
from graduate.model.source import Sources


def repo(*texts: tuple[str, str]) -> Sources:
    return Sources("x", "/nowhere", (), (), texts=texts)


FILES = [
    ("requirements/base.in", "# c\n\nnumpy>=1 \\\n  --hash=sha256:00\nrich\n", ["numpy>=1 3", "rich 5"]),
    ("dev-requirements.txt", "-r other.txt\n-e git+https://x/y#egg=deep\n", ["deep @ git+https://x/y 2"]),
    ("constraints.txt", "numpy<2\n", ["numpy<2 1"]),
    (
        "environment.yml",
        "dependencies:\n- python=3.9\n- pip:\n  - torch==2.0\n- scipy=1\n",
        ["torch==2.0 4", "scipy==1.* 5"],
    ),
    (
        "pyproject.toml",
        '[project]\ndependencies = [\n  "numpy<2",\n]\n[dependency-groups]\ndev = ["ruff"]\n',
        ["numpy<2 3", "ruff 6"],
    ),
    ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.9"\nnumpy = "~1.2"\n', ["numpy==1.2.* 3"]),
    ("pyproject.toml", '[tool.poetry.group.dev.dependencies]\nruff = {version = "^1"}\n', ["ruff>=1 2"]),
    (
        "setup.cfg",
        "[options]\ninstall_requires =\n    numpy>1\n[options.extras_require]\nx =\n    rich\n",
        ["numpy>1 3", "rich 6"],
    ),
    (
        "setup.py",
        "needs = ['numpy']\nsetup(install_requires=needs, extras_require={'x': ['rich']})\n",
        ["numpy 1", "rich 2"],
    ),
    ("Pipfile", '[packages]\nnumpy = "==1.7"\n\n[dev-packages]\nruff = "*"\n', ["ruff 5", "numpy==1.7 2"]),
    ("Pipfile.lock", '{"default": {\n"numpy": {"version": "==1.7"}}}', ["numpy==1.7 2"]),
    ("poetry.lock", '[[package]]\nname = "numpy"\nversion = "1.7"\n', ["numpy==1.7 2"]),
    (
        "setup.sh",
        "set -e\nconda install -y pytorch=2.1 -c pytorch\n# pip install no\npip3 install rich \\\n  tqdm\n",
        ["torch==2.1.* 2", "rich 4", "tqdm 4"],
    ),
    ("Dockerfile", "FROM x\nRUN apt-get update && pip install --no-cache-dir rich==1.0\n", ["rich==1.0 2"]),
    ("build.sh", "pip install dist/block_sparse-1.0.0-py3-none-any.whl rich\n", ["block_sparse 1", "rich 1"]),
    (
        "README.md",
        "You can pip install it.\nRun `pip install rich`, then\n\n    $ uv add tqdm\n",
        ["rich 2", "tqdm 4"],
    ),
    (
        "uv.lock",
        '[[package]]\nname = "a"\nversion = "1"\nresolution-markers = ["python_version < \'3.9\'"]\n'
        '[[package]]\nname = "a"\nversion = "2"\nresolution-markers = ["python_version >= \'3.9\'"]\n',
        ["a==2 2"],
    ),
    ("notes.txt", "numpy\n", []),
    ("pyproject.toml", "no toml [", []),
]


@pytest.mark.parametrize(("path", "text", "expected"), FILES)
def test_what_a_file_declares(path: str, text: str, expected: list[str]) -> None:
    assert [f"{d.requirement} {d.place.line}" for d in list_declared(repo((path, text)))] == expected


NONSENSE = [
    ("pyproject.toml", "project = 1\ntool = []\ndependency-groups = 'x'"),
    ("pyproject.toml", "[project]\ndependencies = 'numpy'\noptional-dependencies = 3\nrequires-python = 3.9"),
    ("pyproject.toml", "[tool.poetry.dependencies]\npython = 3\nnumpy = 1\nrich = []\nx = {}\n"),
    ("pyproject.toml", "[dependency-groups]\na = [{include-group = 'b'}]\nb = 'x'"),
    ("uv.lock", "package = 'x'"),
    ("uv.lock", "package = ['x', 1]"),
    ("uv.lock", "[[package]]\nname = 'a'\nversion = '1'\nresolution-markers = ['what?']"),
    ("poetry.lock", "[[package]]\nname = 3\nversion = 'x'"),
    ("Pipfile", "requires = 1\npackages = 2"),
    ("Pipfile.lock", "[1]"),
    ("Pipfile.lock", '{"default": {"a": 1, "b": {"version": 2}}}'),
    ("setup.cfg", "install_requires = x\n[options"),
    ("setup.py", "setup(install_requires=f(), python_requires=3)"),
    ("environment.yml", "dependencies:\n- \n- pip:\n  - [a]\n- python=x=y\n- =\n"),
    ("requirements.txt", "\\\n-e\n==1\n@\nnumpy==\n"),
    ("install.sh", "pip install 'open\nconda install\npip install -r\n"),
    ("runtime.txt", "\n"),
]


@pytest.mark.parametrize(("path", "text"), NONSENSE)
def test_nonsense_declares_nothing_and_stops_nothing(path: str, text: str) -> None:
    assert all(each.name in {"a", "rich", "x", "numpy"} for each in list_declared(repo((path, text))))
    assert find_python(repo((path, text))) == ">=3.11"


COMBINED = [
    ("numpy", "constraints.txt", "numpy<2", "numpy<2"),
    ("numpy>=1", "constraints.txt", "numpy<2", "numpy<2,>=1"),
    ("numpy>=1", "constraints.txt", "numpy==1.5", "numpy==1.5"),
    ("numpy>=1", "poetry.lock", '[[package]]\nname = "numpy"\nversion = "1.7"', "numpy==1.7"),
    ("numpy>=2", "poetry.lock", '[[package]]\nname = "numpy"\nversion = "1.7"', "numpy>=2"),
    ("numpy==2", "environment.yml", "dependencies:\n- numpy=1", "numpy==2"),
    ("numpy>=1", "sub/requirements.txt", "numpy<2", "numpy>=1"),
]


@pytest.mark.parametrize(("first", "path", "text", "expected"), COMBINED)
def test_one_requirement_from_two_files(first: str, path: str, text: str, expected: str) -> None:
    assert find_declared(repo(("requirements.txt", first), (path, text)))["numpy"].requirement == expected


CONFLICTS = [
    ("numpy==1.20", "numpy=1.21", ["requirements.txt:1 environment.yml:2"]),
    ("numpy>=2", "numpy<2", ["requirements.txt:1 environment.yml:2"]),
    ("numpy>1.2,<2", "numpy>=1.5", []),
    ("numpy>1", "numpy<2", []),
    ("numpy", "numpy=1", []),
    ("numpy==1.20", "numpy=1.20", []),
    ("numpy!=1.20", "numpy==1.20", ["requirements.txt:1 environment.yml:2"]),
]


@pytest.mark.parametrize(("first", "second", "expected"), CONFLICTS)
def test_requirements_that_contradict_each_other(first: str, second: str, expected: list[str]) -> None:
    sources = repo(("requirements.txt", first), ("environment.yml", f"dependencies:\n- {second}\n"))
    conflicts = find_conflicts(sources, find_declared(sources))
    assert [f"{each.taken.origin} {each.other.origin}" for each in conflicts] == expected
