"""Crashes at every write, damaged files, a full disk: the next run ends with the same result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runtime_project import ProjectUnderTest, make_project

PIPELINE = """
from .utils.resume import Checkpoint, LoopState, Pipeline, Step


def setup():
    import random

    random.seed(3)


def prepare():
    import random

    with open("rows.csv", "a") as file:
        file.write("header\\n")
    return [random.random() for _ in range(5)], b"x" * 100_000


def train(values):
    import random

    history = []
    state = LoopState(total=0.0, history=history)
    with Checkpoint("train", state) as checkpoint:
        for value in checkpoint.loop(values):
            state.total += value * random.random()
            history.append(state.total)
            with open("rows.csv", "a") as file:
                file.write(f"{state.total}\\n")
    return history


def evaluate(history, big):
    import random

    with open("result.txt", "w") as file:
        file.write(repr((history, len(big), random.random())))


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("values", "big")),
    Step("train", train, role="train", program="a", takes=("values",), gives=("history",)),
    Step("evaluate", evaluate, role="evaluate", program="a", takes=("history", "big")),
    setup=setup,
    package=__package__,
)
"""

# Each crash happens in a fork of its own, so that the libraries are loaded once.
DRIVER = """
import errno, itertools, os, shutil, sys
from pathlib import Path

os.environ["CHECKPOINT_EVERY"] = "2"
from pkg.utils import store, command, resume, runner, pickling  # noqa: E402,F401
import pkg.pipeline  # noqa: E402,F401

NAMES = ("make_folder", "write_file", "fsync_file", "fsync_folder", "rename", "append", "cut", "remove")
NAMES += ("remove_folder",)
how, step = sys.argv[1], int(sys.argv[2])


