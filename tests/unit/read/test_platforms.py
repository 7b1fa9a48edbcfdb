"""Notebooks of Colab and Kaggle, read for a machine that is neither."""

from __future__ import annotations

import pytest

from graduate.model.source import SourceModule
from graduate.read.platforms import at_home

FILES = ["data/train.csv", "titanic/test.csv", "proj/a.csv", "nb/own.csv", "b.csv"]


def read(text: str, path: str = "n.ipynb") -> SourceModule:
    return at_home(SourceModule(path, "notebook", text), FILES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f('/kaggle/input/titanic/train.csv')", "f('data/train.csv')"),
        ("f('/kaggle/input/titanic/test.csv')", "f('titanic/test.csv')"),
        ("f('/kaggle/input/none/x.csv')", "f('input/none/x.csv')"),
        ("f('/kaggle/working/out.csv')", "f('out.csv')"),
        ("D = '/kaggle/input/titanic'", "D = 'titanic'"),
        ("os.walk('/kaggle/input')", "os.walk('input')"),
        ('f("/content/drive/MyDrive/proj/a.csv")', 'f("proj/a.csv")'),
        ('f("/content/drive/My Drive/deep/in/b.csv")', 'f("b.csv")'),
        ('f("/content/x.bin")', 'f("x.bin")'),
        ("f(f'/kaggle/input/{name}.csv')", "f(f'input/{name}.csv')"),
        ("os.chdir('/content/drive/MyDrive/mine')", "os.chdir('.')"),
        ("os.chdir('/content/drive/MyDrive/proj')", "os.chdir('proj')"),
        ("f('/contents/x')\ng('a /content/x')", "f('/contents/x')\ng('a /content/x')"),
    ],
)
def test_folders(text: str, expected: str) -> None:
    assert read(text).text == expected


def test_paths_start_where_the_notebook_is() -> None:
    assert (
        read("f('/content/own.csv')\ng('/content/b.csv')", "nb/n.ipynb").text == "f('own.csv')\ng('../b.csv')"
    )


def test_services_are_stood_for_where_the_code_does_not_try() -> None:
    text = (
        "from google.colab import drive, files as f\n"
        "try:\n    from google.colab import output\n    inside = True\nexcept ImportError:\n    inside = False\n"
        "from google.colab import (\n    userdata,\n)\nx = 1\n"
    )
    module = read(text)
    assert module.text.split("\n")[0] == 'drive, f = colab_service("drive"), colab_service("files")'
    assert "    from google.colab import output" in module.text
    assert module.text.split("\n")[6:] == ['userdata = colab_service("userdata")', "", "", "x = 1", ""]
    assert module.helpers == ("colab_service",)
    assert [each.place.line for each in module.omissions] == [1, 7]


def test_scripts_stay_as_they_are() -> None:
    module = SourceModule("a.py", "script", "f('/kaggle/input/titanic/train.csv')")
    assert at_home(module, FILES) is module
