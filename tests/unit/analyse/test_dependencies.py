"""Imports and declarations → distributions."""

from __future__ import annotations

from pathlib import Path

import pytest

from graduate.analyse.dependencies import find_contradictions, find_dependencies
from graduate.analyse.providers import Installed
from graduate.analyse.python_version import find_python
from graduate.model.facts import Dependency
from graduate.model.source import Omission, Place, SourceModule, Sources

INSTALLED = {"numpy": ["numpy"], "xgboost": ["xgboost-cpu"], "yaml": ["PyYAML"], "cupy": ["cupy-cuda12x"]}


def sources(code: str, *texts: tuple[str, str], more: tuple[SourceModule, ...] = ()) -> Sources:
    modules = (SourceModule("train.py", "script", code), *more)
    return Sources("x", "/nowhere", modules, (), texts=texts)


def find(code: str, *texts: tuple[str, str]) -> dict[str, str]:
    found = find_dependencies(sources(code, *texts), installed=INSTALLED)
    return {one.distribution: one.requirement for one in found if not one.optional}


IMPORTS = [
    ("import os, sys, json", []),
    ("import numpy as np\nfrom numpy import linalg", ["numpy"]),
    ("import xgboost", ["xgboost-cpu"]),
    ("from sklearn.svm import SVC", ["scikit-learn"]),
    ("import cv2, PIL.Image, skimage", ["opencv-python", "pillow", "scikit-image"]),
    ("def f():\n    import tqdm", ["tqdm"]),
    ("if TYPE_CHECKING:\n    import torch", ["torch"]),
    ("import importlib\nimportlib.import_module('torch')", ["torch"]),
    ("from mpl_toolkits.mplot3d import Axes3D", ["matplotlib"]),
    ("from google.cloud import storage", ["google-cloud-storage"]),
    ("from google.colab import drive", []),
    ("import some_package", ["some-package"]),
    ("import utils", []),
    ("from setup import version", []),
    ("import person_pb2", []),
    ("from . import sibling", []),
    ("try:\n    import wandb\nexcept ImportError:\n    wandb = None", []),
    ("try:\n    import cupy as np\nexcept ImportError:\n    import numpy as np", ["cupy-cuda12x", "numpy"]),
    ("try:\n    import ujson as json\nexcept ImportError:\n    import json", []),
    ("try:\n    import a_one as a\nexcept ImportError:\n    import a_two as a", ["a-two"]),
    ("try:\n    import wandb\nexcept ValueError:\n    pass", ["wandb"]),
    ("try:\n    import wandb\nexcept ImportError:\n    sys.exit('pip install wandb')", ["wandb"]),
    ("try:\n    import wandb\nexcept ImportError as e:\n    raise RuntimeError from e", ["wandb"]),
    ("with contextlib.suppress(ImportError):\n    import wandb", []),
    ("try:\n    import wandb\n" + "    f()\n" * 9 + "except Exception as e:\n    print(e)", ["wandb"]),
    ("__import__('tqdm')", ["tqdm"]),
    ("import dateutil, attr, jwt, docx", ["attrs", "pyjwt", "python-dateutil", "python-docx"]),
    ("import tensorboard, thop, PyQt5", ["pyqt5", "tensorboard", "thop"]),
    ("import tables, talib, speech_recognition", ["speechrecognition", "ta-lib", "tables"]),
    ("import pandas as pd\npd.read_excel('a.xlsx')", ["openpyxl", "pandas"]),
    ("from tqdm.notebook import tqdm", ["ipywidgets", "tqdm"]),
    ("import pandas as pd\nprint(pd.DataFrame().style.highlight_max())", ["jinja2", "pandas"]),
    ("import networkx as nx\nnx.draw(nx.path_graph(3))", ["matplotlib", "networkx"]),
    ("import matplotlib.pyplot as plt\nplt.style.use('ggplot')", ["matplotlib"]),
    ("import pandas as pd\ndf.to_parquet('a')", ["pandas", "pyarrow"]),
    ("import polars as pl\npl.read_parquet('a')", ["polars"]),
    ("import pandas, fastparquet\ndf.to_parquet('a')", ["fastparquet", "pandas"]),
    ("import pandas as pd\npd.read_hdf('a')", ["pandas", "tables"]),
    ("from torch.utils.tensorboard import SummaryWriter", ["tensorboard", "torch"]),
]


