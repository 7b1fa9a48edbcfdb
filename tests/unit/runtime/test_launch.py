"""What GPUS, PROCS, NODES and MASTER may be, and what the trees of other processes hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graduate.runtime import dispatch, launch, mirror, precision
from graduate.runtime.problems import Problem
from graduate.runtime.steps import Pipeline, Step

NAMES = ("GPUS", "PROCS", "NODES", "NODE_RANK", "MASTER", "RESTARTS", "PIPELINE_ELASTIC", "PRECISION")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_nothing_asked_for_is_one_process() -> None:
    assert launch.asked_for().size == 1


def test_processes_of_all_machines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PROCS", "3"), ("NODES", "2"), ("NODE_RANK", "1"), ("MASTER", "host:29500")):
        monkeypatch.setenv(name, value)
    job = launch.asked_for()
    assert (job.size, job.node, job.address) == (6, 1, "host:29500")


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"PROCS": "many"}, "PROCS"),
        ({"PROCS": "-1"}, "PROCS"),
        ({"GPUS": "2", "PROCS": "3"}, "GPUS and PROCS"),
        ({"NODES": "2"}, "MASTER"),
        ({"NODES": "2", "NODE_RANK": "2", "MASTER": "a:1"}, "NODE_RANK"),
        ({"GPUS": "4096"}, "GPUS"),
    ],
)
def test_what_cannot_be_is_told(values: dict[str, str], where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Problem) as caught:
        launch.asked_for()
    assert caught.value.where == where
    assert caught.value.fix


def nothing() -> None:
    pass


def test_a_program_that_has_to_run_alone_is_refused_with_its_place() -> None:
    step = Step("train", nothing, role="train", alone=("train.py:88: it steps an environment",))
    with pytest.raises(Problem) as caught:
        dispatch.check_shareable(Pipeline(step), [0])
    assert (caught.value.where, caught.value.why) == ("train.py:88", "it steps an environment")


def test_steps_that_do_not_train_are_run_by_one_process() -> None:
    roles = ("download", "preprocess", "train", "evaluate", "train")
    pipeline = Pipeline(*(Step(f"{role}-{number}", nothing, role=role) for number, role in enumerate(roles)))
    assert launch.apart(pipeline, 0, 4) == [(0, 1), (2, 2), (3, 3), (4, 4)]
    dispatch.check_shareable(pipeline, [0, 1, 2, 3, 4])
    with pytest.raises(Problem):
        dispatch.check_shareable(pipeline, [0, 1])


def test_half_precision_is_refused_and_a_step_depends_on_the_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert precision.of("train") == {"PRECISION": "fp32"}
    assert precision.of("preprocess") == {}
    monkeypatch.setenv("PRECISION", "fp16")
    with pytest.raises(Problem):
        precision.asked_for()


def test_a_file_of_another_tree_is_copied_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, mine = tmp_path / "project", tmp_path / "project" / ".pipeline_state" / "ranks" / "1"
    (root / "data").mkdir(parents=True)
    (root / "data" / "x.csv").write_text("1")
    (root / "data" / "model.pt").write_text("2")
    (root / "small.txt").write_text("3")
    (root / "logs").mkdir()
    monkeypatch.setattr(mirror, "PROJECT_ROOT", root)
    monkeypatch.setattr(mirror, "STATE_FOLDER", root / ".pipeline_state")
    mirror.copy_tree(root, mine)
    assert sorted(str(each.relative_to(mine)) for each in mine.rglob("*")) == [
        ".pipeline_state",
        "data",
        "data/model.pt",
        "data/x.csv",
        "small.txt",
    ]
    assert os.stat(mine / "data" / "x.csv").st_nlink == 2  # noqa: PTH116
    assert os.stat(mine / "data" / "model.pt").st_nlink == 1  # noqa: PTH116
    monkeypatch.setattr(mirror, "PROJECT_ROOT", mine)
    mirror._before_open("open", (str(mine / "data" / "x.csv"), "w", os.O_WRONLY))
    (mine / "data" / "x.csv").write_text("changed")
    assert (root / "data" / "x.csv").read_text() == "1"
    with pytest.raises(Problem, match="cannot be shared out"):
        mirror._before_open("open", (str(tmp_path / "elsewhere.txt"), "w", os.O_WRONLY))
    mirror._before_open("open", (str(tmp_path / "elsewhere.txt"), "r", os.O_RDONLY))
