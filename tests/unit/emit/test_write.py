"""What is written, and what of an earlier project is kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from graduate.emit import exchange
from graduate.emit.write import write_project
from graduate.model.project import ProjectFile
from refusals.test_write import contents, project


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "wine.csv").write_bytes(b"a,b\r\n1,2\r\n")
    return folder


def test_texts_copies_and_links(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    more = (
        ProjectFile("data/wine.csv", copy_of=str(source / "wine.csv")),
        ProjectFile("wine.csv", link_to="data/wine.csv"),
        ProjectFile("run.sh", text="#!/bin/sh\n", executable=True),
        ProjectFile("name.txt", text="é\n"),
    )
    write_project(project("hello\n", *more), out, source_root=source)
    assert (out / "README.md").read_bytes() == b"hello\n"
    assert (out / "name.txt").read_bytes() == "é\n".encode()
    assert (out / "data" / "wine.csv").read_bytes() == b"a,b\r\n1,2\r\n"
    assert (out / "wine.csv").readlink() == Path("data/wine.csv")
    assert (out / "run.sh").stat().st_mode & stat.S_IXUSR
    assert not (out / "README.md").stat().st_mode & stat.S_IXUSR
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["out", "source"]


def test_the_folder_has_the_usual_permissions(source: Path, tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    write_project(project(), tmp_path / "out", source_root=source)
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_folders_above_are_made(source: Path, tmp_path: Path) -> None:
    write_project(project(), tmp_path / "a" / "b" / "out", source_root=source)
    assert (tmp_path / "a" / "b" / "out" / "README.md").is_file()


def test_an_empty_folder_is_taken(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_project(project(), tmp_path / "out", source_root=source)
    assert (tmp_path / "out" / "README.md").is_file()


def test_through_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "out").symlink_to("far")
    for force in (False, True):
        write_project(project(), tmp_path / "out", source_root=source, force=force)
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "far" / "README.md").is_file()


@pytest.fixture(params=["at once", "in steps"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without the system call that lets two folders change places."""
    if request.param == "in steps":
        monkeypatch.setattr("graduate.emit.write.exchange", exchange._exchange_in_steps)
    return str(request.param)


@pytest.mark.usefixtures("how")
def test_force_replaces_what_graduate_made_and_keeps_the_rest(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "there" / "out"
    gone = ProjectFile("pkg/gone.py", text="gone")
    write_project(project("old", gone), out, source_root=source)
    kept = {
        ".venv/bin/python": "python",
        ".pipeline_state/state/1.json": "{}",
        "logs/pipeline.jsonl": "log",
        "reports/figures/a.png": "figure",
        "pkg/mine.py": "mine",
        "model.pt": "result",
        ".git/HEAD": "ref",
    }
    for path, text in {**kept, "pkg/__pycache__/x.pyc": "cache", ".mypy_cache/x": "cache"}.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    (out / "README.md").write_text("edited by hand")

    write_project(project("new"), out, source_root=source, force=True)

    found = contents(out)
    assert found.pop("conversion.json") == project("new").files[1].text
    assert found == {"README.md": "new", "pkg/__init__.py": "", **kept}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


@pytest.mark.usefixtures("how")
def test_new_files_win_over_old_ones_of_the_user(source: Path, tmp_path: Path) -> None:
    write_project(project("old"), tmp_path / "out", source_root=source)
    (tmp_path / "out" / "pkg" / "new.py").write_text("of the user")
    new = ProjectFile("pkg/new.py", text="of graduate")
    write_project(project("new", new), tmp_path / "out", source_root=source, force=True)
    assert (tmp_path / "out" / "pkg" / "new.py").read_text() == "of graduate"


def test_leftovers_of_others_stay(source: Path, tmp_path: Path) -> None:
    """Only what a conversion to the same place has left is removed."""
    for name in (".other.graduate-abc", ".out.backup", ".out2.graduate-abc"):
        (tmp_path / name).mkdir()
    (tmp_path / ".out.graduate-abc").mkdir()
    write_project(project(), tmp_path / "out", source_root=source)
    hidden = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))
    assert hidden == [".other.graduate-abc", ".out.backup", ".out2.graduate-abc"]


def test_a_conversion_that_is_at_work_is_left_alone(source: Path, tmp_path: Path) -> None:
    (tmp_path / ".out.graduate-abc").mkdir()
    with exchange.lock_folder(tmp_path / ".out.graduate-abc"):
        write_project(project(), tmp_path / "out", source_root=source)
        assert (tmp_path / ".out.graduate-abc").is_dir()


def test_the_same_project_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_project(project(), tmp_path / name, source_root=source)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
