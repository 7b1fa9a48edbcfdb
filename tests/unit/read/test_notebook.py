"""Whole notebooks: displayed values, figures, headings, places."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat
import pytest
from notebooks import cell, markdown, write_notebook

from graduate.errors import InvalidPythonError, Python2Error
from graduate.model.source import Place, SourceModule
from graduate.read.notebook import read_notebook


def read(tmp_path: Path, *cells: str) -> SourceModule:
    write_notebook(tmp_path / "n.ipynb", *cells)
    return read_notebook(tmp_path, "n.ipynb")


SHOWN = [
    ("df.head()", "display(df.head())"),
    ("x = 1; x", "x = 1; display(x)"),
    ("a, b", "display((a, b))"),
    ("α, b", "display((α, b))"),
    ("(a, b)", "display((a, b))"),
    ("(df\n .head()\n)", "display(df\n .head()\n)"),
    ("(a) + (b)", "display((a) + (b))"),
    ("(x for x in y)", "display((x for x in y))"),
    ("f(1,  # one\n  2)  # two", "display(f(1,  # one\n  2))  # two"),
    ('"text"', 'display("text")'),
    ("é.ü", "display(é.ü)"),
    ("x # a; b", "display(x) # a; b"),
    ("%time f()", "display(f())"),
    ("%%time\nf()", "\ndisplay(f())"),
]


@pytest.mark.parametrize(("source", "expected"), SHOWN)
def test_last_expression_is_displayed(tmp_path: Path, source: str, expected: str) -> None:
    module = read(tmp_path, source)
    assert module.text == expected + "\n"
    assert module.cells[0].shows
    assert module.helpers == ("display",)


HIDDEN = [
    "x = 1",
    "f();",
    "f(); # comment",
    "print(1)",
    "df.drop(1, inplace=True)",
    "df.to_csv('x')",
    "None",
    "for x in y:\n    x",
    "def f():\n    print(1)\nf()",
    "%%capture\nf()",
    "%%writefile a.txt\nx",
    "!ls",
]


@pytest.mark.parametrize("source", HIDDEN)
def test_nothing_is_displayed(tmp_path: Path, source: str) -> None:
    module = read(tmp_path, source)
    assert "display" not in module.text
    assert not module.cells[0].shows


def test_a_function_that_returns_a_value_is_displayed(tmp_path: Path) -> None:
    module = read(tmp_path, "def f():\n    return 1", "f()", "def g(x):\n    print(x)", "g(1)")
    assert module.text.split("\n")[3] == "display(f())"
    assert "display(g" not in module.text


DRAWING = [
    ("import matplotlib.pyplot as plt", "plt.plot(x);"),
    ("import seaborn as sns", "sns.heatmap(x);"),
    ("from matplotlib import pyplot", "pyplot.imshow(x);"),
    ("import pandas as pd", "df['a'].plot();"),
    ("import pandas as pd", "df.plot.scatter('a', 'b');"),
    ("import pandas as pd", "ax = df.hist()"),
    ("import matplotlib.pyplot as plt\ndef curve(x):\n    plt.plot(x)", "curve(x);"),
    ("import matplotlib.pyplot as plt\ndef a(x):\n    plt.plot(x)\ndef b(x):\n    a(x)", "b(x);"),
    ("from helpers import plot_history", "plot_history(h);"),
    ("import matplotlib.pyplot as plt", "for x in y:\n    plt.plot(x)"),
    ("import matplotlib.pyplot as plt", "fig, ax = plt.subplots()"),
]


@pytest.mark.parametrize(("before", "source"), DRAWING)
def test_figures_are_shown_after_the_cell_that_draws(tmp_path: Path, before: str, source: str) -> None:
    module = read(tmp_path, before, source)
    assert module.text.endswith(f"{source}\nshow_figures()\n")
    assert module.text.count("show_figures") == 1
    last = source.count("\n") + 1
    assert module.places[-1] == Place("n.ipynb", last, last, 2)
    assert module.cells[1].end_line == len(module.places)


QUIET = [
    "import matplotlib.pyplot as plt",
    "plt.rcParams['figure.figsize'] = (3, 4)",
    "plt.style.use('ggplot')",
    "sns.set_theme();",
    "def curve(x):\n    plt.plot(x)",
    "x = df.head()",
]


@pytest.mark.parametrize("source", QUIET)
def test_no_figures_after_a_cell_that_does_not_draw(tmp_path: Path, source: str) -> None:
    module = read(tmp_path, "import seaborn as sns, matplotlib.pyplot as plt", source)
    assert "show_figures" not in module.text


def test_headings_markdown_and_places(tmp_path: Path) -> None:
    module = read(
        tmp_path,
        markdown("# Title\ntext"),
        markdown("## Load the **data**"),
        "x = 1\n\ny = 2",
        "",
        cell("raw", "raw"),
        "z = 3",
    )
    assert module.text == "x = 1\n\ny = 2\n\nz = 3\n"
    first, empty, last = module.cells
    assert (first.number, first.first_line, first.end_line) == (3, 1, 3)
    assert first.heading == "Load the data"
    assert first.markdown == "# Title\ntext\n\n## Load the **data**"
    assert empty.end_line == empty.first_line - 1
    assert (last.heading, last.markdown, last.first_line, last.end_line) == ("Load the data", "", 5, 5)
    assert module.place(3) == Place("n.ipynb", 3, 3, 3)
    assert module.place(5) == Place("n.ipynb", 1, 1, 6)
    assert len(module.places) == module.text.count("\n")


def test_annotations_future_stands_at_the_top(tmp_path: Path) -> None:
    module = read(tmp_path, "x = 1", "from __future__ import annotations\ny: Later = 2")
    assert module.text.startswith("from __future__ import annotations\n\nx = 1\n")
    compile(module.text, "n", "exec")
    assert module.cells[0].first_line == 3


def test_own_display_and_imported_display(tmp_path: Path) -> None:
    imported = read(tmp_path, "from IPython.display import display, HTML\ndisplay(x)")
    assert imported.text == "from IPython.display import HTML\ndisplay(x)\n"
    assert imported.helpers == ("display",)
    own = read(tmp_path, "def display(x):\n    return 1", "x")
    assert own.text.endswith("\nx\n")
    assert own.helpers == ()
    assert "defines its own" in own.omissions[0].reason


def test_run_puts_the_statements_in_place(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("import os\nlimit = 3\n")
    write_notebook(tmp_path / "more.ipynb", "extra = limit")
    module = read(tmp_path, "%run setup.py\n%run more", "limit + extra")
    assert [line for line in module.text.split("\n") if line] == [
        "import os",
        "limit = 3",
        "extra = limit",
        "display(limit + extra)",
    ]
    assert module.places[1] == Place("setup.py", 2, 2)


def test_cells_run_from_top_to_bottom_where_that_works(tmp_path: Path) -> None:
    write_notebook(tmp_path / "n.ipynb", cell("x = 1", execution_count=7), cell("y = 2", execution_count=3))
    module = read_notebook(tmp_path, "n.ipynb")
    assert ast.unparse(ast.parse(module.text)) == "x = 1\ny = 2"
    seen = "cell 2 was last run as [3], before cell 1 as [7]"
    assert module.order == f"the cells run from top to bottom, though {seen}"


def test_cells_run_in_the_order_of_their_counts_where_only_that_works(tmp_path: Path) -> None:
    cells = (
        cell("def f():\n    return x\nf() + y", execution_count=2),
        cell("x = y = 1", execution_count=1),
        "",
        cell("z = [x for x in range(y)]", execution_count=4),
    )
    write_notebook(tmp_path / "n.ipynb", *cells)
    module = read_notebook(tmp_path, "n.ipynb")
    assert [found.number for found in module.cells] == [2, 1, 4, 3]
    assert module.place(1).cell == 2
    reason = "from top to bottom cell 1 would use y before it has a value"
    assert module.order == f"the cells run in the order of their execution counts: {reason}"


def test_cells_in_order_need_no_word(tmp_path: Path) -> None:
    write_notebook(
        tmp_path / "n.ipynb", cell("print(x)", execution_count=1), cell("x = 2", execution_count=3)
    )
    assert read_notebook(tmp_path, "n.ipynb").order == ""


def test_cell_that_failed_to_parse_for_its_author_is_left_out(tmp_path: Path) -> None:
    failed = cell("x = (:, 1)", outputs=[{"output_type": "error", "ename": "SyntaxError"}])
    write_notebook(tmp_path / "n.ipynb", "y = 1", failed)
    module = read_notebook(tmp_path, "n.ipynb")
    assert ast.unparse(ast.parse(module.text)) == "y = 1"
    assert module.omissions[0].source == "x = (:, 1)"


def test_cell_that_its_author_never_ran_need_not_parse(tmp_path: Path) -> None:
    cells = [
        cell("y = 1", execution_count=1),
        cell("The *power method* it is."),
        cell("print(y)", execution_count=2),
    ]
    write_notebook(tmp_path / "n.ipynb", *cells)
    module = read_notebook(tmp_path, "n.ipynb")
    assert ast.unparse(ast.parse(module.text)) == "y = 1\nprint(y)"
    assert [str(each.place) for each in module.omissions] == ["n.ipynb#cell2:1"]
    write_notebook(tmp_path / "n.ipynb", "y = 1", "The *power method* it is.")
    with pytest.raises(InvalidPythonError):
        read_notebook(tmp_path, "n.ipynb")
    write_notebook(tmp_path / "n.ipynb", cells[0], "print y")
    with pytest.raises(Python2Error):
        read_notebook(tmp_path, "n.ipynb")


def test_old_format_with_headings(tmp_path: Path) -> None:
    heading = {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["Fit the model"]}
    code = {
        "cell_type": "code",
        "input": ["x = 1\n", "x"],
        "language": "python",
        "outputs": [],
        "prompt_number": 3,
    }
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [heading, code]}],
    }
    (tmp_path / "n.ipynb").write_text(json.dumps(old))
    module = read_notebook(tmp_path, "n.ipynb")
    assert (module.text, module.cells[0].heading) == ("x = 1\ndisplay(x)\n", "Fit the model")


def test_old_format_is_upgraded(tmp_path: Path) -> None:
    new = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1\nx")])
    old = nbformat.convert(new, 3)
    (tmp_path / "n.ipynb").write_text(nbformat.writes(old, version=3))
    assert read_notebook(tmp_path, "n.ipynb").text == "x = 1\ndisplay(x)\n"
