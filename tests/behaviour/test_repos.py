"""Small repos, each laid out as real ones are: converted as a whole, run, killed and verified."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graduate import conversion
from graduate.verify.report import render_text
from harness import notebook, write_files

TABLE = "a,b\n1,2\n3,4\n"


NOTEBOOK_BELOW = {
    "data/table.csv": TABLE,
    "helpers/__init__.py": "",
    "helpers/tools.py": "def double(x):\n    return 2 * x\n",
    "notebooks/study.ipynb": notebook(
        "import csv, sys\nsys.path.append('..')\nfrom helpers.tools import double",
        "with open('../data/table.csv') as f:\n    rows = list(csv.DictReader(f))\nrows",
        "total = double(sum(int(r['a']) for r in rows))\nopen('total.txt', 'w').write(str(total))",
        "total",
    ),
}

REPOS: dict[str, dict[str, str]] = {
    "scripts that the program starts by commands": {
        "main.py": """\
import os
import subprocess
import sys

os.system("python tools/prepare.py 3 > prepared.txt")
out = subprocess.run([sys.executable, "tools/prepare.py", "4"], capture_output=True, text=True, check=True).stdout
print(out.strip())
total = 0
for epoch in range(5):
    total += epoch * sum(int(word) for word in open("prepared.txt").read().split())
print(total)
""",
        "tools/prepare.py": "import sys\nfrom helper import square\nprint(*map(square, range(int(sys.argv[1]))))\n",
        "tools/helper.py": "def square(x):\n    return x * x\n",
    },
    "a package with a part for a library that has its name": {
        "layers/__init__.py": "",
        "layers/numpy/__init__.py": "from layers.numpy.ops import double\n",
        "layers/numpy/ops.py": "import numpy as np\n\n\ndef double(x):\n    return 2 * np.asarray(x)\n",
        "examples/numpy/run.py": """\
import sys
sys.path.insert(0, ".")
import numpy as np
from layers.numpy import double
np.random.seed(3)
print(double(np.arange(3)), np.random.rand())
""",
    },
    "a program that tries its docstrings, and looks into itself": {
        "study.py": """\
import doctest
import inspect
import sys


def double(x):
    '''Twice x.

    >>> double(3)
    6
    '''
    return 2 * x


def half(x):
    return x / 2


if __name__ == "__main__":
    print(doctest.testmod())
    for name, function in inspect.getmembers(sys.modules[__name__], inspect.isfunction):
        print(name, function(3))
""",
    },
    "a notebook that lists the folder that it is in": {
        "a.csv": TABLE,
        "README.md": "# A study\n",
        "images/one.txt": "1",
        "images/tools/two.py": "x = 2\n",
        "out/old/log.txt": "old",
        "study.ipynb": notebook(
            "files = !ls\nfiles",
            "import glob, os\nfrom pathlib import Path\nprint(sorted(os.listdir()) == sorted(files))",
            "square = lambda v: v * v\nlines = (line for line in open('README.md'))\ntable = open('a.csv')",
            "print(sorted(glob.glob('*.md')), sum(len(names) for _, _, names in os.walk('.')))\n!ls images | wc -l",
            "print(square(3), list(lines), table.read(), sorted(p.name for p in Path('.').rglob('*.txt')))",
            "open('out/new.txt', 'w').write(os.path.abspath('a.csv'))\nprint(Path('out/new.txt').resolve())",
        ),
    },
    "a script that reads all that is in data, and its own file": {
        "data/a.csv": TABLE,
        "data/b.csv": TABLE,
        "src/fit.py": """\
import os, sys
here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..", "data")
text = "".join(open(os.path.join(data, name)).read() for name in sorted(os.listdir(data)))
print(text, sorted(os.listdir(here)))
for step in range(3):
    print(step, len(text) * step)
""",
    },
    "a notebook in a folder, data and helpers beside it": NOTEBOOK_BELOW,
    "a script of an installed package, run in its folder": {
        "README.md": "# Study\n\n```\npip install -e .\ncd pkg\npython train.py --epochs 3\n```\n",
        "data/table.csv": TABLE,
        "pkg/__init__.py": "",
        "pkg/load.py": "def load(path='../data/', name='table'):\n    return open(f'{path}{name}.csv').read()\n",
        "pkg/train.py": """\
import argparse
from pkg.load import load

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
args = parser.parse_args()
text = load()
for epoch in range(args.epochs):
    print(epoch, len(text))
with open("log.txt", "w") as log:
    log.write(text)
""",
        "setup.py": "from setuptools import setup\nsetup(name='pkg', packages=['pkg'])\n",
    },
    "a script that nobody tells of, its files beside it": {
        "experiments/settings.json": '{"n": 3}',
        "experiments/fit.py": "import json\nn = json.load(open('settings.json'))['n']\nprint(sum(range(n)))\n",
    },
    "options in the guard, values before it, the work in main above it": {
        "train.py": """\
