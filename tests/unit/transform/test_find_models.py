"""Which names hold a model at the end, and that the pipeline gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from graduate import conversion


def models_of(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "train.py").write_text(text)
    return conversion.convert(folder / "train.py", folder / "out", lock=False, force=True).modules.models


HEAD = """import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

x = np.arange(20.0).reshape(10, 2)
y = np.arange(10) % 2
scaled = StandardScaler().fit_transform(x)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clf = LogisticRegression()\nclf.fit(scaled, y)\nprint(clf.score(scaled, y))\n", ("clf",)),
        ("clf = LogisticRegression().fit(scaled, y)\nprint(clf.score(scaled, y))\n", ("clf",)),
        (
            "zoo = {'a': LogisticRegression(), 'b': RandomForestClassifier(3)}\n"
            "for name, each in zoo.items():\n    each.fit(scaled, y)\n"
            "best = zoo['a']\nprint(best.score(scaled, y))\n",
            ("zoo", "best"),
        ),
        ("print(scaled.mean())\n", ()),
        ("total = 0\nfor i in range(1000):\n    total += scaled[i % 10, 0]\nprint(total)\n", ()),
    ],
)
def test_models_of_a_script(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    assert models_of(tmp_path, HEAD + text) == expected


def test_a_model_that_nothing_takes_is_given_to_the_end(tmp_path: Path) -> None:
    models_of(
        tmp_path, HEAD + "clf = LogisticRegression()\nclf.fit(scaled, y)\nprint(clf.score(scaled, y))\n"
    )
    pipeline = (tmp_path / "out" / "train" / "pipeline.py").read_text()
    assert '    models=("clf",),\n' in pipeline
    assert "return clf" in pipeline
