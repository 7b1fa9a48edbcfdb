"""Databricks notebooks, read for a machine that is none of its clusters."""

from __future__ import annotations

import pytest

from graduate.model.source import Cell, SourceModule
from graduate.read.databricks import without_databricks

N = "os.environ.get(\"n\", '5')"
AB = "os.environ.get(\"a_b\", 'x')"


def read(text: str, *cells: Cell) -> SourceModule:
    return without_databricks(SourceModule("n.py", "percent", text, cells=cells))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'dbutils.widgets.text("n", "5", "N")\nn = int(dbutils.widgets.get("n"))',
            f'import os\ndbutils.widgets.text("n", {N}, "N")\nn = int({N})',
        ),
        (
            'dbutils.widgets.dropdown(name="a b", defaultValue="x", choices=[])\nv = getArgument("a b")',
            f'import os\ndbutils.widgets.dropdown(name="a b", defaultValue={AB}, choices=[])\nv = {AB}',
        ),
        ('n = dbutils.widgets.get("n")', 'n = dbutils.widgets.get("n")'),
        (
            'dbutils.widgets.text("n", "1")\ndbutils.widgets.text("n", "2")\nn = dbutils.widgets.get("n")',
            'dbutils.widgets.text("n", "1")\ndbutils.widgets.text("n", "2")\nn = dbutils.widgets.get("n")',
        ),
        (
            'dbutils.widgets.text("n", str(f()))\nn = dbutils.widgets.get("n")',
            'dbutils.widgets.text("n", str(f()))\nn = dbutils.widgets.get("n")',
        ),
        (
            "t = dbutils.secrets.get(scope='s', key='my-token')",
            'import os\nt = os.environ["MY_TOKEN"]',
        ),
        (
            "t = [dbutils.secrets.get(\n  's',\n  'k')]\ndbutils.notebook.exit(\n  dbutils.secrets.get('s', 'k'))",
            'import os\nt = [(os.environ["K"]\n\n)]\nprint(\n  "Notebook exited:", os.environ["K"])',
        ),
        ("x = 1\ndbutils.notebook.exit(x)", 'x = 1\nprint("Notebook exited:", x)'),
        (
            "if x:\n    dbutils.notebook.exit('no')\ny = 1",
            "import sys\nif x:\n    sys.exit(print(\"Notebook exited:\", 'no'))\ny = 1",
        ),
    ],
)
def test_services(text: str, expected: str) -> None:
    module = read(text)
    assert module.text == expected
    assert module.helpers == (("dbutils",) if "dbutils" in expected else ())


def test_the_session_of_spark_is_made_below_the_stars_that_are_above_its_use() -> None:
    text = "from a import b\nfrom pyspark.sql.types import *\nn = 1\ndf = spark.range(n)\nsc.setLogLevel('x')"
    module = read(text, Cell(1, 1, 2), Cell(2, 3, 5))
    assert module.text.split("\n")[2:6] == [
        "from pyspark.sql import SparkSession",
        "spark = SparkSession.builder.getOrCreate()",
        "sc = spark.sparkContext",
        "n = 1",
    ]
    assert [(c.first_line, c.end_line) for c in module.cells] == [(1, 2), (6, 8)]
    assert [module.place(n).line for n in (1, 2, 6, 7, 8)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "text",
    [
        "spark = make()\nspark.range(3)",
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()",
        "from tools import dbutils\ndbutils.widgets.text('n', '1')\nn = dbutils.widgets.get('n')",
        "print('dbutils.fs')",
    ],
)
def test_what_the_notebook_makes_itself_stays(text: str) -> None:
    assert read(text) == SourceModule("n.py", "percent", text)
