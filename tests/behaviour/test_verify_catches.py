"""A right conversion is proved; each way in which one can be wrong is found and named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from graduate.errors import ToolError, VerifyError
from graduate.model.verdict import Finding, Verdict
from graduate.verify import verify
from graduate.verify.report import render_json, render_page, render_text
from handmade_project import Handmade, write_pair


@pytest.fixture
def pair(tmp_path: Path) -> Handmade:
    return write_pair(tmp_path)


def check(
    pair: Handmade, *, kills: int = 0, settings: tuple[str, ...] = ("EPOCHS=3",), timeout: float = 60
) -> Verdict:
    return verify(
        pair.sources,
        pair.project,
        python=Path(sys.executable),
        settings=settings,
        kills=kills,
        timeout=timeout,
    )


def differing(verdict: Verdict) -> list[Finding]:
    return [f for program in verdict.programs for f in program.findings if f.outcome == "different"]


def found(verdict: Verdict, subject: str) -> Finding:
    return next(f for program in verdict.programs for f in program.findings if f.subject == subject)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_right_conversion_is_proved_killed_and_resumed(pair: Handmade) -> None:
    before = listing(Path(pair.sources.root)), listing(pair.project)
    verdict = check(pair, kills=3, settings=())
    assert verdict.proved, render_text(verdict)
    straight, resumed = verdict.programs
    assert {f.subject for f in straight.findings} >= {
        "exit code",
        "printed lines",
        "result.json",
        "weight",
        "history",
        "numbers",
        "EPOCHS",
    }
    assert (resumed.run, resumed.kills) == ("resumed", 3)
    assert {"stdout", "weight", "history", "result.json"} <= {
        f.subject for f in resumed.findings if f.outcome == "same"
    }
    assert (listing(Path(pair.sources.root)), listing(pair.project)) == before


WRONG = {
    "a value off by 1e-12": ("trainer.py", "return weight,", "return weight + 1e-12,", "result.json"),
    "a setting that is not used": ("trainer.py", "range(start, epochs)", "range(start, 2)", "printed lines"),
    "a dropped line": ("evaluation.py", 'print("done")', "pass", "printed lines"),
    "another seed": ("__main__.py", "random.seed(3)", "random.seed(4)", "weight"),
    "a file that is not written": ("evaluation.py", 'open("result.json"', 'open("/dev/null"', "result.json"),
    "a file too many": ("evaluation.py", 'print("done")', 'print("done"); open("more", "w")', "more"),
    "a changed element": ("trainer.py", "return weight,", "history[1] *= -1; return weight,", "history"),
    "another type": (
        "preprocessing.py",
        "return numbers",
        "numbers = tuple(numbers)\n    return numbers",
        "numbers",
    ),
    "another exit code": (
        "evaluation.py",
        'print("done")',
        'print("done"); raise SystemExit(3)',
        "exit code",
    ),
    "an error": ("evaluation.py", 'print("done")', 'print("done"); 1 / 0', "exit code"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_conversion_is_not_proved(name: str, pair: Handmade) -> None:
    path, old, new, subject = WRONG[name]
    pair.change(path, old, new)
    verdict = check(pair)
    assert not verdict.proved
    assert found(verdict, subject).outcome == "different", render_text(verdict)


def test_lines_in_another_order_are_found(pair: Handmade) -> None:
    pair.change("preprocessing.py", '    print("read", len(numbers), "numbers")\n', "")
    pair.change("evaluation.py", 'print("done")', 'print("done"); print("read 3 numbers")')
    finding = found(check(pair), "printed lines")
    assert finding.outcome == "different"
    assert finding.detail == "line 1: original 'read 3 numbers', converted 'epoch 0: 0.118982'"


WRONG_RESUMES = {
    "random state not restored": ("resume.py", "    random.setstate(state)\n", ""),
    "a variable not restored": (
        "trainer.py",
        "history = load(0, weight, history)",
        "_ = load(0, weight, history)",
    ),
    "an iteration repeated": ("trainer.py", "save(epoch + 1,", "save(epoch,"),
}


@pytest.mark.parametrize("name", WRONG_RESUMES)
def test_a_wrong_resume_is_not_proved(name: str, pair: Handmade) -> None:
    pair.change(*WRONG_RESUMES[name])
    verdict = check(pair, kills=2, settings=())
    straight, resumed = verdict.programs
    assert all(f.outcome != "different" for f in straight.findings), render_text(verdict)
    assert any(f.outcome == "different" and f.kind == "resume" for f in resumed.findings)
    assert not verdict.proved


def test_a_resume_that_loses_one_variable_names_it(pair: Handmade) -> None:
    pair.change("trainer.py", "start, weight, history = load", "start, weight, _ = load")
    verdict = check(pair, kills=2, settings=())
    subjects = [f.subject for f in differing(verdict)]
    assert subjects == ["history", "result.json"]


def test_times_that_the_original_prints_are_noise(pair: Handmade) -> None:
    timed = pair.change_source('print("done")', 'took = time.time()\nprint("done at", took)')
    timed.change("evaluation.py", 'print("done")', 'import time; took = time.time(); print("done at", took)')
    verdict = check(timed, kills=1, settings=())
    assert verdict.proved, render_text(verdict)
    assert found(verdict, "printed lines").outcome == "same within noise"
    assert found(verdict, "took").outcome == "same within noise"
    assert found(verdict, "weight").outcome == "same"


def test_an_original_that_fails_here_proves_nothing(pair: Handmade) -> None:
    broken = pair.change_source('print("done")', "import no_such_module")
    verdict = check(broken)
    assert not verdict.proved
    assert "The original itself fails here, with exit code 1" in verdict.problem
    assert "No module named 'no_such_module'" in verdict.problem


def test_a_run_that_takes_too_long_is_an_error(pair: Handmade) -> None:
    with pytest.raises(VerifyError, match="did not end within 1 seconds"):
        check(pair.change_source('print("done")', "time.sleep(60)"), timeout=1)


def test_a_name_that_is_no_setting_is_an_error(pair: Handmade) -> None:
    with pytest.raises(VerifyError) as error:
        check(pair, settings=("epoch=1",))
    assert "EPOCHS" in error.value.fix


def test_a_project_without_an_environment_says_what_to_do(pair: Handmade) -> None:
    with pytest.raises(ToolError) as error:
        verify(pair.sources, pair.project)
    assert "make install" in error.value.fix
    assert "--python" in error.value.fix


def test_a_verdict_can_be_read_by_people_and_programs(pair: Handmade) -> None:
    pair.change("evaluation.py", 'print("done")', 'print("<done>")')
    verdict = check(pair)
    assert "NOT the same; first difference: printed lines" in render_text(verdict)
    assert json.loads(render_json(verdict))["proved"] is False
    page = render_page(verdict)
    assert "&lt;done&gt;" in page
    assert "<done>" not in page
