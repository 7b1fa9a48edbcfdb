"""Loops of many shapes, killed and resumed: the result is that of an uninterrupted run, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loop_cases import CASES, HEAD, TORCH_CASES
from runtime_project import ProjectUnderTest, make_project

PIPELINE = """
from .utils.resume import Pipeline, Step


def work():
    from .training import trainer

    print("begin")
    print(repr(trainer.work()))


PIPELINE = Pipeline(Step("train", work, role="train", program="a"), package=__package__)
"""

NAMES = [*CASES, *(pytest.param(name, marks=[pytest.mark.torch, pytest.mark.slow]) for name in TORCH_CASES)]


def make(root: Path, name: str) -> ProjectUnderTest:
    return make_project(root, PIPELINE, training__trainer=HEAD + {**CASES, **TORCH_CASES}[name])


def expect_same_after_kill(project: ProjectUnderTest, expected: str, kill_at: int, by: str) -> bool:
    """Kill at one iteration and go on. False when the program was over before that iteration."""
    project.run("clean")
    first = project.run("train", check=None, CHECKPOINT_EVERY="1", KILL_AT=str(kill_at), KILL_BY=by)
    if first.returncode == 0:
        assert first.stdout == expected
        return False
    assert first.returncode == (-9 if by == "SIGKILL" else 75), first.stderr
    second = project.run("train", CHECKPOINT_EVERY="1")
    assert "did not work" not in second.stderr
    assert second.stdout.splitlines()[-1] == expected.splitlines()[-1], f"killed at {kill_at}"
    if by == "SIGTERM" or kill_at > 1:
        assert "train: going on" in second.stderr
        assert first.stdout + second.stdout == expected
    return True


@pytest.mark.parametrize("name", NAMES)
def test_a_few_kills(tmp_path: Path, name: str) -> None:
    project = make(tmp_path, name)
    expected = project.run("train").stdout
    for kill_at, by in ((3, "SIGKILL"), (4, "SIGTERM")):
        assert expect_same_after_kill(project, expected, kill_at, by)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_every_iteration(tmp_path: Path, name: str) -> None:
    project = make(tmp_path, name)
    expected = project.run("train").stdout
    kill_at = 1
    while expect_same_after_kill(project, expected, kill_at, "SIGKILL"):
        kill_at += 1
    assert kill_at > 4


def test_killed_again_and_again(tmp_path: Path) -> None:
    project = make(tmp_path, "blocks_in_blocks")
    expected = project.run("train").stdout
    project.run("clean")
    output = ""
    for _ in range(50):
        done = project.run("train", check=None, CHECKPOINT_EVERY="1", KILL_AT="2")
        output += done.stdout
        if done.returncode == 0:
            break
    assert output.splitlines()[-1] == expected.splitlines()[-1]


TORCH_TRAINER = """
import os, signal
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from ..config.settings import settings
from ..utils.checkpoint import Checkpoint, LoopState
from ..utils.step_run import StepRun

count = 0


def tick():
    global count
    count += 1
    if count == int(os.environ.get("KILL_AT", -1)):
        StepRun.current.saving.settle()
        os.kill(os.getpid(), signal.SIGKILL)


def work():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x = torch.randn(20, 4)
    y = (x.sum(1) > 0).long()
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)
    loader = DataLoader(TensorDataset(x, y), batch_size=5, shuffle=True, num_workers=settings.WORKERS)
    log = open("log.csv", "w")
    log.write("epoch,loss\\n")
    history = []
    state = LoopState(model=model, optimizer=optimizer, scheduler=scheduler, history=history, best=None)
    with Checkpoint("train", state) as checkpoint:
        for epoch in checkpoint.loop(range(2)):
            state.total = 0.0
            for i, (xb, yb) in checkpoint.loop(enumerate(loader)):
                loss = nn.functional.cross_entropy(model(xb + 0.1 * torch.randn_like(xb)), yb)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                state.total += loss.item() * (i + 1)
                tick()
            scheduler.step()
            history.append((state.total, scheduler.get_last_lr()[0]))
            log.write(f"{epoch},{state.total}\\n")
            with open("lines.txt", "a") as lines:
                lines.write(f"{epoch}\\n")
            if state.best is None or state.total < state.best:
                state.best = state.total
                torch.save(model.state_dict(), "best.pt")
    log.close()
    tick()
    return history, [p.tolist() for p in model.parameters()], torch.rand(2).tolist()
