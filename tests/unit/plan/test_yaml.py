"""plan.yaml: what is written is read back the same, and is readable."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from made_facts import make_facts
from test_propose import DIGITS, SIMULATION, programs

from graduate.model.facts import Facts
from graduate.model.source import Cell, Place, Program, SourceModule, Sources
from graduate.plan.propose import propose
from graduate.plan.yaml import dump, load


def test_round_trip(made) -> None:
    for text in (DIGITS, SIMULATION, "import os\n"):
        sources, facts = made(text)
        plan = propose(sources, facts)
        written = dump(plan, sources)
        assert load(written, "plan.yaml", sources, facts) == plan
        assert dump(load(written, "plan.yaml", sources, facts), sources) == written


def test_a_person_sees_levels_lines_and_code(made) -> None:
    sources, facts = made(DIGITS)
    written = dump(propose(sources, facts), sources)
    assert "level: steps+loops" in written
    assert "lines: 13-14  # train_loader = DataLoader(TensorDataset(X_train, y_train), " in written
    assert "Net: models/architectures.py" in written
    assert "settings: [LR]" in written


def test_notebooks_count_lines_in_cells() -> None:
    text = "a = 1\nb = [a]\n\nc = b * 2\n"
    module, program = make_facts(text, name="nb", cells=(Cell(1, 1, 2), Cell(3, 4, 4)))
    places = (
        Place("nb.py", 1, 1, 1),
        Place("nb.py", 2, 2, 1),
        Place("nb.py", 2, 2, 1),
        Place("nb.py", 1, 1, 3),
    )
    module = SourceModule(module.path, "notebook", text, places, module.cells)
    sources = Sources("nb", "/", (module,), (Program("nb", module.path),))
    facts = Facts((program,))
    plan = propose(sources, facts)
    written = dump(plan, sources)
    assert (
        "lines: cell 1 line 1 - cell 3 line 1" in written or "lines: cell 1 line 2 - cell 3 line 1" in written
    )
    assert load(written, "plan.yaml", sources, facts) == plan


@settings(max_examples=60, deadline=None)
@given(programs(), st.text(max_size=40), st.text(max_size=30))
def test_any_proposal_comes_back_the_same_whatever_the_author_wrote(problem, doc: str, why: str) -> None:
    sources, facts = problem
    plan = propose(sources, facts)
    (program,) = plan.programs
    steps = tuple(
        replace(step, segments=tuple(replace(segment, doc=doc) for segment in step.segments))
        for step in program.steps
    )
    plan = replace(plan, programs=(replace(program, steps=steps, why=why),))
    assert load(dump(plan, sources), "plan.yaml", sources, facts) == plan