@pytest.mark.parametrize(("code", "expected"), IMPORTS)
def test_imports(code: str, expected: list[str]) -> None:
    assert list(find(code)) == expected


DECLARED = [
    ("requirements.txt", "# c\nnumpy==1.2  # pinned\n-r other.txt\nrich\n", "numpy==1.2"),
    (
        "requirements.txt",
        "NumPy [extra] >= 1 ; python_version >= '3'\n",
        'NumPy[extra]>=1; python_version >= "3"',
    ),
    ("requirements.txt", "numpy ; python_version < '3'\n", "numpy"),
    ("sub/requirements-dev.txt", "numpy>=2\n", "numpy>=2"),
    ("environment.yml", "name: x\ndependencies:\n  - python=3.9\n  - numpy=1.21\n", "numpy==1.21.*"),
    ("environment.yml", "dependencies:\n- conda-forge::numpy=1.21.0=py38_0\n", "numpy==1.21.0"),
    ("environment.yml", "dependencies:\n  - scipy\n  - pip:\n    - numpy==1.5\n", "numpy==1.5"),
    ("environment.yml", "dependencies:\n  - numpy>=1.2,<2\n", "numpy<2,>=1.2"),
    ("pyproject.toml", '[project]\ndependencies = ["numpy<2"]\n', "numpy<2"),
    ("pyproject.toml", '[project.optional-dependencies]\nx = ["numpy<2"]\n', "numpy<2"),
    ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.9"\nnumpy = "^1.2"\n', "numpy>=1.2"),
    ("pyproject.toml", "not toml [", "numpy"),
    ("setup.cfg", "[options]\ninstall_requires =\n    numpy>1\n    rich\n", "numpy>1"),
    ("setup.py", "from setuptools import setup\nsetup(install_requires=['numpy!=1.1'])", "numpy!=1.1"),
    ("Pipfile", '[packages]\nnumpy = "==1.7"\n', "numpy==1.7"),
    ("notes.txt", "numpy==1\n", "numpy"),
]


@pytest.mark.parametrize(("path", "text", "requirement"), DECLARED)
def test_versions_of_the_repository_win(path: str, text: str, requirement: str) -> None:
    (found,) = find("import numpy", (path, text)).values()
    assert found.replace("NumPy", "numpy") == requirement.replace("NumPy", "numpy")


def test_declared_alternative_of_a_module_wins() -> None:
    assert find("import cv2", ("requirements.txt", "opencv-python-headless==4.5")) == {
        "opencv-python-headless": "opencv-python-headless==4.5"
    }
    assert find("import torch", ("environment.yml", "dependencies:\n - pytorch=2.1\n")) == {
        "torch": "torch==2.1.*"
    }


def test_a_declared_distribution_that_nobody_knows_provides_what_it_is_called_after() -> None:
    asked = ("requirements.txt", "ffmpeg-of-ours>=1\ntorch-of-ours\n")
    assert find("import ffmpeg, torch, torch_of_ours", asked) == {
        "ffmpeg-of-ours": "ffmpeg-of-ours>=1",
        "torch": "torch",
        "torch-of-ours": "torch-of-ours",
    }
    assert set(find("import torch", ("requirements.txt", "torch-geometric"))) == {"torch"}, (
        "it is known for another"
    )