"""


@pytest.mark.torch
@pytest.mark.parametrize(
    ("workers", "kills"),
    [
        ("0", (6,)),
        pytest.param("0", (1, 3, 5, 9), marks=pytest.mark.slow),
        pytest.param("2", (2, 6), marks=pytest.mark.slow),
    ],
)
def test_torch_training_with_files(tmp_path: Path, workers: str, kills: tuple[int, ...]) -> None:
    settings = "WORKERS: int = option(0)"
    straight = make_project(tmp_path / "straight", PIPELINE, settings, training__trainer=TORCH_TRAINER)
    expected = straight.run("train", PKG_WORKERS=workers).stdout
    for kill_at in kills:
        project = make_project(tmp_path / str(kill_at), PIPELINE, settings, training__trainer=TORCH_TRAINER)
        killed = project.run(
            "train", check=-9, PKG_WORKERS=workers, CHECKPOINT_EVERY="1", KILL_AT=str(kill_at)
        )
        resumed = project.run("train", PKG_WORKERS=workers)
        assert resumed.stdout.splitlines()[-1] == expected.splitlines()[-1]
        assert killed.stdout + resumed.stdout == expected or kill_at == 1
        for name in ("log.csv", "lines.txt", "best.pt"):
            assert (project.root / name).read_bytes() == (straight.root / name).read_bytes(), (name, kill_at)


def test_a_changed_setting_makes_a_checkpoint_unusable_and_says_so(tmp_path: Path) -> None:
    trainer = (
        HEAD
        + """
from ..config.settings import settings


def work():
    state = LoopState(x=0.0)
    with Checkpoint("c", state) as checkpoint:
        for i in checkpoint.loop(range(settings.N)):
            state.x += 1
            tick()
    return state.x
"""
    )
    project = make_project(tmp_path, PIPELINE, "N: int = option(5)", training__trainer=trainer)
    project.run("train", check=-9, CHECKPOINT_EVERY="1", KILL_AT="4")
    done = project.run("train", "--N", "7")
    assert "cannot be used, because the setting N changed from 5 to 7" in done.stderr
    assert done.stdout == "begin\n7.0\n"


DRAWING = """
from .config.settings import settings
from .utils.resume import Pipeline, Step


def setup():
    import random

    random.seed(3)


def prepare():
    import random

    for _ in range(settings.DRAWS):
        random.random()
    return 1.0


def work(value):
    from .training import trainer

    print(trainer.work(value))


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("value",)),
    Step("train", work, role="train", program="a", takes=("value",)),
    setup=setup,
    package=__package__,
)
"""
DRAWING_TRAINER = """

def work(value):
    with open("data.txt") as file:
        step = float(file.read())
    state = LoopState(total=0.0)
    with Checkpoint("c", state) as checkpoint:
        for i in checkpoint.loop(range(4)):
            state.total += value * step * random.random()
            tick()
    return state.total
"""


@pytest.mark.parametrize(
    ("path", "text", "checkpoint", "step"),
    [
        ("data.txt", "2", "data.txt, which it reads, changed", "data.txt, which it reads, is changed"),
        ("requirements.lock", "b", "the locked libraries or Python changed", "requirements.lock changed"),
        (
            "configs/default.yaml",
            "DRAWS: 2",
            "the step before left the random generators in another state",
            "preprocess-data left the random generator of python in another state",
        ),
    ],
    ids=["data", "lock", "random"],
)
def test_what_makes_a_checkpoint_and_a_finished_step_stale(
    tmp_path: Path, path: str, text: str, checkpoint: str, step: str
) -> None:
    project = make_project(
        tmp_path, DRAWING, "DRAWS: int = option(1)", training__trainer=HEAD + DRAWING_TRAINER
    )
    before = {"data.txt": "1", "requirements.lock": "a", "configs/default.yaml": "DRAWS: 1"}
    for name, content in before.items():
        project.write(name, content)
    project.run("train", check=-9, CHECKPOINT_EVERY="1", KILL_AT="3")
    project.write(path, text)
    done = project.run("train")
    assert f"cannot be used, because {checkpoint}" in done.stderr
    assert done.stdout == project.run("train", "--fresh").stdout
    project.write(path, before[path])
    assert f"train: running ({step})" in project.run("train").stderr


def test_what_cannot_be_saved_is_said_once_and_the_loop_runs_on(tmp_path: Path) -> None:
    trainer = (
        HEAD
        + """
