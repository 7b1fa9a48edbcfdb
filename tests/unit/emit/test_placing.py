"""Where data and configuration files go, and which links lead there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graduate.emit.placing import find_clashes, find_missing, place_data, render_data
from graduate.emit.write import write_project
from graduate.model.facts import DataFile
from graduate.model.project import Project
from graduate.model.source import Place

OCCUPIED = (
    "configs/default.yaml",
    "study/pipeline.py",
    "study/data/loaders.py",
    "README.md",
    "tests/unit/a.py",
)


def file(path: str, *, size: int = 3, copied: bool = True, place: Place | None = None) -> DataFile:
    return DataFile(path, size, "0" * 64, copied, place)


CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    # research paths → ({stored: research path}, {link: target})
    "a file": ({"data/wine.csv": "wine.csv"}, {"wine.csv": "data/wine.csv"}),
    "below data": ({"data/a/b.csv": "data/a/b.csv"}, {}),
    "a folder": (
        {"data/input/a.csv": "input/a.csv", "data/input/deep/b.csv": "input/deep/b.csv"},
        {"input": "data/input"},
    ),
    "configuration": ({"configs/config.yaml": "config.yaml"}, {"config.yaml": "configs/config.yaml"}),
    "a folder of configuration": (
        {"configs/conf/a.yaml": "conf/a.yaml", "configs/conf/b.toml": "conf/b.toml"},
        {"conf": "configs/conf"},
    ),
    "a folder of both": (
        {"data/input/a.csv": "input/a.csv", "data/input/b.json": "input/b.json"},
        {"input": "data/input"},
    ),
    "below configs": ({"configs/model.yaml": "configs/model.yaml"}, {}),
    "a default of its own": ({"configs/default.yml": "default.yml"}, {"default.yml": "configs/default.yml"}),
    "the package's folder": (
        {"data/study/raw/a.csv": "study/raw/a.csv"},
        {"study/raw": "../data/study/raw"},
    ),
    "a folder of the package": (
        {"data/study/data/raw/a.csv": "study/data/raw/a.csv"},
        {"study/data/raw": "../../data/study/data/raw"},
    ),
    "two at one place": (
        {"data/wine.csv": "data/wine.csv", "wine.csv": "wine.csv"},
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_places(name: str) -> None:
    stored, links = CASES[name]
    placements = place_data([file(path) for path in stored.values()], OCCUPIED)
    assert {each.stored: each.file.path for each in placements} == stored
    files = {each.path: each for each in render_data(placements, "/research")}
    assert {path: each.link_to for path, each in files.items() if each.link_to is not None} == links
    copies = {path: each.copy_of for path, each in files.items() if each.copy_of is not None}
    assert copies == {path: f"/research/{original}" for path, original in stored.items()}


@pytest.mark.parametrize("name", CASES)
def test_the_code_finds_its_files(name: str, tmp_path: Path) -> None:
    stored, _ = CASES[name]
    source = tmp_path / "research"
    for path in stored.values():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(path)
    files = render_data(place_data([file(path) for path in stored.values()], OCCUPIED), str(source))
    write_project(Project("study", files), tmp_path / "out", source_root=source)
    for path in stored.values():
        assert (tmp_path / "out" / path).read_text() == path


@pytest.mark.parametrize("path", ["README.md", "study/pipeline.py", "data/checksums.json"])
def test_a_file_that_is_read_and_whose_place_is_taken(path: str) -> None:
    read = file(path, place=Place("train.py", 7, 7))
    placements = place_data([read, file("a.csv")], OCCUPIED)
    assert [each.file.path for each in placements] == ["a.csv"]
    (clash,) = find_clashes([read, file("a.csv"), file("Makefile")], placements)
    assert (clash.code, str(clash.place)) == ("G114", "train.py:7")


def test_a_file_that_nobody_reads_gives_way() -> None:
    assert place_data([file("README.md")], OCCUPIED) == ()


def test_a_big_file_is_declared() -> None:
    placements = place_data([file("big.bin", size=5, copied=False), file("a.csv")], OCCUPIED)
    assert [each.file.path for each in find_missing(placements)] == ["big.bin"]
    files = {each.path: each for each in render_data(placements, "/research")}
    assert "data/big.bin" not in files
    assert files["big.bin"].link_to == "data/big.bin"
    listed = json.loads(files["data/checksums.json"].text or "")["files"]
    assert listed["data/big.bin"] == {
        "bytes": 5,
        "sha256": "0" * 64,
        "research_path": "big.bin",
        "message": "Too big to be copied (5 bytes). Copy or link big.bin of the research folder to data/big.bin.",
    }
    assert listed["data/a.csv"] == {"bytes": 3, "sha256": "0" * 64, "research_path": "a.csv"}


def test_a_folder_of_big_files_is_there_to_put_them_into(tmp_path: Path) -> None:
    files = render_data(place_data([file("input/big.bin", copied=False)], OCCUPIED), "/research")
    write_project(Project("study", files), tmp_path / "out", source_root=tmp_path / "none")
    (tmp_path / "out" / "data" / "input" / "big.bin").write_text("x")
    assert (tmp_path / "out" / "input" / "big.bin").read_text() == "x"
