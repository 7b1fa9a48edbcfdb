"""Figures that would have been shown are saved under names that do not depend on the process."""

from __future__ import annotations

import itertools
from pathlib import Path
from pickle import PicklingError

import pytest

from graduate.runtime import figures
from runtime_project import make_project

PIPELINE = """
from .utils.resume import Pipeline, Step


def first():
    import matplotlib.pyplot as plt

    plt.plot([1, 2])
    plt.figure()
    plt.plot([2, 1])
    plt.show()
    fig, ax = plt.subplots()
    plt.show()
    print(plt.get_backend().rpartition(".")[2], plt.get_fignums())


def second():
    from .utils.figures import show_figures

    import matplotlib.pyplot as plt

    plt.plot([1])
    show_figures()
    show_figures()


PIPELINE = Pipeline(
    Step("train", first, role="train", program="a"),
    Step("evaluate", second, role="evaluate", program="a"),
    package=__package__,
)
"""


def test_shown_figures_are_saved_and_closed(tmp_path: Path) -> None:
    project = make_project(tmp_path, PIPELINE)
    assert project.run("train-all").stdout == "figure_backend []\n"
    folder = tmp_path / "reports" / "figures"
    names = ["evaluate-01.png", "train-01.png", "train-02.png", "train-03.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    before = {name: (folder / name).read_bytes() for name in names}
    (folder / "train-02.png").unlink()
    assert "reports/figures/train-02.png, which it wrote, is gone" in project.run("status").stdout
    project.run("train-all")
    assert {name: (folder / name).read_bytes() for name in names} == before


DRAWN_IN_A_LOOP = """
import os
import signal

import matplotlib.pyplot as plt

from ..utils.checkpoint import Checkpoint, LoopState
from ..utils.step_run import StepRun


def draw():
    fig, ax = plt.subplots()
    plt.show(block=False)
    plt.figure()
    state = LoopState(ax=ax, total=0)
    with Checkpoint("draw", state) as checkpoint:
        for i in checkpoint.loop(range(6)):
            if os.environ.get("KILL_AT") == str(i):
                StepRun.current.saving.settle()
                os.kill(os.getpid(), signal.SIGKILL)
            state.total += i
            ax.axvline(state.total)
            plt.plot([i, state.total])
            if i == 2:
                plt.show()
                plt.ion()
            elif i > 3:
                plt.pause(0.01)
    plt.ioff()
    plt.show()
"""


def test_figures_that_a_loop_draws_go_on(tmp_path: Path) -> None:
    pipeline = """
from .utils.resume import Pipeline, Step


def work():
    from .training import trainer

    trainer.draw()


PIPELINE = Pipeline(Step("train", work, role="train", program="a"), package=__package__)
"""
    project = make_project(tmp_path, pipeline, training__trainer=DRAWN_IN_A_LOOP)
    folder = tmp_path / "reports" / "figures"
    project.run("train")
    straight = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(straight) == ["train-01.png", "train-02.png", "train-03.png"]
    for kill_at in (1, 3, 5):
        project.run("clean")
        project.run("train", check=-9, CHECKPOINT_EVERY="1", KILL_AT=str(kill_at))
        assert "train: going on" in project.run("train").stderr
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == straight, f"killed at {kill_at}"


def test_figures_that_would_forget_their_next_colour_are_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.close("all")
    _, ax = plt.subplots()
    assert [number for number, _ in figures.capture()[1]] == [1]
    # What matplotlib 3.7 and before keeps its place in.
    monkeypatch.setattr(type(ax._get_lines), "prop_cycler", itertools.cycle("rgb"), raising=False)
    with pytest.raises(PicklingError, match="forgets its next colour"):
        figures.capture()
    plt.close("all")
