"""The command line: what each command prints and writes, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graduate import __version__, cli, conversion
from graduate.analyse.hazards import EXPLANATIONS
from graduate.conversion import Ceiling, Converted
from graduate.emit import Locked, NothingFits
from graduate.model.project import Modules, ProgramResult, Project
from graduate.model.source import Program
from graduate.model.verdict import Finding, ProgramVerdict, Verdict

SCRIPT = """
import csv

RATE = 0.5
rows = [1.0, 2.0, 3.0]
print("rows:", len(rows))
total = 0.0
for epoch in range(30):
    total += RATE * sum(rows)
print("total", total)
with open("total.csv", "w") as f:
    csv.writer(f).writerow([total])
"""


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `graduate ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["graduate", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    code = end.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with one small script in src/study/."""
    (tmp_path / "src" / "study").mkdir(parents=True)
    (tmp_path / "src" / "study" / "run.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_and_version_import_no_step() -> None:
    code = (
        "import sys; from graduate import cli; sys.argv = ['graduate', '--version']\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith('graduate.') or m in ('libcst', 'IPython')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version == f"graduate {__version__}"
    assert "graduate.conversion" not in modules
    assert "libcst" not in modules
    assert "IPython" not in modules


def test_python_can_run_it_as_a_module() -> None:
    command = [sys.executable, "-m", "graduate", "--version"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == f"graduate {__version__}\n"


def test_convert_reports_level_steps_settings_and_next_commands(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("convert", "src/study", "--no-lock", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    assert "study is in study-production" in out
    assert "steps+loops" in out
    assert "settings: 1 in configs/default.yaml" in out
    commands = "cd study-production && make install test train-all"
    assert f"next: graduate verify src/study study-production; {commands}" in out
    assert (folder / "study-production" / "conversion.json").is_file()


def test_the_day_of_the_versions_and_what_to_check_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = folder / "src" / "study" / "run.py"
    script.write_text("import nobody_knows_this\n" + SCRIPT)
    assert run("convert", "src/study", "--no-lock", "--as-of", "2024-01-31", monkeypatch=monkeypatch) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "to check: nobody_knows_this (run.py:1): no distribution is known for it" in out
    assert "AS_OF ?= 2024-01-31\n" in (folder / "study-production" / "Makefile").read_text()


def test_convert_without_source_takes_every_project_of_src(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "src" / "second.py").write_text(SCRIPT)
    (folder / "src" / "notes.txt").write_text("not code")
    assert run("convert", "--no-lock", monkeypatch=monkeypatch) == 0
    assert {p.name for p in folder.iterdir()} == {"src", "study-production", "second-production"}


def test_one_refused_project_does_not_keep_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "src" / "broken.py").write_text("def f(:\n")
    assert run("convert", "--no-lock", monkeypatch=monkeypatch) == 2
    assert {p.name for p in folder.iterdir()} == {"src", "study-production"}
    assert "graduate: " in capsys.readouterr().err


def test_level_is_the_highest_that_a_program_gets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("convert", "src/study", "--no-lock", "--level", "wrapped", monkeypatch=monkeypatch) == 0
    assert "asked for by --level wrapped" in capsys.readouterr().out
    record = json.loads((folder / "study-production" / "conversion.json").read_text())
    assert [program["level"] for program in record["programs"]] == ["wrapped"]


def test_plan_is_written_obeyed_and_not_overwritten(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "src/study", monkeypatch=monkeypatch) == 0
    plan = folder / "plan.yaml"
    text = plan.read_text()
    assert "level: steps+loops" in text
    plan.write_text(text.replace("level: steps+loops", "level: steps"))
    assert run("convert", "src/study", "--plan", "plan.yaml", "--no-lock", monkeypatch=monkeypatch) == 0
    record = json.loads((folder / "study-production" / "conversion.json").read_text())
    assert [program["level"] for program in record["programs"]] == ["steps"]
    assert run("plan", "src/study", monkeypatch=monkeypatch) == 3
    assert "level: steps\n" in plan.read_text()


def test_plan_can_go_to_stdout(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "src/study", "-o", "-", monkeypatch=monkeypatch) == 0
    assert "level: steps+loops" in capsys.readouterr().out
    assert not (folder / "plan.yaml").exists()


def test_analyze_as_json_holds_roles_with_evidence_and_loops(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("analyze", "src/study", "--json", monkeypatch=monkeypatch) == 0
    found = json.loads(capsys.readouterr().out)
    program = found["facts"]["programs"][0]
    assert found["name"] == "study"
    assert [option["name"] for option in program["options"]] == ["RATE"]
    assert any(statement["evidence"] for statement in program["spine"])


def test_analyze_shows_tables_and_takes_brackets_for_text(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "src" / "study" / "run.py").write_text(SCRIPT + 'print("[bold]x[/red]")\n')
    assert run("analyze", "src/study", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    for title in ("programs, in order", "run.py: statements", "run.py: options"):
        assert title in out
    assert "[bold]x[/red]" in out


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_every_hazard_has_a_page(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", code.lower(), monkeypatch=monkeypatch) == 0
    title, _, page = capsys.readouterr().out.partition("\n\n")
    assert title == f"{code} {EXPLANATIONS[code].name}"
    assert len(page.split()) > 10


def test_a_defect_is_told_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(conversion, "convert", fail)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert run("convert", "src/study", monkeypatch=monkeypatch) == 70
    err = capsys.readouterr().err
    assert "a defect of graduate itself: KeyError: 'lost'" in err
    assert "Traceback" not in err
    saved = next(folder.glob("graduate-*.txt"))
    assert str(saved) in err
    assert "Traceback" in saved.read_text()


def test_interrupt_ends_with_130(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(conversion, "convert", interrupt)
    assert run("convert", "src/study", monkeypatch=monkeypatch) == 130
    assert capsys.readouterr().err.strip() == "graduate: interrupted"


# -- lowering ---------------------------------------------------------------------------------

SAME = Finding("variable", "x", "same")
OTHER = Finding("variable", "y", "different", "1 is not 2")


def modules_at(**levels: str) -> Modules:
    programs = tuple(
        ProgramResult(Program(name, f"{name}.py"), level, "", 3, 3)  # type: ignore[arg-type]
        for name, level in levels.items()
    )
    return Modules("study", (), (), (), (), programs)


def test_the_first_program_that_differs_is_lowered() -> None:
    verdict = Verdict(
        "study",
        (
            ProgramVerdict("a", "straight", (SAME,)),
            ProgramVerdict("c", "straight", (OTHER,)),
            ProgramVerdict("b", "straight", (SAME, OTHER)),
        ),
    )
    modules = modules_at(a="steps+loops", b="steps+loops", c="steps+loops")
    lowered = conversion.find_next_ceiling(modules, verdict)
    why = "as steps+loops it is not the same: straight run, variable y: 1 is not 2"
    assert lowered == ("b", Ceiling("steps", why))


def test_a_difference_of_the_whole_project_lowers_what_can_go_down() -> None:
    verdict = Verdict("study", (ProgramVerdict("study", "resumed", (OTHER,)),))
    lowered = conversion.find_next_ceiling(modules_at(a="wrapped", b="steps"), verdict)
    assert lowered is not None
    assert (lowered[0], lowered[1].level) == ("b", "wrapped")


def test_nothing_is_lowered_when_all_is_the_same_or_at_the_floor() -> None:
    same = Verdict("study", (ProgramVerdict("a", "straight", (SAME,)),))
    assert conversion.find_next_ceiling(modules_at(a="steps+loops"), same) is None
    other = Verdict("study", (ProgramVerdict("a", "straight", (OTHER,)),))
    assert conversion.find_next_ceiling(modules_at(a="wrapped"), other) is None


def test_convert_verified_goes_down_until_it_is_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def verify(source: Path, project: Path, **_: object) -> Verdict:
        record = json.loads((project / "conversion.json").read_text())
        program = record["programs"][0]
        seen.append(program["level"])
        finding = SAME if program["level"] == "steps" else OTHER
        return Verdict("study", (ProgramVerdict(program["name"], "straight", (finding,)),))

    monkeypatch.setattr(conversion, "verify", verify)
    arguments = ("convert", "src/study", "--no-lock", "--verify", "--python", sys.executable)
    assert run(*arguments, monkeypatch=monkeypatch) == 0
    assert seen == ["steps+loops", "steps"]
    out = capsys.readouterr().out
    assert "lowered: run: as steps+loops it is not the same: straight run, variable y: 1 is not 2" in out
    assert "proved" in out


def test_convert_verified_says_so_when_even_the_floor_differs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = Verdict("study", (ProgramVerdict("run", "straight", (OTHER,)),))
    monkeypatch.setattr(conversion, "verify", lambda *_, **__: verdict)
    arguments = ("convert", "src/study", "--no-lock", "--verify", "--python", sys.executable)
    assert run(*arguments, monkeypatch=monkeypatch) == 1
    assert "NOT the same" in capsys.readouterr().out


def test_a_project_whose_requirements_do_not_fit_has_no_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Project) -> Locked:
        raise NothingFits(
            "The requirements cannot be locked.", where="requirements.txt:1", why="old==1 cannot be had"
        )

    monkeypatch.setattr(conversion, "lock_project", refuse)
    assert run("convert", "src/study", monkeypatch=monkeypatch) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert (
        "to check: The requirements cannot be locked. requirements.txt:1: old==1 cannot be had; loosen it"
        in out
    )
    assert "the dependencies are not locked: run `make lock`" in out
    assert (folder / "study-production" / "requirements.in").is_file()
    assert not (folder / "study-production" / "requirements.lock").exists()


def test_limit_levels_never_raises_a_level(folder: Path) -> None:
    made: Converted = conversion.convert(Path("src/study"), lock=False)
    low = conversion.limit_levels(made.plan, {"run": Ceiling("wrapped", "x")})
    assert [p.level for p in low.programs] == ["wrapped"]
    again = conversion.limit_levels(low, {"run": Ceiling("steps", "y")})
    assert again == low
    assert replace(made.plan, programs=low.programs) == low
