"""The files that an unfinished step wrote, as they were before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graduate.runtime import files, journal


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(files, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(journal, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(journal, "STATE_FOLDER", tmp_path / ".pipeline_state")
    return tmp_path


def test_the_log_is_not_read_again_for_each_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that overwrites thousands of files must not take minutes to start again."""
    names = [f"{number}.txt" for number in range(20)]
    noted = journal.Journal(root / "step" / "touched.jsonl")
    noted.path.parent.mkdir()
    for name in names:
        (root / name).write_text("before")
        noted.note(name, "w")
        (root / name).write_text("after")
    reads: list[int] = []
    read = journal.Journal._lines

    def counted(self: journal.Journal) -> list[Any]:
        reads.append(1)
        return read(self)

    monkeypatch.setattr(journal.Journal, "_lines", counted)
    assert noted.damaged_copies() == []
    noted.hide()
    assert {(root / name).read_text() for name in names} == {"before"}
    assert len(reads) < 6