def work():
    state = LoopState(x=0, stream=iter(lambda: 1, 2), source=(i for i in range(9)))
    with Checkpoint("c", state) as checkpoint:
        for i in checkpoint.loop(range(5)):
            state.x += next(state.source)
            tick()
    return state.x
"""
    )
    project = make_project(tmp_path, PIPELINE, training__trainer=trainer)
    done = project.run("train", CHECKPOINT_EVERY="1")
    assert done.stdout == "begin\n10\n"
    assert done.stderr.count("goes on without checkpoints") == 1
    assert "source (generator)" in done.stderr or "stream" in done.stderr
    project.run("clean")
    assert project.run("train", check=-9, CHECKPOINT_EVERY="1", KILL_AT="3").stdout == "begin\n"
    assert project.run("train", CHECKPOINT_EVERY="1").stdout == "begin\n10\n"


def test_what_changes_in_place_and_cannot_be_put_back_is_said(tmp_path: Path) -> None:
    trainer = (
        HEAD
        + """
def work():
    # Iterates in C, and nobody can set where it stands.
    source = map(abs, [-1, -2, -3, -4, -5])
    state = LoopState(x=0, source=source)
    with Checkpoint("c", state) as checkpoint:
        for i in checkpoint.loop(range(5)):
            state.x += next(source) * (i + 1)
            tick()
    return state.x
"""
    )
    project = make_project(tmp_path, PIPELINE, training__trainer=trainer)
    first = project.run("train", check=-9, CHECKPOINT_EVERY="1", KILL_AT="3")
    assert "source (map) is changed in place" in first.stderr
    assert project.run("train").stdout == "begin\n55\n"


def test_a_resume_that_fails_starts_anew_instead_of_crashing_again(tmp_path: Path) -> None:
    trainer = (
        HEAD
        + """
def work():
    state = LoopState(x=0.0)
    # Other objects than in the run that was killed.
    state.extra = [[]] if os.environ.get("KILL_AT") else {}
    with Checkpoint("c", state) as checkpoint:
        for i in checkpoint.loop(range(5)):
            state.x += 1
            tick()
    return state.x
"""
    )
    project = make_project(tmp_path, PIPELINE, training__trainer=trainer)
    project.run("train", check=-9, CHECKPOINT_EVERY="1", KILL_AT="4")
    done = project.run("train")
    assert "going on did not work" in done.stderr
    assert done.stdout == "begin\n5.0\n"


def test_outside_of_a_pipeline_loops_are_plain() -> None:
    from graduate.runtime.checkpoint import Checkpoint, LoopState

    state = LoopState(n=0)
    with Checkpoint("c", state) as checkpoint:
        for i in checkpoint.loop([3, 4]):
            state.n += i
        while checkpoint.proceed(state.n < 10):
            state.n += 1
    assert state.n == 10
    assert checkpoint.loop(items := [1]) is items
    with pytest.raises(NameError):
        _ = state.missing


@pytest.mark.torch
@pytest.mark.slow
def test_a_signal_to_every_process_saves_first_and_then_ends_the_loader_workers(tmp_path: Path) -> None:
    settings = "WORKERS: int = option(2)"
    kill_all = TORCH_TRAINER.replace("os.kill(os.getpid(), signal.SIGKILL)", "os.killpg(0, signal.SIGTERM)")
    for loop in ("checkpoint.loop(enumerate(loader))", "enumerate(checkpoint.loop(loader))"):
        text = kill_all.replace("checkpoint.loop(enumerate(loader))", loop).replace("* (i + 1)", "")
        project = make_project(tmp_path / loop[:5], PIPELINE, settings, training__trainer=text)
        expected = project.run("train").stdout
        project.run("clean")
        for name in ("log.csv", "lines.txt", "best.pt"):
            (project.root / name).unlink()
        stopped = subprocess.run(
            [sys.executable, "-m", "pkg", "train"],
            cwd=project.root,
            env=project.environment({"KILL_AT": "3", "CHECKPOINT_EVERY": "1"}),
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=120,
        )
        assert stopped.returncode == 75, stopped.stderr
        assert stopped.stdout + project.run("train").stdout == expected
