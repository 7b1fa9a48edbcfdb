"""What the command line refuses: the exact message, the exit code, and nothing written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from graduate import cli

LEVELS = "steps+loops, steps, wrapped"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def refuse(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The exit code and the message; nothing may be on stdout."""
    monkeypatch.setattr(sys, "argv", ["graduate", *arguments.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert isinstance(end.value.code, int)
    return end.value.code, printed.err


def write(path: str, text: str = "x = 1\nprint(x)\n") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def listing(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "convert one.py --level high",
            f"graduate: there is no level 'high'\n  next:  use one of {LEVELS}\n",
        ),
        (
            "convert one.py --as-of yesterday",
            "graduate: --as-of yesterday is no day\n  why:   Invalid isoformat string: 'yesterday'\n"
            "  next:  write it like 2024-01-31, or say commit or newest\n",
        ),
        (
            "convert --no-lock",
            "graduate: there is no research code to convert\n  where: {folder}/src\n"
            "  why:   no source was named, and the working folder has no folder src/\n"
            "  next:  run `graduate convert SRC`, or put each project into its own folder under src/\n",
        ),
        (
            "convert one.py --plan none.yaml --no-lock",
            "graduate: the plan cannot be read\n  where: none.yaml\n  why:   No such file or directory\n"
            "  next:  write one with `graduate plan SRC`\n",
        ),
        (
            "verify one.py other",
            "graduate: this is not a converted project\n  where: other\n  why:   it has no conversion.json\n"
            "  next:  make it with `graduate convert one.py -o other`\n",
        ),
        ("convrt", "graduate: No such command 'convrt'. Did you mean 'convert'?\n  next:  graduate --help\n"),
        ("convert --vite", "graduate: No such option: --vite\n  next:  graduate --help\n"),
    ],
)
def test_bad_usage(
    arguments: str,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("one.py")
    assert refuse(arguments, monkeypatch, capsys) == (2, message.replace("{folder}", str(folder)))
    assert listing(folder) == {"one.py"}


def test_src_without_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("src/notes.txt")
    code, message = refuse("convert", monkeypatch, capsys)
    assert code == 2
    assert "  why:   it holds no folders, scripts or notebooks\n" in message


@pytest.mark.parametrize("option", ["-o out", "--plan plan.yaml"])
def test_options_for_one_project_with_several(
    option: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("src/a.py")
    write("src/b.py")
    assert refuse(f"convert {option}", monkeypatch, capsys) == (
        2,
        "graduate: -o and --plan are for one project, but there are several\n  where: src/\n"
        "  next:  name the project: `graduate convert src/NAME -o OUT`\n",
    )


def test_unknown_hazard(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = refuse("explain G999", monkeypatch, capsys)
    assert code == 2
    assert message.startswith("graduate: there is no hazard G999\n  next:  one of: G101 dynamic-names, ")


def test_plan_file_that_exists(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("one.py")
    write("plan.yaml", "mine")
    assert refuse("plan one.py", monkeypatch, capsys) == (
        3,
        "graduate: the plan file exists\n  where: plan.yaml\n  next:  name another with -o, or use --force\n",
    )
    assert Path("plan.yaml").read_text() == "mine"


def test_foreign_folder_is_not_replaced_even_by_force(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("one.py")
    write("one-production/thesis.tex", "years of work")
    code, message = refuse("convert one.py --no-lock --force", monkeypatch, capsys)
    assert code == 3
    assert "one-production" in message
    assert listing(folder) == {"one.py", "one-production/thesis.tex"}


def test_missing_tool_for_the_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_uv() -> str:
        raise FileNotFoundError("uv")

    write("one.py")
    monkeypatch.setattr("uv.find_uv_bin", no_uv)
    code, message = refuse("convert one.py", monkeypatch, capsys)
    assert code == 4
    assert "--no-lock" in message
    assert listing(folder) == {"one.py"}
