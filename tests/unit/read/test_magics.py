"""IPython's own syntax as plain Python: a no-op table, then source → expected."""

from __future__ import annotations

import pytest

from graduate.errors import ReadError
from graduate.read.lines import Gathered, number_lines
from graduate.read.magics import to_python

UNCHANGED = [
    "x = 1",
    "a %b",
    'print("!ls %time ?")',
    "x = (1\n     %3)",
    '"""\n%matplotlib inline\n!ls\n"""',
    "y = {'a': 1}  # %time",
    "def f():\n    return 5 % 2",
    "ls = [1]\nls",
]


def read(source: str, *names: str) -> tuple[list[str], list[int], Gathered]:
    gathered = Gathered("n.ipynb", names=set(names))
    lines = to_python(number_lines(source, "n.ipynb", 3), gathered)
    return [line.text for line in lines], [line.place.line for line in lines], gathered


@pytest.mark.parametrize("source", UNCHANGED)
def test_plain_python_stays(source: str) -> None:
    texts, places, gathered = read(source)
    assert texts == source.split("\n")
    assert places == list(range(1, len(texts) + 1))
    assert not gathered.omissions
    assert not gathered.helpers


REWRITTEN = [
    ("!ls -l", ['shell("ls -l")'], {"shell"}),
    ("files = !ls *.csv", ['files = shell_lines("ls *.csv")'], {"shell_lines"}),
    ("!!ls", ['shell_lines("ls")'], {"shell_lines"}),
    ("!head {name} | grep '$x'", ["shell(f\"head {name} | grep '$x'\")"], {"shell"}),
    ("!echo $name", ['shell(f"echo {name}")'], {"shell"}),
    ("!echo $HOME {name}", ['shell("echo $HOME {name}")'], {"shell"}),
    ("!awk '{print $1}' {name}", ["shell(\"awk '{print $1}' {name}\")"], {"shell"}),
    ("!find . -exec rm {} \\;", ['shell("find . -exec rm {} \\\\;")'], {"shell"}),
    ("for n in names:\n    !cat {n}", ["for n in names:", '    shell(f"cat {n}")'], {"shell"}),
    ("!wget \\\n  -q u\nx = 1", ['shell("wget    -q u")', "", "x = 1"], {"shell"}),
    ("%time model.fit(X)", ["model.fit(X)"], set()),
    ("%time x = f()", ["x = f()"], set()),
    ("x = %time f()", ["x = f()"], set()),
    ("%prun -s cumulative f()", ["f()"], set()),
    ("%%time\nx = 1\nx", ["", "x = 1", "x"], set()),
    ("%cd data", ["import os", 'os.chdir("data")'], set()),
    ("import os\n%cd {name}/x", ["import os", 'os.chdir(f"{name}/x")'], set()),
    ("%env A=b", ["import os", 'os.environ["A"] = "b"'], set()),
    ("%env A=b\nimport os", ["import os", 'os.environ["A"] = "b"', "import os"], set()),
    ("import os\n%env A=b", ["import os", 'os.environ["A"] = "b"'], set()),
    ("x = %env HOME", ["import os", 'x = os.environ["HOME"]'], set()),
    ("x = %pwd", ["import os", "x = os.getcwd()"], set()),
    ("%pylab inline", ["from pylab import *"], set()),
    ("ls data", ['shell("ls data")'], {"shell"}),
    ("if True:\n    %matplotlib inline", ["if True:", "    pass"], set()),
    ("if True:\n    %matplotlib inline\n    x = 1", ["if True:", "    pass", "    x = 1"], set()),
    ("%matplotlib inline\nx = 1", ["", "x = 1"], set()),
    ("get_ipython().run_line_magic('cd', 'd')", ["import os", 'os.chdir("d")'], set()),
    ("get_ipython().system('ls')", ['shell("ls")'], {"shell"}),
    (
        '%%bash\necho "a" \\\\\n\nls',
        ['shell_cell("""\\', 'echo "a" \\\\\\\\', "", "ls", '""")'],
        {"shell_cell"},
    ),
    (
        "%%script false --no-raise-error\nx",
        ['shell_cell("""\\', "x", '""", "false", check=False)'],
        {"shell_cell"},
    ),
    ("%%script echo not run\nx", ['shell_cell("""\\', "x", '""", "echo not run")'], {"shell_cell"}),
    (
        "%%bash --out found\nls",
        ["with capture() as found:", '    shell_cell("""\\', "ls", '""")', "found = found.stdout"],
        {"shell_cell", "capture"},
    ),
    ("%%script perl\nx", ['shell_cell("""\\', "x", '""", "perl")'], {"shell_cell"}),
    (
        '%%writefile a.py\ns = """x"""',
        [
            "from pathlib import Path",
            'Path("a.py").write_text("""\\',
            's = \\"\\"\\"x\\"\\"\\"',
            '""", encoding="utf-8")',
        ],
        set(),
    ),
    (
        "%%capture out\nx = f()\nimport os\ng()",
        ["", "with capture() as out:", "    x = f()", "import os", "with capture(out) as out:", "    g()"],
        {"capture"},
    ),
    (
        "%%capture\nimport os\nx = f()\ndef g():\n    pass\nprint('''a\n  b''')",
        [
            "import contextlib",
            "import io",
            "",
            "import os",
            "with contextlib.redirect_stdout(io.StringIO()):",
            "    x = f()",
            "def g():",
            "    pass",
            "with contextlib.redirect_stdout(io.StringIO()):",
            "    print('''a",
            "  b''')",
        ],
        set(),
    ),
    (" x = 1\n y = 2", ["x = 1", "y = 2"], set()),
    (">>> x = 1\n>>> y = 2", ["x = 1", "y = 2"], set()),
    ("from __future__ import division\nx = 1", ["", "x = 1"], set()),
    ("x = await f()", ["import asyncio", "x = asyncio.run(f())"], set()),
    ("x = await (f())", ["import asyncio", "x = asyncio.run(f())"], set()),
    ("async def f():\n    await g()", ["async def f():", "    await g()"], set()),
    ("str(get_ipython())", ["str(get_ipython())"], {"get_ipython"}),
    (
        "from IPython import get_ipython\nget_ipython()",
        ["from IPython import get_ipython", "get_ipython()"],
        set(),
    ),
]


