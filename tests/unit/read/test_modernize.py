"""Python 2 as Python 3."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from notebooks import write_notebook

from graduate.errors import ReadError
from graduate.read.modernize import modernize
from graduate.read.project import read_project

UNCHANGED = [
    "x = 1\n",
    "print('a')\n",
    "def f(a: int) -> str:\n    print('a', a / 2)\n",
    "x = f'{a / b}'\n",
    "import numpy as np\nx = a / 2.0 + np.sqrt(b) / c\n",
    "from __future__ import division\nx = a / b\n",
]

CHANGED = [
    ("print 'a', b\n", "print('a', b)\n"),
    ("print 'a',\n", "print('a', end=' ')\n"),
    ("raise E, 'x'\n", "raise E('x')\n"),
    ("for i in xrange(3):\n\tpass\n", "for i in range(3):\n        pass\n"),
    ("import cPickle as p\n", "import pickle as p\n"),
    ("x = a / b\n", "x = _python2_divide(a, b)\n"),
    ("x = (a + 1) / b / 2\n", "x = _python2_divide(_python2_divide((a + 1), b), 2)\n"),
    ("x = float(a) / b + a / c\n", "x = float(a) / b + _python2_divide(a, c)\n"),
    ("x = (a +\n     b) / (c)  # é\n", "x = _python2_divide((a +\n     b), (c))  # é\n"),
    ("x[i] /= n  # mean\n", "x[i] = _python2_divide_in_place(x[i], n)  # mean\n"),
    ("x = round(y)\n", "x = _python2_round(y)\n"),
    ("from numpy import round\nx = round(y)\n", "from numpy import round\nx = round(y)\n"),
    ("class A:\n    def __div__(self, o): pass\n", "class A:\n    def __truediv__(self, o): pass\n"),
    (
        "from __future__ import (print_function,\n                        division)\nx = a / b\ny = 3L\n",
        "from __future__ import (print_function,\n                        division)\nx = a / b\ny = 3\n",
    ),
    ("from __future__ import division\nprint 1 / 2\n", "from __future__ import division\nprint(1 / 2)\n"),
]


@pytest.mark.parametrize("text", UNCHANGED)
def test_unchanged(text: str) -> None:
    assert modernize(text) == text


@pytest.mark.parametrize(("text", "expected"), CHANGED)
def test_changed(text: str, expected: str) -> None:
    assert modernize(text) == expected


def test_neither() -> None:
    assert modernize("print 'x'\nif x:\n    y = = 3\n") is None


def test_numbers_of_python_2(tmp_path: Path) -> None:
    """The expected values are what Python 2.7 prints."""
    lines = {
        "7 / 2, -7 / 2, 7 / 2.0, 7L / 2": "3 -4 3.5 3",
        "round(2.5), round(-0.5), round(0.125, 2), round(2.675, 2), round(1234, -2)": "3.0 -1.0 0.13 2.67 1200.0",
        "True / 2, half(numbers), half(1.0)": "0 [0 1] 0.5",
        "total": "3",
    }
    program = (
        "import numpy\ntotal = 7\ntotal /= 2\nnumbers = numpy.array([1, 2])\ndef half(x):\n    return x / 2\n"
    )
    program += "".join(f"print {line}\n" for line in lines)
    (tmp_path / "a.py").write_text(program)
    (module,) = read_project(tmp_path / "a.py", python2=True).modules
    with redirect_stdout(io.StringIO()) as printed:
        exec(module.text, {"__name__": "a"})
    assert printed.getvalue().splitlines() == list(lines.values())


def test_in_place_keeps_the_object(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import numpy\na = b = numpy.array([3.0])\na /= 2\nprint b[0], a is b\n")
    (module,) = read_project(tmp_path, python2=True).modules
    with redirect_stdout(io.StringIO()) as printed:
        exec(module.text, {"__name__": "a"})
    assert printed.getvalue() == "1.5 True\n"


def test_places_are_the_authors(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""A study."""\nx = 7\nprint x\ny = x / 2\nprint y\n')
    (module,) = read_project(tmp_path, python2=True).modules
    lines = module.text.split("\n")
    assert module.place(lines.index("print(y)") + 1).line == 5
    assert [place.line for place in module.modernized] == [3, 4, 5]


def test_notebook(tmp_path: Path) -> None:
    cells = ["%matplotlib inline\nx = 7 / 2\nprint x", "from __future__ import division", "!ls\nprint 1 / 2"]
    write_notebook(tmp_path / "n.ipynb", *cells)
    (module,) = read_project(tmp_path, python2=True).modules
    assert "x = _python2_divide(7, 2)" in module.text
    assert 'shell("ls")' in module.text
    assert "print(1 / 2)" in module.text
    assert [(place.cell, place.line) for place in module.modernized] == [(1, 2), (1, 3), (3, 2)]


def test_python_2_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print 'x'\nif x:\n    y = = 3\n")
    with pytest.raises(ReadError, match=r"a\.py is not valid Python"):
        read_project(tmp_path, python2=True)


def test_modules_of_a_package_import_those_beside_them(tmp_path: Path) -> None:
    files = {
        "main.py": "from nets import layers\nprint layers.f(3)\n",
        "nets/__init__.py": "",
        "nets/layers.py": "import tools\nimport os\ndef f(x):\n    return tools.g(x) / 2\n",
        "nets/tools.py": "def g(x):\n    return x * 3L\n",
        "nets/check.py": "import tools\nif __name__ == '__main__':\n    print tools.g(1)\n",
    }
    (tmp_path / "nets").mkdir()
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    sources = read_project(tmp_path, python2=True)
    assert "from . import tools\nimport os\n" in sources.module("nets/layers.py").text
    assert sources.module("nets/check.py").text.startswith("import tools\n")
