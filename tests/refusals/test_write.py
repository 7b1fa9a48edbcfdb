"""The exact message for each output that cannot be written, and that nothing is left of it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graduate.emit import exchange, write
from graduate.emit.write import check_destination, write_project
from graduate.errors import EXIT_CANNOT_WRITE, WriteError
from graduate.model.project import Project, ProjectFile

ELSEWHERE = "choose another folder with -o OUT"
FREE = "free some space, or choose another disk with -o OUT"
PERMITTED = "choose a folder that you may write to with -o OUT"


def project(text: str = "one\n", *more: ProjectFile) -> Project:
    """A project of a few files that says what it holds, as every project does."""
    paths = ["README.md", "conversion.json", "pkg/__init__.py", *(each.path for each in more)]
    record = json.dumps({"made_by": "graduate", "files": paths})
    files = (
        ProjectFile("README.md", text=text),
        ProjectFile("conversion.json", text=record),
        ProjectFile("pkg/__init__.py", text=""),
        *more,
    )
    return Project("pkg", files)


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too, with its text."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_text()
    return found


def refuse(act: Callable[[], object], *expected: str) -> None:
    with pytest.raises(WriteError) as caught:
        act()
    error = caught.value
    assert (error.what, error.where, error.why, error.fix) == expected
    assert error.exit_code == EXIT_CANNOT_WRITE


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Research code that must stay as it is."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "train.py").write_text("print(1)\n")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder in a folder of its own, so that what is left beside it shows."""
    (tmp_path / "there").mkdir()
    return tmp_path / "there" / "out"


@pytest.mark.parametrize("inside", ["", "new", "new/er"])
def test_output_inside_the_source(source: Path, inside: str) -> None:
    out = source / inside
    before = contents(source)
    expected = (
        "The output folder lies inside the source folder.",
        str(out),
        "the source is never written to",
        ELSEWHERE,
    )
    refuse(lambda: write_project(project(), out, source_root=source), *expected)
    refuse(lambda: check_destination(out, source), *expected)
    assert contents(source) == before


def test_output_inside_the_source_by_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(WriteError, match="inside the source"):
        write_project(project(), tmp_path / "link" / "new", source_root=source)
    assert list(contents(source)) == ["train.py"]


def test_source_inside_the_output(source: Path, tmp_path: Path) -> None:
    refuse(
        lambda: write_project(project(), tmp_path, source_root=source, force=True),
        "The source lies inside the output folder.",
        str(tmp_path),
        "replacing the output would replace the source",
        ELSEWHERE,
    )


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("record", [None, "{", "[]", '{"made_by": "hand"}'])
def test_a_folder_of_somebody_else(source: Path, out: Path, record: str | None, force: bool) -> None:
    out.mkdir()
    (out / "thesis.tex").write_text("dear")
    if record is not None:
        (out / "conversion.json").write_text(record)
    before = contents(out.parent)
    refuse(
        lambda: write_project(project(), out, source_root=source, force=force),
        "The output folder is not empty.",
        str(out),
        "it was not made by graduate, so it is not replaced",
        "choose another folder with -o OUT, or empty this one",
    )
    assert contents(out.parent) == before


def test_an_earlier_conversion_without_force(source: Path, out: Path) -> None:
    write_project(project("old"), out, source_root=source)
    before = contents(out.parent)
    refuse(
        lambda: write_project(project("new"), out, source_root=source),
        "The output folder holds an earlier conversion.",
        str(out),
        "people may have changed it since",
        "convert with --force to replace what graduate made, or choose another folder with -o OUT",
    )
    assert contents(out.parent) == before


def test_a_file_in_the_way(source: Path, out: Path) -> None:
    out.write_text("a file")
    refuse(
        lambda: write_project(project(), out, source_root=source, force=True),
        "The output folder is a file.",
        str(out),
        "",
        "choose another folder with -o OUT, or move the file away",
    )
    assert out.read_text() == "a file"