def test_contradictions_are_told_with_both_places() -> None:
    source = sources(
        "import numpy",
        ("requirements.txt", "rich\nnumpy==1.20\ntqdm==1"),
        ("environment.yml", "dependencies:\n- numpy>=1.21\n- tqdm=2"),
    )
    (found,) = find_contradictions(source, find_dependencies(source, installed=INSTALLED))
    assert str(found.place) == "environment.yml:2"
    assert found.message == "numpy>=1.21 contradicts numpy==1.20 of requirements.txt:2, which is obeyed"


def test_an_empty_distribution_is_not_taken() -> None:
    assert find("import sklearn", ("requirements.txt", "sklearn==0.0")) == {"scikit-learn": "scikit-learn"}


def test_only_plugins_are_kept_without_an_import() -> None:
    found = find("import numpy", ("requirements.txt", "lxml\nblack\nopenpyxl>=3\njupyter\n"))
    assert found == {"lxml": "lxml", "numpy": "numpy", "openpyxl": "openpyxl>=3"}


def test_origins_and_imports() -> None:
    notebook = SourceModule(
        "n.ipynb",
        "notebook",
        "import yaml\ndisplay(x)\n",
        places=(Place("n.ipynb", 1, 1, 2), Place("n.ipynb", 1, 1, 4)),
        helpers=("display",),
        omissions=(Omission(Place("n.ipynb", 1, 1, 1), "%pip install einops==0.7", "installs"),),
        requirements=("einops==0.7",),
    )
    found = find_dependencies(
        sources("x = 1\nimport numpy, einops", ("requirements.txt", "numpy"), more=(notebook,)),
        installed=INSTALLED,
    )
    assert found == (
        Dependency("einops", "einops==0.7", ("einops",), "n.ipynb#cell1:1 (%pip install)"),
        Dependency("ipython", "ipython", (), "displayed values"),
        Dependency("numpy", "numpy", ("numpy",), "requirements.txt:1"),
        Dependency("PyYAML", "PyYAML", ("yaml",), "n.ipynb#cell2:1"),
    )


def test_local_modules_are_no_dependencies() -> None:
    local = tuple(
        SourceModule(path, "script", text)
        for path, text in [
            ("model.py", "import numpy"),
            ("pkg/__init__.py", ""),
            ("pkg/deep.py", "import yaml"),
        ]
    )
    found = find_dependencies(
        sources("import model, pkg.deep\nfrom pkg import deep", more=local), installed=INSTALLED
    )
    assert [one.distribution for one in found] == ["numpy", "PyYAML"]


def test_a_module_of_the_authors_that_is_not_there_is_no_dependency() -> None:
    local = tuple(
        SourceModule(path, "script", text)
        for path, text in [
            ("ownpkg/__init__.py", ""),
            ("ownpkg/old.py", "from ownpkg.gone import f\nimport run_it, own_extra, _test.gone"),
            ("tools/run_it.py", "import yaml"),
        ]
    )
    found = find_dependencies(sources("import ownpkg.old", more=local), installed=INSTALLED)
    assert [one.distribution for one in found] == ["own-extra", "PyYAML"]


def test_modules_that_are_made_when_the_code_runs_need_nothing() -> None:
    code = """
from pathlib import Path
Path("written_here.py").write_text("x = 1")
shell("wget https://raw.example.invalid/me/repo/main/fetched_here.py")
import written_here, fetched_here, nobody_knows_this
"""
    found = find_dependencies(sources(code), installed=INSTALLED)
    assert [one.imports for one in found] == [("nobody_knows_this",)]


def test_open_questions_are_told() -> None:
    code = "import cv2, webrtcvad, nobody_knows_this\ntry:\n    import wandb\nexcept ImportError:\n    pass"
    found = {each.imports[0]: each for each in find_dependencies(sources(code), installed=INSTALLED)}
    opencv = (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    )
    assert found["cv2"].candidates == opencv
    assert found["webrtcvad"].candidates == (), "one of them has the name of the module"
    assert found["nobody_knows_this"].guessed
    assert found["wandb"].optional
    assert not found["cv2"].optional