def child(function):
    process = os.fork()
    if process == 0:
        os.dup2(os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        try:
            code = function()
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 99
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def clean():
    for path in (".pipeline_state", "logs", "log.txt"):
        shutil.rmtree(path, ignore_errors=True)
        Path(path).unlink(missing_ok=True) if not Path(path).is_dir() else None
    for path in ("rows.csv", "result.txt"):
        Path(path).unlink(missing_ok=True)


def outcome():
    return Path("rows.csv").read_bytes(), Path("result.txt").read_bytes()


def plain():
    return command.main("pkg", ["train-all"])


def fail_at(number):
    count = itertools.count(1)

    def wrap(name):
        original = getattr(store, name)

        def wrapped(*arguments, **keywords):
            if next(count) != number:
                return original(*arguments, **keywords)
            if how == "before":
                os._exit(9)
            if how == "after":
                original(*arguments, **keywords)
                os._exit(9)
            if how == "torn":
                if name == "write_file":
                    data = b"".join(bytes(chunk) for chunk in arguments[1])
                    original(arguments[0], [data[: len(data) // 2]])
                if name == "append":
                    original(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os._exit(9)
            raise OSError(errno.ENOSPC if how == "full" else errno.EIO, "made up by the test")

        return wrapped

    def run():
        for name in NAMES:
            setattr(store, name, wrap(name))
        return command.main("pkg", ["train-all"])

    return run


clean()
assert child(plain) == 0, Path("log.txt").read_text()
expected = outcome()
number, tried = 1, 0
while True:
    clean()
    code = child(fail_at(number))
    if code == 0 and how in ("before", "after", "torn"):
        break
    assert code != 99 or how in ("full", "error"), Path("log.txt").read_text()
    after = child(plain)
    assert after == 0, (number, Path("log.txt").read_text())
    assert outcome() == expected, (number, outcome(), expected, Path("log.txt").read_text())
    tried += 1
    number += step
    if number > 400:
        break
print(tried)
"""


def make(root: Path) -> ProjectUnderTest:
    project = make_project(root, PIPELINE)
    project.write("driver.py", DRIVER)
    return project


def crash_everywhere(project: ProjectUnderTest, how: str, step: int) -> int:
    done = subprocess.run(
        [sys.executable, "driver.py", how, str(step)],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=900,
        env=project.environment({}),
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("how", ["before", "after", "torn"])
def test_a_crash_at_some_writes(tmp_path: Path, how: str) -> None:
    assert crash_everywhere(make(tmp_path), how, 13) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("how", ["before", "after", "torn"])
def test_a_crash_at_every_write(tmp_path: Path, how: str) -> None:
    assert crash_everywhere(make(tmp_path), how, 1) > 60


@pytest.mark.parametrize("how", ["full", "error"])
def test_a_write_that_fails(tmp_path: Path, how: str) -> None:
    assert crash_everywhere(make(tmp_path), how, 17) >= 5


def result(project: ProjectUnderTest) -> str:
    return (project.root / "result.txt").read_text()


def newest(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[-1]


def test_a_damaged_newest_generation_is_set_aside(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    state = project.root / ".pipeline_state"
    path = newest(state / "state", "*.json")
    path.write_bytes(path.read_bytes().replace(b'"done"', b'"gone"'))
    assert project.statuses()["evaluate"] != "done"
    done = project.run("train-all")
    assert "damaged" in done.stderr
    assert result(project) == expected
    assert len(list((state / "quarantine").iterdir())) == 1
    assert set(project.statuses().values()) == {"done"}


def objects_of(project: ProjectUnderTest, step: str) -> list[str]:
    state = json.loads(newest(project.root / ".pipeline_state" / "state", "*.json").read_text())
    return [group["object"] for group in state["steps"][step]["groups"]]


def test_a_damaged_object_comes_back_from_its_backup(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train")
    folder = project.root / ".pipeline_state"
    for name in objects_of(project, "train"):
        (folder / "objects" / name).write_bytes(b"rubbish")
    done = project.run("evaluate")
    assert "running again" not in done.stderr
    assert list((folder / "quarantine").iterdir())
    assert project.run("doctor").returncode == 0


def test_a_lost_object_without_backup_is_made_again(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    project.run("clean")
    (project.root / "rows.csv").unlink()
    project.run("train", PIPELINE_BACKUP_BELOW="0")
    for name in objects_of(project, "train"):
        (project.root / ".pipeline_state" / "objects" / name).unlink()
    done = project.run("evaluate", PIPELINE_BACKUP_BELOW="0")
    assert "running again" in done.stderr
    assert result(project) == expected


KILL = """\
            import os, signal
            if os.environ.get("KILL") == str(len(history)):
                os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("damage", ["manifest", "pack", "both"])
def test_a_damaged_checkpoint_gives_way_to_an_older_one_or_none(tmp_path: Path, damage: str) -> None:
    project = make(tmp_path)
    project.run("train-all")
    expected = result(project)
    project.run("clean")
    (project.root / "rows.csv").unlink()
    text = (project.root / "pkg/pipeline.py").read_text()
    project.write(
        "pkg/pipeline.py", text.replace("            history.append", KILL + "            history.append")
    )
    project.run("train-all", check=-9, CHECKPOINT_EVERY="1", KILL="3")
    folder = project.root / ".pipeline_state" / "checkpoints" / "train"
    assert len(list(folder.glob("*.json"))) == 2
    for pattern in {"manifest": ["*.json"], "pack": ["*.pack"], "both": ["*.json", "*.pack"]}[damage]:
        paths = sorted(folder.glob(pattern))
        for path in paths if damage == "both" else paths[-1:]:
            path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    done = project.run("train-all")
    assert "damaged" in done.stderr
    assert ("train: going on" in done.stderr) is (damage != "both")
    assert result(project) == expected


def test_a_torn_event_log_is_cut(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.run("preprocess-data")
    events = project.root / ".pipeline_state" / "events.jsonl"
    with events.open("a") as file:
        file.write('{"torn": ')
    project.run("train-all")
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert {line["event"] for line in lines} == {"started", "done"}
