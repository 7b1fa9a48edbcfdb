"""What stands for `dbutils` elsewhere: the runtime's, and the one that the verification gives the original."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from graduate.runtime.databricks import dbutils as converted
from graduate.verify.observer.databricks import Utilities


@pytest.fixture(params=[converted, Utilities()], ids=["runtime", "observer"])
def dbutils(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    return request.param


def test_files_are_in_a_folder(dbutils: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fs = dbutils.fs
    assert fs.put("dbfs:/mnt/a.txt", "ä\n")
    assert capsys.readouterr().out == "Wrote 3 bytes.\n"
    with pytest.raises(FileExistsError):
        fs.put("/mnt/a.txt", "b")
    assert fs.put("/mnt/a.txt", "bc", True)
    assert (tmp_path / "dbfs/mnt/a.txt").read_bytes() == b"bc"
    assert fs.head("/dbfs/mnt/a.txt", 1) == "b"
    assert fs.cp("/mnt/a.txt", "/mnt/deep/b.txt")
    assert fs.mkdirs("/mnt/empty")
    found = [(each.path, each.name, each.size) for each in fs.ls("/mnt")]
    assert found == [
        ("dbfs:/mnt/a.txt", "a.txt", 2),
        ("dbfs:/mnt/deep/", "deep/", 0),
        ("dbfs:/mnt/empty/", "empty/", 0),
    ]
    assert [each.name for each in fs.ls("dbfs/mnt/a.txt")] == ["a.txt"]
    assert fs.cp("/mnt/deep", "/other", True)
    assert fs.mv("/other/b.txt", f"file:{tmp_path}/c.txt")
    assert (tmp_path / "c.txt").read_text() == "bc"
    assert [each.path for each in fs.ls(f"file:{tmp_path}/c.txt")] == [f"file:{tmp_path}/c.txt"]
    assert (fs.rm("/mnt", True), fs.rm("/mnt", True)) == (True, False)
    assert fs.mount(source="s", mount_point="/mnt/s") is True
    with pytest.raises(FileNotFoundError):
        fs.ls("/mnt")


def test_widgets_are_in_the_environment(dbutils: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("given", "7")
    monkeypatch.setenv("a_b", "")
    monkeypatch.delenv("a_b")
    dbutils.widgets.text("given", "1")
    dbutils.widgets.dropdown("a b", defaultValue="x", choices=["x"])
    assert (dbutils.widgets.get("given"), dbutils.widgets.get("a b")) == ("7", "x")
    assert dbutils.widgets.getArgument("none of it", "d") == "d"
    dbutils.widgets.remove("a b")
    assert "a_b" not in os.environ
    with pytest.raises(KeyError):
        dbutils.widgets.get("a b")


def test_secrets_are_in_the_environment(dbutils: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "abc")
    assert dbutils.secrets.get(scope="s", key="my-token") == "abc"
    with pytest.raises(KeyError):
        dbutils.secrets.get("s", "none")


def test_what_needs_a_cluster(dbutils: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        dbutils.notebook.exit("done")
    assert (left.value.code, capsys.readouterr().out) == (None, "Notebook exited: done\n")
    with pytest.raises(NotImplementedError, match="other"):
        dbutils.notebook.run("other", 60)
    assert dbutils.jobs.taskValues.get("t", "k", default=1, debugValue=2) == 2
    with pytest.raises(ValueError, match="k"):
        dbutils.jobs.taskValues.get("t", "k")
    assert dbutils.library.restartPython() is None


def test_it_can_be_stored() -> None:
    assert pickle.loads(pickle.dumps(converted)).fs.mounts() == []
