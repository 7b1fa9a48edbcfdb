"""The day of the last commit of a source, and when there is none."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import pytest

from graduate.read.last_change import find_last_change


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    def git(*arguments: str, day: str = "2021-03-04") -> None:
        when = f"{day}T12:00:00+00:00"
        dates = {"GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when, "GIT_CONFIG_GLOBAL": "/dev/null"}
        names = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        command = ["git", *names, *arguments]
        subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", **dates}
        )

    git("init")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "train.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-m", "old")
    (tmp_path / "new.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-m", "new", day="2023-05-06")
    return tmp_path


def test_the_last_commit_of_a_folder_or_a_file(repo: Path) -> None:
    assert find_last_change(repo) == date(2023, 5, 6)
    assert find_last_change(repo / "old") == date(2021, 3, 4)
    assert find_last_change(repo / "old" / "train.py") == date(2021, 3, 4)


def test_what_was_changed_since_has_no_day(repo: Path) -> None:
    (repo / "old" / "more.py").write_text("y = 2\n")
    assert find_last_change(repo / "old") is None
    assert find_last_change(repo / "new.py") == date(2023, 5, 6)


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert find_last_change(tmp_path) is None
