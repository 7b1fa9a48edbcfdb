"""`validate-data`: what the first good run recorded is compared with the data of later ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runtime_project import ProjectUnderTest, make_project

PIPELINE = """
from .utils.resume import Pipeline, Step


def prepare():
    import pandas as pd

    table = pd.read_csv("data/wine.csv")
    return table, table[["alcohol", "ash"]].to_numpy()


def train(rows):
    return float(rows.sum())


def evaluate(table, total):
    print(len(table), total)


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("table", "rows")),
    Step("train", train, role="train", program="a", takes=("rows",), gives=("total",)),
    Step("evaluate", evaluate, role="evaluate", program="a", takes=("table", "total")),
    package=__package__,
)
"""
WINE = "alcohol,ash,kind\n12.5,2,red\n13.5,3,white\n14.5,2,red\n"


@pytest.fixture
def project(tmp_path: Path) -> ProjectUnderTest:
    made = make_project(tmp_path / "project", PIPELINE)
    made.write("data/wine.csv", WINE)
    made.write("requirements.lock", "pandas")
    return made


IMPORT = "from .data.odd import Odd\n\n\ndef prep"
ODD = """
class Odd:
    def __init__(self, table):
        self.table = table

    def __len__(self):
        return len(self.table)

    @property
    def shape(self):
        raise ValueError("no shape")
"""


def problems(project: ProjectUnderTest) -> list[str]:
    said = project.run("validate-data", check=2).stderr.splitlines()
    return [line for line in said if "|" not in line and line.startswith(("data/", "preprocess-data: "))]


def test_the_first_good_run_is_what_later_data_is_compared_with(project: ProjectUnderTest) -> None:
    assert "data/profile.json" in project.run("train-all").stderr
    profile = json.loads((project.root / "data/profile.json").read_text())
    assert list(profile["values"]) == ["preprocess-data: rows", "preprocess-data: table"]
    assert list(profile["files"]) == ["data/wine.csv"]
    project.run("validate-data")
    project.write("data/wine.csv", WINE.replace("14.5", "145").replace("13.5", ""))
    assert problems(project) == ["data/wine.csv has another content than at the first good run"]
    project.run("train-all")
    assert problems(project) == [
        "data/wine.csv has another content than at the first good run",
        "preprocess-data: rows: 16.7% of it is not finite, not 0.0%",
        "preprocess-data: rows: its values go from 2 to 145, not from 2 to 14.5",
        "preprocess-data: table, column 'alcohol': 33.3% of it is missing, not 0.0%",
        "preprocess-data: table, column 'alcohol': its values go from 12.5 to 145, not from 12.5 to 14.5",
    ]
    project.run("validate-data", "--accept")
    project.run("validate-data")


def test_a_run_that_did_not_get_through_records_nothing(project: ProjectUnderTest) -> None:
    project.write("data/wine.csv", "alcohol,ash,kind\nmany,2,red\n")
    project.run("train-all", check=1)
    assert not (project.root / "data/profile.json").exists()
    project.write("data/wine.csv", WINE)
    project.run("train-all")
    assert "14.5" in (project.root / "data/profile.json").read_text()


def test_what_cannot_be_recorded_makes_no_run_a_bad_one(project: ProjectUnderTest) -> None:
    project.write("pkg/data/odd.py", ODD)
    project.write("pkg/data/__init__.py", "")
    text = (project.root / "pkg/pipeline.py").read_text()
    project.write(
        "pkg/pipeline.py", text.replace("return table,", "return Odd(table),").replace("def prep", IMPORT)
    )
    done = project.run("train-all")
    assert "could not be recorded (ValueError: no shape)" in done.stderr
    assert set(project.statuses().values()) == {"done"}
    assert not (project.root / "data/profile.json").exists()


def test_nothing_is_recorded_where_it_is_not_wanted(project: ProjectUnderTest) -> None:
    project.run("train-all", PIPELINE_RECORD="0")
    assert not (project.root / "data/profile.json").exists()


def test_a_bit_that_flipped_is_seen(project: ProjectUnderTest) -> None:
    """A file whose size and times are as before is read, and so are stored values."""
    project.run("train-all")
    path = project.root / "data/wine.csv"
    stat = path.stat()
    path.write_text(WINE.replace("14.5", "14.4"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert problems(project) == ["data/wine.csv has another content than at the first good run"]
    path.write_text(WINE)
    folder = project.root / ".pipeline_state"
    for each in folder.glob("objects/*"):
        for copy in (each, folder / "backups" / each.name):
            copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    assert any("is lost" in line for line in problems(project))


def test_the_manifest_of_data_files_is_checked(project: ProjectUnderTest) -> None:
    listed = {"data/wine.csv": {"bytes": len(WINE), "sha256": "0" * 64}, "data/none.csv": {"bytes": 1}}
    project.write("data/checksums.json", json.dumps({"files": listed}))
    assert problems(project) == [
        "data/wine.csv has another content than the manifest says",
        "data/none.csv is missing",
    ]
    assert not (project.root / "data/profile.json").exists()


def test_a_record_that_cannot_be_read_is_told(project: ProjectUnderTest) -> None:
    project.run("train-all")
    project.write("data/profile.json", "{")
    said = project.run("validate-data", check=2).stderr
    assert "data/profile.json" in said
    assert "validate-data --accept" in said
    project.run("validate-data", "--accept")
    project.run("validate-data")