import argparse
import random

scale = 2.0

def main(args):
    # load data
    data = [random.random() * scale for _ in range(args.n)]
    print(len(data))
    # train the model
    weight = 0.0
    for epoch in range(args.epochs):
        for value in data:
            weight += value * random.random()
        print(epoch, weight)
    # evaluate
    print("score", weight / len(data))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    random.seed(args.n)
    print(args)
    main(args)
""",
    },
    "two programs with a flag of one name": {
        "run.sh": "python train.py --rate 3\npython evaluate.py --rate 4\n",
        "train.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--rate', type=int, default=1)\n"
        "a = p.parse_args()\nopen('out.txt', 'w').write(str(a.rate))\n",
        "evaluate.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--rate', type=int, default=2)\n"
        "a = p.parse_args()\nprint(a.rate * int(open('out.txt').read()))\n",
    },
    "a folder that is there to be written into": {
        "plots/old.svg": "<svg/>",
        "draw.py": "for n in range(2):\n    with open(f'plots/new_{n}.txt', 'w') as f:\n        f.write('1')\n",
    },
    "a notebook that shows an error": {
        "study.ipynb": notebook(
            "import math\nx = 4\nitems = [1]",
            "# an error is expected\nx = 5\nitems.append(x)\nresult = math.sqrt(-x)\nx = 6",
            "def area(r):\n    return r * x\narea(2)",
            "print(x, items)",
        ),
    },
    "the __init__.py of a folder that is a package and a place for scripts": {
        "mylib/__init__.py": "from .core import SCALE\nVERSION = '1.2'\n",
        "mylib/core.py": "SCALE = 3.0\ndef scale(x):\n    return SCALE * x\n",
        "mylib/train.py": "import core\nprint('inner', core.scale(2))\n",
        "main.py": "import mylib\nfrom mylib import core\nprint(mylib.VERSION, mylib.SCALE, core.scale(1))\n",
    },
}


def prove(source: Path, tmp_path: Path, *, kills: int = 0) -> Path:
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    verdict = conversion.verify(
        source, project, python=Path(sys.executable), kills=kills, timeout=120, seed=1
    )
    assert verdict.proved, render_text(verdict)
    return project


@pytest.mark.parametrize("name", REPOS)
def test_is_proved(name: str, tmp_path: Path) -> None:
    prove(write_files(tmp_path / "study", REPOS[name]), tmp_path, kills=1)


INSTALLED = {
    "pkg/__init__.py": "from .core import grow\n",
    "pkg/core.py": "def grow(x):\n    return 2 * x\n",
    "pkg/train.py": "from .core import grow\nprint(grow(3), open('n.txt').read())\n",
    "n.txt": "5",
    "examples/demo.py": "from pkg import grow\nprint(grow(4), open('n.txt').read())\n",
    "examples/n.txt": "6",
}


@pytest.mark.parametrize(("name", "printed"), [("pkg/train.py", "6 5"), ("examples/demo.py", "8 6")])
def test_a_script_alone_of_a_project_that_is_installed(name: str, printed: str, tmp_path: Path) -> None:
    project = prove(write_files(tmp_path / "study", INSTALLED) / name, tmp_path)
    command = ["make", "-s", "train-all", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == f"{printed}\n"


def test_the_own_tests_of_a_project_with_a_workspace(tmp_path: Path) -> None:
    files = REPOS["a notebook that lists the folder that it is in"]
    source = write_files(tmp_path / "study", files)
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    command = ["make", "-s", "lint", "test", "validate-data", f"PYTHON={sys.executable}"]
    subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)


def test_one_of_several_programs(tmp_path: Path) -> None:
    loop = "total = 0\nfor epoch in range(3):\n    total += epoch * {0}\nprint('{0}', total)\n"
    files = {"train_a.py": loop.format(1), "train_b.py": loop.format(2)}
    project = prove(write_files(tmp_path / "study", files), tmp_path)

    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "-s", *arguments, f"PYTHON={sys.executable}"]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    assert make("train-all", "PROGRAM=train_b").stdout == "2 6\n"
    assert make("train-all", "PROGRAM=train_b").stdout == ""
    assert make("train-all").stdout == "1 3\n"
    wrong = make("train-all", "PROGRAM=train_c")
    assert wrong.returncode != 0
    assert "one of: train_a, train_b" in wrong.stderr
    assert "`train_a`, `train_b`" in (project / "README.md").read_text()


def test_a_notebook_alone_that_reaches_up(tmp_path: Path) -> None:
    write_files(tmp_path / "study", NOTEBOOK_BELOW)
    write_files(tmp_path / "study", {"notebooks/other.ipynb": notebook("raise SystemExit(3)")})
    project = prove(tmp_path / "study" / "notebooks" / "study.ipynb", tmp_path)
    assert (project / "data" / "table.csv").read_text() == TABLE
