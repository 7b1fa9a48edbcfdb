"""A plan that cannot be read, or that contradicts the code, is refused with the line and the reason."""

from __future__ import annotations

import pytest

from graduate.errors import PlanError
from graduate.model.facts import DefinitionFact, Facts, Option, ProgramFacts, StatementFact
from graduate.model.source import Place, Program, SourceModule, Sources
from graduate.plan.yaml import load

CODE = "a = 1\nb = open('x')\nc = [\n    b,\n]\nd = c\n\n\ndef f():\n    pass\n"

PLAN = """\
project: wine
programs:
  - program: train
    file: train.py
    level: steps
    steps:
      - step: preprocess-data
        role: preprocess
        segments:
          - function: load_data
            role: preprocess
            lines: 1-5
      - step: train
        role: train
        segments:
          - function: train_model
            role: train
            lines: 6
            doc: Train it.
    definitions:
      f: utils/functions.py
    settings: [lr]
modules:
  - file: model.py
    home: models/model.py
    role: model
"""


def statement(
    line: int, end: int, text: str, reads: tuple[str, ...], writes: tuple[str, ...]
) -> StatementFact:
    return StatementFact(Place("train.py", line, end), line, end, text, "other", (), reads, writes)


SPINE = (
    statement(1, 1, "a = 1", (), ("a",)),
    statement(2, 2, "b = open('x')", (), ("b",)),
    statement(3, 5, "c = [\n    b,\n]", ("b",), ("c",)),
    statement(6, 6, "d = c", ("c",), ("d",)),
)
PROGRAM = ProgramFacts(
    "train",
    "train.py",
    SPINE,
    (DefinitionFact(Place("train.py", 9, 10), "f", "function", "other"),),
    (Option("lr", "float", "0.1", Place("train.py")),),
    (),
    (),
    ("b",),
)
SOURCES = Sources(
    "wine",
    "/",
    (SourceModule("model.py", "script", "x = 1\n"), SourceModule("train.py", "script", CODE)),
    (Program("train", "train.py"),),
)
FACTS = Facts((PROGRAM,))


def test_the_plan_itself_is_fine() -> None:
    plan = load(PLAN, "plan.yaml", SOURCES, FACTS)
    assert [s.name for s in plan.programs[0].steps] == ["preprocess-data", "train"]


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("project: wine", "project: [", 3, "the plan is no valid YAML"),
        ("project: wine", "project: Wine", 1, "'Wine' cannot be the name of the project"),
        ("project: wine", "a: b\nproject: wine", 1, "the plan has no key 'a' here"),
        ("project: wine\n", "", 1, "the key 'project' is missing"),
        ("program: train", "program: other", 2, "the plan is for other programs than the source has"),
        ("file: train.py", "file: no.py", 4, "there is no file no.py"),
        ("file: train.py", "file: model.py", 4, "the program train is not in model.py"),
        ("level: steps", "level: best", 5, "there is no level 'best'"),
        ("level: steps", "level: steps\n    speed: 1", 6, "the plan has no key 'speed' here"),
        ("    level: steps\n", "", 3, "the key 'level' is missing"),
        ("level: steps", "level: [steps]", 5, "level is no text"),
        ("step: train", "step: learn", 13, "'learn' cannot be the name of a step"),
        ("step: train", "step: preprocess-data", 14, "the step preprocess-data cannot have the role 'train'"),
        ("step: preprocess-data\n        role: preprocess", "step: train\n        role: train", 13,
         "there are two steps called train"),
        ("role: preprocess\n            lines", "role: cook\n            lines", 11,
         "a segment cannot have the role 'cook'"),
        ("function: train_model", "function: 2nd", 16, "'2nd' cannot be the name of a function"),
        ("function: train_model", "function: print", 16, "'print' cannot be the name of a function"),
        ("function: train_model", "function: f", 16, "'f' cannot be the name of a function"),
        ("function: train_model", "function: load_data", 16, "'load_data' cannot be the name of a function"),
        ("lines: 1-5", "lines: one", 12, "'one' are no lines"),
        ("lines: 1-5", "lines: cell 1 line 1", 12, "'cell 1 line 1' are no lines"),
        ("lines: 1-5", "lines: 0-5", 12, "load_data has lines that do not exist"),
        ("lines: 6", "lines: 6-99", 18, "train_model has lines that do not exist"),
        ("lines: 1-5", "lines: 5-1", 12, "load_data ends before it begins"),
        ("lines: 1-5", "lines: 1-4", 12, "load_data ends inside a statement"),
        ("lines: 1-5", "lines: 2-5", 12, "the statement of train.py:1 is in no segment, or in the wrong order"),
        ("lines: 6", "lines: 7-8", 18, "the statement of train.py:6 is in no segment, or in the wrong order"),
        ("lines: 1-5", "lines: 1-6", 18, "train_model holds no statement of its own"),
        ("lines: 1-5", "lines: 1-2", 18, "the statement of train.py:3 is in no segment, or in the wrong order"),
        ("f: utils/functions.py", "g: utils/functions.py", 21, "there is no function or class g"),
        ("    definitions:\n      f: utils/functions.py\n", "", 3, "f has no home"),
        ("f: utils/functions.py", "f: utils/a/../b.py", 21, "'utils/a/../b.py' cannot be a home"),
        ("f: utils/functions.py", "f: /tmp/x.py", 21, "'/tmp/x.py' cannot be a home"),
        ("f: utils/functions.py", "f: lib/x.py", 21, "'lib/x.py' cannot be a home"),
        ("f: utils/functions.py", "f: utils/resume.py", 21, "'utils/resume.py' cannot be a home"),
        ("settings: [lr]", "settings: [lr, momentum]", 22, "momentum cannot become a setting"),
        ("settings: [lr]", "settings: lr", 22, "settings is no list"),
        ("role: model\n", "role: model\n    settings: [y]\n", 27, "y cannot become a setting"),
        ("file: model.py", "file: train.py", 24, "there is no local module train.py"),
        ("home: models/model.py", "home: models/losses.py", 25, "models/losses.py is taken"),
        ("home: models/model.py", "home: utils/functions.py", 25, "utils/functions.py is taken"),
        ("role: model\n", "role: maker\n", 26, "there is no role 'maker'"),
        ("modules:\n  - file: model.py\n    home: models/model.py\n    role: model\n", "", 1, "model.py has no home"),
    ],
)  # fmt: skip
def test_refused(old: str, new: str, line: int, what: str) -> None:
    assert PLAN.count(old) >= 1
    with pytest.raises(PlanError) as refusal:
        load(PLAN.replace(old, new, 1), "plan.yaml", SOURCES, FACTS)
    assert refusal.value.what == what
    assert refusal.value.where == f"plan.yaml:{line}"
    assert refusal.value.why
    assert refusal.value.fix


def test_no_step_begins_where_an_open_file_crosses() -> None:
    text = PLAN.replace("lines: 1-5", "lines: 1-2").replace("lines: 6", "lines: 3-6")
    with pytest.raises(PlanError) as refusal:
        load(text, "plan.yaml", SOURCES, FACTS)
    assert str(refusal.value) == (
        "no step can begin at train.py:3\n"
        "  where: plan.yaml:18\n"
        "  why:   'b' is made before it and used after it, and its value cannot be stored\n"
        "  next:  put both uses into the same step"
    )


@pytest.mark.parametrize(
    "text", ["", "- 1\n", "42\n", "project: a\nproject: b\n", "\t\n", "programs: {}\nproject: a\n"]
)
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(PlanError):
        load(text, "plan.yaml", SOURCES, FACTS)
