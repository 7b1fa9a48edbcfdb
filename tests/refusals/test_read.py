"""The exact message for each source that cannot be read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from graduate.errors import EXIT_BAD_INPUT, ReadError
from graduate.read import files
from graduate.read.project import read_project

HOW = "Name a Python file (.py), a notebook (.ipynb, .Rmd, .qmd, .md of Jupytext), or a folder with either."
CORRECT = "Correct it so that Python runs the file, or leave the file out of the source folder."
PYTHON_2 = "Say --modernize, or convert it to Python 3 first, for example with `2to3 -w`, and run it once."
OPEN = "Open it in Jupyter and save it again, or leave it out of the source folder."


def refuse(path: Path) -> ReadError:
    with pytest.raises(ReadError) as caught:
        read_project(path)
    assert caught.value.exit_code == EXIT_BAD_INPUT
    return caught.value


def check(error: ReadError, *expected: str) -> None:
    assert (error.what, error.where, error.why, error.fix) == expected


def test_syntax_error(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nif x\n    y = 2\n")
    check(refuse(tmp_path / "a.py"), "a.py is not valid Python.", "a.py:2", "if x  (expected ':')", CORRECT)


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("print 'x'", "Missing parentheses in call to 'print'. Did you mean print(...)?"),
        ("exec 'x = 1'", "Missing parentheses in call to 'exec'. Did you mean exec(...)?"),
        ("raise ValueError, 'x'", "invalid syntax"),
        ("if a <> b: pass", "invalid syntax"),
        ("y = `x`", "invalid syntax"),
        (
            "y = 0777",
            "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
        ),
        ("y = 10L", "invalid decimal literal"),
    ],
)
def test_python_2(tmp_path: Path, line: str, detail: str) -> None:
    (tmp_path / "a.py").write_text(f"x = 1\n{line}\n")
    why = f"{line}  ({detail})\n         a.py: lines 2"
    check(refuse(tmp_path), "a.py is Python 2 code.", "a.py:2", why, PYTHON_2)


def test_python_2_except(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("try:\n    f()\nexcept IOError, e:\n    pass\n")
    error = refuse(tmp_path / "a.py")
    assert (error.what, error.where, error.fix) == ("a.py is Python 2 code.", "a.py:3", PYTHON_2)


@pytest.mark.parametrize(
    ("code", "version", "line", "syntax"),
    [
        ("def f[T](x: T):\n    return x\n", "3.12", 1, "type parameter lists"),
        ("d = {}\nprint(f'{d['a']}')\n", "3.12", 2, "outer quote character"),
        ("x = 1\ny = t'{x}'\n", "3.14", 2, "t-strings"),
    ],
)
def test_newer_python(tmp_path: Path, code: str, version: str, line: int, syntax: str) -> None:
    if sys.version_info >= tuple(map(int, version.split("."))):
        pytest.skip("this Python parses it")
    (tmp_path / "a.py").write_text(code)
    error = refuse(tmp_path / "a.py")
    assert error.what == f"a.py is written for Python {version} or newer."
    assert error.where == f"a.py:{line}"
    assert syntax in error.why
    assert f"Install graduate with Python {version} or newer" in error.fix


def test_python_2_in_several_files_tells_every_line(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import b\nprint 'x'\nprint 'y'\n\nx = b.f(3L)\n")
    (tmp_path / "b.py").write_text("def f(a, (b)):\n    return a\n")
    (tmp_path / "c.py").write_text("import a\nprint 'x'\nif x:\n    y = = 3\n")
    error = refuse(tmp_path)
    assert error.what == "3 files are Python 2 code."
    assert error.why.split("\n")[1:] == [
        "         a.py: lines 2-3, 5",
        "         b.py: lines 1",
        "         c.py:2: not even with --modernize: print 'x'  "
        "(Missing parentheses in call to 'print'. Did you mean print(...)?)",
    ]


def test_mixed_tabs(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("if 1:\n\tx = 1\n        y = 2\n")
    error = refuse(tmp_path / "a.py")
    assert (error.where, error.fix) == (
        "a.py:3",
        "Indent the file with spaces only, or say --modernize if it is Python 2.",
    )


def test_notebook_cell(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text(
        '{"cells": [{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "source": ["x = 1\\n", "y = ("]}]}'
    )
    check(
        refuse(tmp_path / "n.ipynb"),
        "n.ipynb is not valid Python.",
        "n.ipynb#cell2:2",
        "y = (  ('(' was never closed)",
        CORRECT,
    )


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("", "n.ipynb:1", "The file is empty."),
        (
            "{\n x",
            "n.ipynb:2",
            "It is not JSON: Expecting property name enclosed in double quotes: line 2 column 2 (char 3).",
        ),
        ("[1]", "n.ipynb", "It is JSON, but has no cells."),
        ('{"cells": 3}', "n.ipynb", "Its cells are not a list of cells."),
    ],
)
def test_no_notebook(tmp_path: Path, text: str, where: str, why: str) -> None:
    (tmp_path / "n.ipynb").write_text(text)
    check(refuse(tmp_path / "n.ipynb"), "n.ipynb is not a Jupyter notebook.", where, why, OPEN)


def test_merge_conflict(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text('{\n<<<<<<< HEAD\n "cells": []\n=======\n>>>>>>> x\n}')
    error = refuse(tmp_path)
    assert error.where == "n.ipynb:2"
    assert error.why.startswith("It holds the marks of a git merge conflict.")


@pytest.mark.parametrize(
    "cells", ["[]", '[{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "source": " "}]']
)
def test_empty_notebook(tmp_path: Path, cells: str) -> None:
    (tmp_path / "n.ipynb").write_text(f'{{"cells": {cells}, "nbformat": 4}}')
    for path in (tmp_path / "n.ipynb", tmp_path):
        check(
            refuse(path),
            "n.ipynb has no code.",
            "n.ipynb",
            "None of its cells is a code cell with content.",
            "Name a notebook with code, or leave this one out of the source folder.",
        )


def test_other_language(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text(
        '{"cells": [], "nbformat": 4, "metadata": {"kernelspec": {"language": "R", "name": "ir"}}}'
    )
    check(
        refuse(tmp_path / "n.ipynb"),
        "n.ipynb is a notebook in another language: R.",
        "n.ipynb",
        "Python notebooks are read.",
        "Leave it out of the source folder.",
    )


def test_folder_without_python(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    check(
        refuse(tmp_path),
        f"{tmp_path} holds no Python file or notebook.",
        str(tmp_path),
        "1 other files were found.",
        HOW,
    )


def test_folder_without_a_program(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f():\n    return 1\n")
    check(
        refuse(tmp_path),
        f"{tmp_path} holds no program.",
        str(tmp_path),
        "Its 1 modules only define things; none does something when it is run.",
        "Name the file that you run, or add a script that calls the code.",
    )


def test_missing_path_and_other_files(tmp_path: Path) -> None:
    gone, text = tmp_path / "gone", tmp_path / "a.txt"
    text.write_text("x")
    os.mkfifo(tmp_path / "pipe.py")
    check(refuse(gone), f"{gone} does not exist.", str(gone), "", HOW)
    check(
        refuse(text),
        f"{text} is not research code that graduate reads.",
        str(text),
        "It ends in '.txt'.",
        HOW,
    )
    pipe = tmp_path / "pipe.py"
    check(
        refuse(pipe),
        f"{pipe} is not research code that graduate reads.",
        str(pipe),
        "It is neither a file nor a folder.",
        HOW,
    )


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("x = 1")

    def refuse_to_read(_self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse_to_read)
    check(
        refuse(tmp_path / "a.py"),
        "a.py cannot be read.",
        "a.py",
        "Permission denied",
        "Check that it is a file and that you have permission to read it.",
    )


def test_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    real = os.scandir

    def scan(path: Path) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    check(
        refuse(tmp_path),
        "The folder sub cannot be listed.",
        "sub",
        "Permission denied",
        "Check that you have permission to read it, or leave it out of the source folder.",
    )


def test_link_loops(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)")
    (tmp_path / "sub" / "deeper").mkdir(parents=True)
    (tmp_path / "sub" / "deeper" / "up").symlink_to("..")
    check(
        refuse(tmp_path),
        "The link sub/deeper/up leads back to a folder that it lies in.",
        "sub/deeper/up",
        "It points to sub, so the folder never ends.",
        "Remove the link, or make it point to a single file.",
    )
    (tmp_path / "sub" / "deeper" / "up").unlink()
    (tmp_path / "all").symlink_to(tmp_path)
    assert refuse(tmp_path).why == "It points to the source folder itself, so the folder never ends."


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        (
            "a.py",
            "Move the data in it to a data file that the code reads, or leave the file out of the source folder.",
        ),
        ("a.ipynb", "Clear the stored outputs: jupyter nbconvert --clear-output --inplace a.ipynb"),
    ],
)
def test_big_file(tmp_path: Path, name: str, fix: str) -> None:
    with (tmp_path / name).open("wb") as stream:
        stream.truncate(50 * 2**20)
    check(
        refuse(tmp_path / name),
        f"{name} is too big to be source code: 50 MB.",
        name,
        f"Source files of up to {files.MAX_SOURCE_BYTES // 2**20} MB are read.",
        fix,
    )


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = 1\ny = '\xe9'\n")
    check(
        refuse(tmp_path / "a.py"),
        "a.py is not UTF-8 text and has no coding line.",
        "a.py:2",
        "Byte 11 (0xe9) is not UTF-8; it is likely cp1252.",
        "Add # -*- coding: cp1252 -*- as its first line, or save it as UTF-8: iconv -f cp1252 -t utf-8 a.py",
    )


@pytest.mark.parametrize(
    ("data", "what", "where"),
    [
        (b"# coding: nonsense\n", "a.py has a coding line that Python does not know.", "a.py:1"),
        (b"# coding: ascii\nx = '\xe9'\n", "a.py is not ascii text, as its coding line says.", "a.py:2"),
        (b"# coding: utf-8\n# \xe9\n", "a.py is not utf-8 text, as its coding line says.", "a.py:2"),
        ("x = 1".encode("utf-16"), "a.py is not UTF-8 text.", "a.py:1"),
        (b"x = 1\n\0", "a.py is not text.", "a.py:2"),
    ],
)
def test_other_encodings(tmp_path: Path, data: bytes, what: str, where: str) -> None:
    (tmp_path / "a.py").write_bytes(data)
    error = refuse(tmp_path / "a.py")
    assert (error.what, error.where) == (what, where)
    assert error.why
    assert error.fix


def test_broken_module_that_a_program_needs(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import model\nprint(1)\n")
    (tmp_path / "model.py").write_text("x = (\n")
    assert refuse(tmp_path).where == "model.py:1"
    assert refuse(tmp_path / "train.py").where == "model.py:1"


def test_broken_program_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)\n")
    (tmp_path / "b.py").write_text("print(\n")
    (tmp_path / "run.sh").write_text("python b.py\n")
    assert refuse(tmp_path).where == "b.py:1"


def test_notebook_that_runs_itself(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "%run b"}]}')
    (tmp_path / "b.py").write_text("%run a.ipynb\n")
    check(
        refuse(tmp_path / "a.ipynb"),
        "a.ipynb runs itself with %run.",
        "b.py:1",
        "a.ipynb → b.py → a.ipynb",
        "Remove the %run that closes the circle.",
    )