def test_a_choice_stays_open_when_the_distribution_is_asked_for_again() -> None:
    code = "try:\n    import psycopg2\nexcept ImportError:\n    pass\nimport psycopg2.extras"
    (found,) = find_dependencies(sources(code), installed={})
    assert (found.candidates, found.optional) == (("psycopg2-binary", "psycopg2"), False)


def test_several_installed_candidates_are_a_choice() -> None:
    both = {"cv2": ["opencv-contrib-python", "opencv-python"], "odd": ["odd-a", "odd-b"]}
    found = find_dependencies(sources("import cv2, odd"), installed=both)
    assert [(each.distribution, each.candidates[:2]) for each in found] == [
        ("odd-a", ("odd-a", "odd-b")),
        ("opencv-python", ("opencv-python", "opencv-python-headless")),
    ]
    (one,) = find_dependencies(sources("import cv2"), installed={"cv2": ["opencv-python-headless"]})
    assert (one.distribution, one.candidates) == ("opencv-python-headless", ())


PYTHONS = [
    ("Pipfile", '[requires]\npython_version = "3.12"', ">=3.12"),
    ("environment.yml", "dependencies:\n- python=3.13\n", ">=3.13"),
    ("environment.yml", "dependencies:\n- python=3.8.5=h1\n", ">=3.11"),
    ("pyproject.toml", '[project]\nrequires-python = ">=3.8"', ">=3.11"),
    ("pyproject.toml", '[project]\nrequires-python = ">=3.12"', ">=3.12"),
    ("pyproject.toml", '[project]\nrequires-python = ">=3.9,<3.13"', ">=3.11,<3.13"),
    ("pyproject.toml", '[project]\nrequires-python = ">=3.7,<3.10"', ">=3.11"),
    ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.12"', ">=3.12"),
    ("setup.cfg", "[options]\npython_requires = >=3.13", ">=3.13"),
    ("setup.py", "setup(python_requires='>=3.12')", ">=3.12"),
    ("pyproject.toml", '[project]\nrequires-python = "what"', ">=3.11"),
    ("README.md", "", ">=3.11"),
]


@pytest.mark.parametrize(("path", "text", "expected"), PYTHONS)
def test_python(path: str, text: str, expected: str) -> None:
    assert find_python(sources("x = 1", (path, text))) == expected


LOWEST = [
    ("try:\n    import urllib2\nexcept ImportError:\n    import urllib.parse", ">=3.11"),
    ("x = 1", ">=3.11"),
    ("from itertools import batched", ">=3.12"),
    ("import warnings\n@warnings.deprecated('x')\ndef f(): pass", ">=3.13"),
    ("try:\n    from typing import override\nexcept ImportError:\n    override = id", ">=3.11"),
    ("import sys\nif sys.version_info >= (3, 12):\n    from itertools import batched", ">=3.11"),
]


@pytest.mark.parametrize(("code", "expected"), LOWEST)
def test_the_lowest_python_that_the_code_allows(code: str, expected: str) -> None:
    assert find_python(sources(code)) == expected


def test_what_is_installed_is_found_by_import_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(name: str, **files: str) -> None:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        for file, text in files.items():
            (folder / file.replace("_txt", ".txt")).write_text(text)

    record = "single.py,,\npack/__init__.py,,\npack/data.csv,,\n__pycache__/single.pyc,,\nshared/a.py,,\nREADME.md,,\n"
    install("Recorded", RECORD=record)
    install("Listed", top_level_txt="shared\nother\n", RECORD="ignored.py,,\n")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = {name: sorted(distributions) for name, distributions in Installed().items()}
    assert found == {
        "single": ["Recorded"],
        "pack": ["Recorded"],
        "shared": ["Listed", "Recorded"],
        "other": ["Listed"],
    }
