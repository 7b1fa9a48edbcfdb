"""R Markdown, Quarto and marimo notebooks, and cells that show an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from notebooks import cell, write_notebook

from graduate.errors import ReadError
from graduate.read.project import read_project

CHUNKS = """---
title: A study
---

# Load

```{python setup, echo=FALSE}
x = [1, 2]
len(x)
```

```{python, eval=FALSE}
raise ValueError
```

```{python}
#| eval: false
y = 3
```

## Train

```{python}
print(x)
```
"""

MARIMO = '''import marimo

__generated_with = "0.9"
app = marimo.App(width="medium")

with app.setup:
    import random


@app.cell
def _(data, scale):
    print(scale(data), TEXT)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("# Load the data")
    return


@app.function
def scale(values):
    return [2 * value for value in values]


@app.cell
def _():
    random.seed(1)
    data = [random.random()]
    TEXT = """
  kept as it is"""
    return TEXT, data


@app.cell(disabled=True)
def _():
    return


@app.cell(disabled=True)
def _(data):
    raise ValueError
    return


if __name__ == "__main__":
    app.run()
'''


def code(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


@pytest.mark.parametrize("suffix", ["Rmd", "qmd"])
def test_chunks(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"study.{suffix}").write_text(CHUNKS)
    (tmp_path / "only_r.Rmd").write_text("```{r}\nplot(1)\n```\n")
    sources = read_project(tmp_path)
    assert [program.path for program in sources.programs] == [f"study.{suffix}"]
    module = sources.modules[0]
    assert code(module.text) == ["x = [1, 2]", "display(len(x))", "print(x)"]
    assert [each.heading for each in module.cells] == ["Load", "Train"]


MYST = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# Load

```{code-cell} ipython3
x = [1, 2]
len(x)
```

```python
never = "run"
```

# Train

```{code-cell} ipython3
:tags: [raises-exception]

print(x)
```
"""
JUPYTEXT_MARKDOWN = """\
---
jupyter:
  jupytext:
    formats: ipynb,md
    text_representation:
      extension: .md
      format_name: markdown
---

# Load

```python
x = [1, 2]
len(x)
```

# Train

```python tags=["raises-exception"]
print(x)
```
"""


@pytest.mark.parametrize("text", [MYST, JUPYTEXT_MARKDOWN], ids=["myst", "markdown"])
def test_markdown(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.md").write_text(text)
    (tmp_path / "notes.md").write_text("# Notes\n\njupytext: no header\n\n```python\nprint(1)\n```\n")
    sources = read_project(tmp_path)
    assert [program.path for program in sources.programs] == ["study.md"]
    assert [file.path for file in sources.files] == ["notes.md"]
    module = sources.modules[0]
    assert code(module.text) == [
        "x = [1, 2]",
        "display(len(x))",
        "try:",
        "    print(x)",
        "except Exception as expected:",
        "    show_error(expected)",
    ]
    assert [each.heading for each in module.cells] == ["Load", "Train"]


def test_markdown_in_another_language(tmp_path: Path) -> None:
    (tmp_path / "study.md").write_text(MYST.replace("language: python", "language: julia"))
    with pytest.raises(ReadError, match="another language: julia"):
        read_project(tmp_path)


def test_markdown_with_a_header_that_says_too_little(tmp_path: Path) -> None:
    (tmp_path / "study.md").write_text(MYST.replace("  display_name: Python 3\n", ""))
    with pytest.raises(ReadError, match="'display_name' is a required property"):
        read_project(tmp_path)


def test_markdown_beside_its_notebook(tmp_path: Path) -> None:
    (tmp_path / "study.md").write_text(JUPYTEXT_MARKDOWN.replace(' tags=["raises-exception"]', ""))
    write_notebook(tmp_path / "study.ipynb", cell("x = [1, 2]\nlen(x)"), cell("print(x)"))
    assert [program.path for program in read_project(tmp_path).programs] == ["study.ipynb"]


def test_marimo(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text(MARIMO)
    module = read_project(tmp_path).modules[0]
    assert code(module.text) == [
        "import random",
        'mo.md("# Load the data")',
        "def scale(values):",
        "    return [2 * value for value in values]",
        "random.seed(1)",
        "data = [random.random()]",
        'TEXT = """',
        '  kept as it is"""',
        "print(scale(data), TEXT)",
    ]
    line = module.text.split("\n").index("random.seed(1)") + 1
    assert str(module.place(line)) == "study.py:29"
    assert [each.reason for each in module.omissions] == ["the cell is disabled"]


def test_marimo_cells_that_need_each_other(tmp_path: Path) -> None:
    text = MARIMO.replace("def _():\n    random.seed", "def _(late):\n    random.seed")
    text = text.replace("def _(data, scale):\n", "def _(data, scale):\n    late = 1\n")
    (tmp_path / "study.py").write_text(text)
    with pytest.raises(ReadError, match="need each other"):
        read_project(tmp_path)


def test_cells_that_show_an_error(tmp_path: Path) -> None:
    def failed(source: str, name: str, count: int) -> dict[str, object]:
        output = {"output_type": "error", "ename": name, "evalue": "", "traceback": []}
        return cell(source, outputs=[output], execution_count=count)

    write_notebook(
        tmp_path / "n.ipynb",
        failed("x = 1 / 0", "ZeroDivisionError", 1),
        failed("import nothing", "ModuleNotFoundError", 2),
        failed("fit()", "KeyboardInterrupt", 3),
        cell("y = 2", metadata={"tags": ["raises-exception"]}, execution_count=4),
        failed("z = 3 / 0", "ZeroDivisionError", 5),
    )
    module = read_project(tmp_path).modules[0]
    goes_on = ["except Exception as expected:", "    show_error(expected)"]
    assert code(module.text) == [
        *("try:", "    x = 1 / 0", *goes_on),
        *("import nothing", "display(fit())"),
        *("try:", "    y = 2", *goes_on),
        "z = 3 / 0",
    ]
    assert [str(place) for place in module.expected_errors] == ["n.ipynb#cell1:1", "n.ipynb#cell4:1"]
