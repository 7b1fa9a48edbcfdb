"""Modules that several distributions provide: proposed in the plan, chosen there, refused when nonsense."""

from __future__ import annotations

import pytest
from made_facts import make_facts

from graduate.errors import PlanError
from graduate.model.facts import Dependency, Facts
from graduate.model.source import Program, Sources
from graduate.plan.distributions import describe_choices, settle_dependencies
from graduate.plan.propose import propose
from graduate.plan.yaml import dump, load

CV2 = ("opencv-python", "opencv-python-headless")
DEPENDENCIES = (
    Dependency("numpy", "numpy==1.2", ("numpy",), "requirements.txt:1"),
    Dependency("opencv-python", "opencv-python", ("cv2",), "train.py:1", candidates=CV2),
    Dependency("odd", "odd", ("odd",), "train.py:2", guessed=True),
    Dependency("wandb", "wandb", ("wandb",), "train.py:3", optional=True),
)


def make() -> tuple[Sources, Facts]:
    module, program = make_facts("x = 1\ny = x\n")
    facts = Facts((program,), dependencies=DEPENDENCIES)
    return Sources("train", "/", (module,), (Program("train", module.path),)), facts


def test_the_plan_shows_the_choice_and_comes_back_the_same() -> None:
    sources, facts = make()
    plan = propose(sources, facts)
    written = dump(plan, sources)
    assert "distributions:\n  cv2: opencv-python  # or opencv-python-headless\n" in written
    assert load(written, "plan.yaml", sources, facts) == plan


def test_the_choice_of_the_plan_is_installed() -> None:
    sources, facts = make()
    written = dump(propose(sources, facts), sources)
    edited = written.replace("cv2: opencv-python ", "cv2: opencv-python-headless==4.8 ")
    settled = settle_dependencies(facts.dependencies, load(edited, "plan.yaml", sources, facts))
    assert [each.requirement for each in settled] == ["numpy==1.2", "odd", "opencv-python-headless==4.8"]
    assert settled[2].origin == "train.py:1; a choice of the plan: else opencv-python"


def test_a_plan_without_choices_takes_the_usual_ones() -> None:
    sources, facts = make()
    written = dump(propose(sources, facts), sources).partition("distributions:\n")[0]
    settled = settle_dependencies(facts.dependencies, load(written, "plan.yaml", sources, facts))
    assert [each.distribution for each in settled] == ["numpy", "odd", "opencv-python"]


def test_what_nothing_decides_is_told() -> None:
    assert [line.partition(";")[0] for line in describe_choices(DEPENDENCIES)] == [
        "cv2 (train.py:1): opencv-python is taken, opencv-python-headless provide it too",
        "odd (train.py:2): no distribution is known for it, odd is a guess",
        "wandb (train.py:3): the code goes on without it and it is not installed here, so it is left out",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cv2: 'two words'", "it is no name of a distribution"),
        ("cv2: x @ https://x/y.whl", "an address cannot be locked with a hash"),
        ("numpy: numpy", "there is nothing to choose for numpy"),
        ("- cv2", "distributions are no mapping"),
    ],
)
def test_nonsense_is_refused_with_its_line(line: str, message: str) -> None:
    sources, facts = make()
    head = dump(propose(sources, facts), sources).partition("distributions:\n")[0]
    number = head.count("\n") + 2
    with pytest.raises(PlanError) as caught:
        load(f"{head}distributions:\n  {line}\n", "plan.yaml", sources, facts)
    assert message in str(caught.value)
    assert caught.value.where in {f"plan.yaml:{number}", f"plan.yaml:{number - 1}"}