@pytest.mark.parametrize(("source", "expected", "helpers"), REWRITTEN)
def test_magic_becomes_python(source: str, expected: list[str], helpers: set[str]) -> None:
    texts, places, gathered = read(source, "name")
    assert texts == expected
    assert gathered.helpers == helpers
    assert places == sorted(places)


OMITTED = [
    ("%matplotlib inline", "concerns only the notebook editor"),
    ("%load_ext autoreload", "concerns only the notebook editor"),
    ("np.sum?", "concerns only the notebook editor"),
    ("?np.sum", "concerns only the notebook editor"),
    ("%timeit f(x)", "measures time only; what it runs is run for nothing but the measurement"),
    ("%%timeit\nf(x)", "measures time only; what it runs is run for nothing but the measurement"),
    ("%%html\n<b>x</b>", "web content"),
    ("%%R\nx <- 1", "not Python"),
    ("%run missing.py", "the file that it runs is not in the source folder"),
    ("%unheard of", "the magic %unheard has no counterpart in Python"),
    ("!sudo apt-get install -y graphviz", "installs system packages; install them where the project runs"),
    ("!pip list", "installs packages, which the project declares"),
]


@pytest.mark.parametrize(("source", "reason"), OMITTED)
def test_omission_says_why(source: str, reason: str) -> None:
    texts, _, gathered = read(source)
    assert not any(texts)
    (omission,) = gathered.omissions
    assert (omission.source, omission.reason) == (source, reason)
    assert (omission.place.cell, omission.place.line) == (3, 1)


REQUIREMENTS = [
    ("%pip install a", ["a"]),
    ("pip install a", ["a"]),
    ("!pip install -q -U 'a>1' b==2 # c", ["'a>1'", "b==2"]),
    ("!pip install a && pip install b 2>&1 > /dev/null", ["a", "b"]),
    ("!pip install -r requirements.txt", []),
    ("!pip install a -f https://x.org/y", ["a"]),
    ("!{sys.executable} -m pip install a[b]", ["a[b]"]),
    ("!python -m pip install a", ["a"]),
    ("%conda install -y -c forge a=1.2", ["a==1.2.*"]),
    ("!pip install git+https://x.org/y", []),
    ("!pip install ./local", []),
]


@pytest.mark.parametrize(("source", "expected"), REQUIREMENTS)
def test_installs_become_requirements(source: str, expected: list[str]) -> None:
    texts, _, gathered = read(source)
    assert not any(texts)
    assert gathered.requirements == [one.strip("'") for one in expected]


REFUSED = [
    ("x = (", "n.ipynb is not valid Python.", "n.ipynb#cell3:1"),
    ("x = 1\nprint x", "n.ipynb is Python 2 code.", "n.ipynb#cell3:2"),
    ("x = %unheard of", "The value of a magic is used that graduate does not know.", "n.ipynb#cell3:1"),
    (
        "async with f() as g:\n    pass",
        "A cell awaits at top level what needs a running event loop.",
        "n.ipynb#cell3:1",
    ),
    (
        "y = 1\nx = await asyncio.gather(f(), g())",
        "A cell awaits at top level what needs a running event loop.",
        "n.ipynb#cell3:2",
    ),
]


@pytest.mark.parametrize(("source", "what", "where"), REFUSED)
def test_refusal_names_cell_and_line(source: str, what: str, where: str) -> None:
    with pytest.raises(ReadError) as caught:
        read(source)
    assert (caught.value.what, caught.value.where) == (what, where)
    assert caught.value.fix
