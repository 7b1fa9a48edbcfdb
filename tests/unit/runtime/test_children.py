"""What processes that a step starts read is taken up by the step."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from graduate.runtime import children as parts
from graduate.runtime import files
from graduate.runtime.children import Children
from graduate.runtime.files import recorder
from graduate.runtime.running import settings_read


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    for module in (parts, files):
        monkeypatch.setattr(module, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(recorder, "read", {})
    monkeypatch.setattr(recorder, "written", {"made.txt": "w"})
    monkeypatch.setattr(settings_read, "step", {})
    for name in ("a.txt", "b.txt", "made.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "step").mkdir()
    made = Children()
    made.start(tmp_path / "step" / "children.jsonl")
    yield made
    made.stop()
    assert parts.VARIABLE not in os.environ


def child_of(children: Children) -> Children:
    child = Children()
    child.path = children.path
    return child


def test_files_and_settings_are_taken_up_once(children: Children) -> None:
    child = child_of(children)
    child._add("file", "a.txt", "")
    child._add("file", "gone.txt", "")
    child._add("file", "made.txt", "")
    child._add("setting", "rate", "0.5")
    children.gather()
    assert list(recorder.read) == ["a.txt"]
    assert settings_read.step == {"rate": "0.5"}
    settings_read.step["rate"] = "kept"
    child._add("file", "b.txt", "")
    children.gather()
    assert (list(recorder.read), settings_read.step) == (["a.txt", "b.txt"], {"rate": "kept"})


def test_what_an_attempt_before_read_counts(children: Children) -> None:
    assert children.path is not None
    child_of(children)._add("file", "a.txt", "")
    later = Children()
    later.start(children.path)
    assert list(recorder.read) == ["a.txt"]


@pytest.mark.parametrize("at", [0, 3, 10, -2])
def test_a_damaged_line_loses_nothing(at: int, children: Children) -> None:
    assert children.path is not None
    child_of(children)._add("file", "a.txt", "")
    data = bytearray(children.path.read_bytes())
    data[at] ^= 1
    children.path.write_bytes(data + b'["file", "b.t')
    children.gather()
    assert list(recorder.read) == ["a.txt"]


def test_a_worker_outlives_its_step(children: Children) -> None:
    child = child_of(children)
    assert child.path is not None
    child.path.parent.rmdir()
    child._add("file", "a.txt", "")
    assert not child.path.parent.exists()
    child.path.parent.mkdir()


def test_new_processes_are_told(children: Children) -> None:
    path, context_at, *command_line = json.loads(os.environ[parts.VARIABLE])
    assert (path, context_at, command_line) == (str(children.path), "", [])
