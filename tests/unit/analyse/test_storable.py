"""Values that cannot be stored between steps."""

from __future__ import annotations

import pytest

from graduate.analyse.storable import find_unstorable
from graduate.syntax.program import take_apart

SPARK = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.appName('a').getOrCreate()\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        ("df = spark.read.csv('a')\nn = df.count()\nrows = df.select('x').collect()[0]", {"df"}),
        (
            "a, b = spark.range(9).randomSplit([0.5, 0.5])\nboth = [a, b]\npdf = a.toPandas()",
            {"a", "b", "both"},
        ),
        ("def prep(d, n):\n    return d\ndf = prep(spark.range(3), 2)\nx = prep([1], 2)", {"df"}),
        (
            "from pyspark.ml.feature import Tokenizer\ntok = Tokenizer()\nout = tok.transform(spark.range(3))",
            {"tok", "out"},
        ),
        ("from pyspark.sql.types import StructType\nschema = StructType()", set()),
        ("import pyspark.sql.functions as F\nc = F.col('x') > 3\ntotal = sum([1, 2])", {"c"}),
    ],
)
def test_what_lives_in_spark(text: str, expected: set[str]) -> None:
    assert find_unstorable(take_apart("s.py", SPARK + text)) == {"spark", *expected}


def test_without_spark_names_are_as_they_were() -> None:
    text = "df = read.csv('a')\nfile = open('a')\nrows = (x for x in df)"
    assert find_unstorable(take_apart("s.py", text)) == {"file", "rows"}