def fail_at(number: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the n-th file that is written fail."""
    write_file = write._write_file
    left = [number]

    def failing(file: ProjectFile, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            target.write_bytes(b"half")
            raise OSError(code, os.strerror(code), str(target))
        write_file(file, target)

    monkeypatch.setattr(write, "_write_file", failing)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("code", "why", "fix"),
    [
        (errno.ENOSPC, "the disk is full", FREE),
        (errno.EDQUOT, "the disk quota is used up", FREE),
        (errno.EACCES, "it is not permitted", PERMITTED),
        (errno.EIO, os.strerror(errno.EIO), "convert again, or " + ELSEWHERE),
    ],
)
def test_an_error_halfway_leaves_nothing(
    source: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    old: bool,
    code: int,
    why: str,
    fix: str,
) -> None:
    if old:
        write_project(project("old"), out, source_root=source)
    before = contents(out.parent)
    fail_at(number, code, monkeypatch)
    refuse(
        lambda: write_project(project("new"), out, source_root=source, force=True),
        "The project cannot be written.",
        str(out),
        why,
        fix,
    )
    assert contents(out.parent) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"] * old


def test_an_error_halfway_removes_the_folders_above_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(1, errno.ENOSPC, monkeypatch)
    with pytest.raises(WriteError, match="cannot be written"):
        write_project(project(), tmp_path / "a" / "b" / "out", source_root=source)
    assert not (tmp_path / "a").exists()


def test_a_file_of_the_source_that_has_gone(source: Path, out: Path) -> None:
    gone = ProjectFile("data/gone.csv", copy_of=str(source / "gone.csv"))
    with pytest.raises(WriteError) as caught:
        write_project(project("x", gone), out, source_root=source)
    assert caught.value.why == os.strerror(errno.ENOENT)
    assert contents(out.parent) == {}


def test_a_failed_exchange_keeps_the_old_project(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(project("old"), out, source_root=source)
    before = contents(out.parent)

    def fail(one: Path, other: Path) -> None:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(write, "exchange", fail)
    with pytest.raises(WriteError, match="cannot be written"):
        write_project(project("new"), out, source_root=source, force=True)
    assert contents(out.parent) == before


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from graduate.emit import exchange, write
from refusals.test_write import project

left = [int(sys.argv[1])]

def die_later(act):
    def counted(*arguments, **named):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*arguments, **named)
    return counted

for name in ("_write_file", "_fsync_folder", "exchange", "_move"):
    setattr(write, name, die_later(getattr(write, name)))
{more}
write.write_project(project("new"), Path(sys.argv[2]), source_root=Path(sys.argv[3]), force=True)
"""
IN_STEPS = """
write.exchange = exchange._exchange_in_steps
exchange.Path.rename = die_later(exchange.Path.rename)
"""


@pytest.mark.parametrize("more", ["", IN_STEPS], ids=["at once", "in steps"])
@pytest.mark.parametrize("old", [False, True])
def test_after_a_killed_conversion_the_next_one_starts_clean(
    source: Path, out: Path, old: bool, more: str
) -> None:
    """Killed at each of its steps in turn: the old project or the new one stands, and nothing of the user is lost."""
    tests = str(Path(__file__).parents[1])
    for count in range(40):
        at = out.with_name(f"at{count}") / "out"
        at.parent.mkdir()
        if old:
            write_project(project("old"), at, source_root=source)
            (at / ".pipeline_state").mkdir()
            (at / ".pipeline_state" / "state.json").write_text("dear")
            (at / "pkg" / "mine.py").write_text("mine")
        script = KILLED.format(tests=tests, more=more)
        command = [sys.executable, "-c", script, str(count), str(at), str(source)]
        code = subprocess.run(command, check=False).returncode
        if code == 0:
            assert count > 5
            break
        assert code == -signal.SIGKILL
        if at.exists():
            assert (at / "README.md").read_text() in ("old", "new")

        write_project(project("newer"), at, source_root=source, force=True)

        assert [path.name for path in at.parent.iterdir()] == ["out"]
        found = contents(at)
        assert found.pop("README.md") == "newer"
        expected = {"conversion.json", "pkg/__init__.py"}
        assert set(found) == expected | ({".pipeline_state/state.json", "pkg/mine.py"} if old else set())
    else:
        pytest.fail("the conversion was killed 40 times")


def test_two_conversions_at_once(source: Path, out: Path) -> None:
    write_project(project("old"), out, source_root=source)
    with exchange.lock_folder(out) as locked:
        assert locked
        refuse(
            lambda: write_project(project("new"), out, source_root=source, force=True),
            "The project cannot be written.",
            str(out),
            "another conversion is at work there",
            "convert again, or " + ELSEWHERE,
        )
    assert contents(out)["README.md"] == "old"


def test_a_read_only_folder(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*arguments: Any, **named: Any) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(write.tempfile, "mkdtemp", deny)
    refuse(
        lambda: write_project(project(), out, source_root=source),
        "The project cannot be written.",
        str(out),
        "it is not permitted",
        PERMITTED,
    )
