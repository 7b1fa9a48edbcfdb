"""Cells' shell lines and shown values."""

from __future__ import annotations

import subprocess
import sys

import pytest

from graduate.runtime import notebook


def test_display_prints_text_forms_and_nothing_for_none(capsys: pytest.CaptureFixture[str]) -> None:
    notebook.display({"b": 1, "a": [1, 2]}, None, "text")
    assert capsys.readouterr().out == "{'b': 1, 'a': [1, 2]}\n'text'\n"


def test_capture(capsys: pytest.CaptureFixture[str]) -> None:
    with notebook.capture() as out:
        print("one")
    with pytest.raises(ValueError), notebook.capture(out) as same:  # noqa: PT011, PT012
        print("two")
        sys.stderr.write("warned")
        raise ValueError
    assert same is out
    assert (out.stdout, out.stderr, str(out)) == ("one\ntwo\n", "warned", "one\ntwo\n")
    assert capsys.readouterr().out == ""
    out()
    assert capsys.readouterr() == ("one\ntwo\n", "warned")


def test_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert notebook.shell("echo one; echo two >&2; exit 3") == 3
    assert capsys.readouterr().out == "one\ntwo\n"


def test_shell_lines() -> None:
    lines = notebook.shell_lines("printf 'a 1\\nb 2\\n'")
    assert lines == ["a 1", "b 2"]
    assert (lines.n, lines.s, lines.l) == ("a 1\nb 2", "a 1 b 2", ["a 1", "b 2"])
    assert lines.grep("B") == ["b 2"]
    assert lines.fields(1) == ["1", "2"]


def test_shell_cell(capsys: pytest.CaptureFixture[str]) -> None:
    notebook.shell_cell("x=3\necho $x")
    assert capsys.readouterr().out == "3\n"
    with pytest.raises(subprocess.CalledProcessError):
        notebook.shell_cell("exit 2", "sh")
