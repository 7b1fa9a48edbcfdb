"""Scratch copies hold what the code needs, and changes are known by the paths that the code uses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from graduate.model.source import OtherFile, Program, SourceModule, Sources
from graduate.verify.scratch import copy_project, copy_source, find_changes, take_snapshot, through_links


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def listing(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir()}


def test_the_source_copy_has_what_was_read_and_what_lies_around_it(tmp_path: Path) -> None:
    root = tmp_path / "source"
    deep = "a/b/c/d/e/f/deep.csv"
    write(root, "train.py", "beside.py", "data/x.csv", deep, "env/pyvenv.cfg", "env/lib/x.py")
    write(root, "__pycache__/t.pyc", ".git/HEAD", "study-production/conversion.json")
    (root / "results").mkdir()
    module = SourceModule("train.py", "script", "train.py")
    sources = Sources("s", str(root), (module,), (Program("train", "train.py"),), (OtherFile(deep, 1),))
    copy_source(sources, tmp_path / "copy")
    assert listing(tmp_path / "copy") == {"train.py", "beside.py", "data/x.csv", deep}
    assert (tmp_path / "copy" / "results").is_dir()


def test_a_read_only_file_can_be_written_in_the_copy(tmp_path: Path) -> None:
    root = tmp_path / "source"
    write(root, "x.csv", "train.py")
    (root / "x.csv").chmod(0o444)
    module = SourceModule("train.py", "script", "")
    copy_source(Sources("s", str(root), (module,), ()), tmp_path / "copy")
    assert os.access(tmp_path / "copy" / "x.csv", os.W_OK)
    assert (tmp_path / "copy" / "x.csv").stat().st_mode & 0o200


def test_the_project_copy_starts_without_results(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(root, "pkg/pipeline.py", ".venv/bin/python", ".pipeline_state/state.json", "logs/pipeline.jsonl")
    write(root, "pkg/logs/inside.py", "reports/figures/old.png", "data/x.csv")
    (root / "x.csv").symlink_to("data/x.csv")
    copy_project(root, tmp_path / "fresh")
    assert listing(tmp_path / "fresh") == {"pkg/pipeline.py", "pkg/logs/inside.py", "data/x.csv", "x.csv"}
    assert (tmp_path / "fresh" / "x.csv").is_symlink()
    copy_project(root, tmp_path / "whole", state=True)
    assert ".pipeline_state/state.json" in listing(tmp_path / "whole")


def test_changes_are_known_by_the_link_that_the_code_used(tmp_path: Path) -> None:
    root = tmp_path
    write(root, "data/x.csv", "data/input/a.csv", "same.txt", "gone.txt")
    (root / "x.csv").symlink_to("data/x.csv")
    (root / "input").symlink_to("data/input")
    before = take_snapshot(root)
    (root / "x.csv").write_text("a longer text")
    (root / "input" / "b.csv").write_text("b")
    (root / "gone.txt").unlink()
    write(root, "out/new.txt", "logs/pipeline.jsonl", "__pycache__/x.pyc")
    changes = find_changes(root, before, ("logs/pipeline.jsonl",))
    assert changes == {
        "x.csv": root / "data/x.csv",
        "input/b.csv": root / "data/input/b.csv",
        "gone.txt": None,
        "out/new.txt": root / "out/new.txt",
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/x.csv", "x.csv"),
        ("data/in/y", "in/y"),
        ("data/other", "data/other"),
        ("data/inner", "data/inner"),
    ],
)
def test_through_links(path: str, expected: str) -> None:
    assert through_links(path, {"x.csv": "data/x.csv", "in": "data/in"}) == expected


def test_copy_of_a_project_that_has_run_holds_none_of_its_results(tmp_path: Path) -> None:
    root = tmp_path / "project"
    state = root / ".pipeline_state" / "state"
    state.mkdir(parents=True)
    for name in ("clean.csv", "wine.csv", "mine.txt"):
        (root / name).write_text("x")
    (root / "conversion.json").write_text('{"files": ["wine.csv"]}')
    wrote = {"clean.csv": [1, 1, 1, "hash"], "wine.csv": [1, 1, 1, "hash"], "../outside": [1, 1, 1, "hash"]}
    (state / "00000001.json").write_text(json.dumps({"steps": {"clean": {"wrote": wrote}, "model": {}}}))
    (state / "00000002.json").write_text("torn")
    (tmp_path / "outside").write_text("x")
    copy_project(root, tmp_path / "fresh")
    assert {p.name for p in (tmp_path / "fresh").iterdir()} == {"conversion.json", "mine.txt", "wine.csv"}
    assert (tmp_path / "outside").exists()
