"""The cells of Databricks notebooks."""

from __future__ import annotations

import pytest

from graduate.read.databricks_cells import as_jupyter, split_cells

SOURCE = """\
# Databricks notebook source
# MAGIC %md
# MAGIC # A title

# COMMAND ----------

# DBTITLE 1,What it does
x = 1
# a comment

# COMMAND ----------

# MAGIC %sh
# MAGIC echo a
# MAGIC echo b
"""


def test_a_file_is_split_where_its_comments_say() -> None:
    cells = list(split_cells(SOURCE))
    assert [(line, kind) for line, kind, _ in cells] == [(1, "markdown"), (6, "code"), (12, "code")]
    assert cells[0][2].strip() == "# A title"
    assert cells[1][2] == "\n\nx = 1\n# a comment\n"
    assert cells[2][2] == "\n%%sh \necho a\necho b\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%python\nx = 1", "\nx = 1"),
        ("%fs ls /mnt/a", 'display(dbutils.fs.ls("/mnt/a"))'),
        ("%fs\ncp a b", 'display(dbutils.fs.cp("a", "b"))'),
        ("%scala\nval x = 1", "%%scala \nval x = 1"),
        ("%run ./other", "%run ./other\n"),
        ('%run ./other $rate="0.1"', 'import os\nos.environ["rate"] = "0.1"\n%run ./other\n'),
        ("%pip install a\n%pip install b", "%pip install a\n%pip install b"),
        ("%matplotlib inline\nx = 1", "%matplotlib inline\nx = 1"),
        ("%sql select 1", '_sqldf = spark.sql("""\\\nselect 1\n""")\ndisplay(_sqldf)'),
        (
            "%sql\nuse a;\nselect ';'\nfrom b;\n",
            'spark.sql("""\\\nuse a\n""")\n_sqldf = spark.sql("""\\\nselect \';\'\nfrom b\n""")\ndisplay(_sqldf)',
        ),
        ("%sql\n", ""),
    ],
)
def test_magics_for_a_whole_cell_have_one_mark(source: str, expected: str) -> None:
    assert as_jupyter("code", source) == ("code", expected)


def test_text_is_not_code() -> None:
    assert as_jupyter("code", "%md # Title\nmore") == ("markdown", "# Title\nmore")
    assert as_jupyter("markdown", "%sql") == ("markdown", "%sql")
