"""Files that a step overwrites, makes, renames and removes, when it fails or is killed and runs again."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime_project import ProjectUnderTest, make_project

PIPELINE = """
from .utils.resume import Pipeline, Step


def work():
    from .training import trainer

    print(trainer.work())


PIPELINE = Pipeline(Step("train", work, role="train", program="a"), package=__package__)
"""
HEAD = """
import json, os, signal
from ..utils.checkpoint import Checkpoint, LoopState
from ..utils.step_run import StepRun


def end(here):
    if os.environ.get("FAIL") == here:
        raise RuntimeError("made up")
    if os.environ.get("KILL") == here:
        StepRun.current.saving.settle()
        os.kill(os.getpid(), signal.SIGKILL)

"""
OVERWRITES = """
def work():
    with open("report.txt", "w") as file:
        file.write("half")
        file.flush()
        end("open")
        file.write(os.environ.get("WORD", "first"))
    with open("table.json.part", "w") as file:
        json.dump([1, os.environ.get("WORD", "first")], file)
    os.replace("table.json.part", "table.json")
    if os.path.exists("old.txt"):
        os.remove("old.txt")
    with open("log.txt", "a") as file:
        file.write("line\\n")
    end("end")
    return "done"
"""
OWN_CHECKPOINT = """
def work():
    start = 0
    if os.path.exists("own.json"):
        start = json.load(open("own.json"))
    seen = []
    state = LoopState(seen=seen)
    with Checkpoint("loop", state) as checkpoint:
        for number in checkpoint.loop(range(start, 5)):
            seen.append(number)
            with open("own.json", "w") as file:
                json.dump(number + 1, file)
            end(str(number))
    return seen
"""
FILES = ("report.txt", "table.json", "old.txt", "log.txt")


def make(folder: Path, text: str) -> ProjectUnderTest:
    return make_project(folder, PIPELINE, training__trainer=HEAD + text)


def contents(project: ProjectUnderTest) -> dict[str, str]:
    return {name: (project.root / name).read_text() for name in FILES if (project.root / name).exists()}


@pytest.mark.parametrize("where", ["open", "end"])
def test_a_failing_step_leaves_the_last_good_files(tmp_path: Path, where: str) -> None:
    project = make(tmp_path, OVERWRITES)
    project.write("old.txt", "an input")
    project.run("train")
    project.write("old.txt", "an input")
    good = contents(project)
    del good["log.txt"]
    failed = project.run("train", "--fresh", check=1, FAIL=where, WORD="second")
    assert "made up" in failed.stderr
    left = contents(project)
    # A file that a step only adds to begins anew when the step does.
    assert left.pop("log.txt", "") == ("line\n" if where == "end" else "")
    assert left == good
    project.run("train", WORD="second")
    assert contents(project) == {
        "report.txt": "halfsecond",
        "table.json": '[1, "second"]',
        "log.txt": "line\n",
    }


def test_what_a_failing_step_made_stays_for_a_look(tmp_path: Path) -> None:
    project = make(tmp_path, OVERWRITES)
    project.run("train", check=1, FAIL="open")
    assert contents(project) == {"report.txt": "half"}


@pytest.mark.parametrize(("where", "every"), [("0", "1"), ("3", "1"), ("3", "1000")])
def test_a_killed_attempt_leaves_no_file_to_the_next(tmp_path: Path, where: str, every: str) -> None:
    project = make(tmp_path, OWN_CHECKPOINT)
    project.run("train", check=-9, KILL=where, CHECKPOINT_EVERY=every)
    assert (project.root / "own.json").exists()
    done = project.run("train")
    assert done.stdout == "[0, 1, 2, 3, 4]\n"
    assert ("going on" in done.stderr) is (where == "3" and every == "1")
    assert (project.root / "own.json").read_text() == "5"


def test_the_first_attempt_says_what_was_there(tmp_path: Path) -> None:
    """However often it is killed, the program finds what it found first."""
    project = make(tmp_path, OWN_CHECKPOINT)
    project.write("own.json", "1")
    for where in ("2", "3", "4"):
        project.run("train", check=-9, KILL=where, CHECKPOINT_EVERY="1000")
    assert project.run("train").stdout == "[1, 2, 3, 4]\n"


def test_a_damaged_copy_is_not_put_back(tmp_path: Path) -> None:
    project = make(tmp_path, OVERWRITES)
    project.write("report.txt", "good")
    project.run("train", check=-9, KILL="open")
    for copy in (project.root / ".pipeline_state" / "checkpoints" / "train" / "kept").iterdir():
        copy.write_text("rubbish")
    assert "lost: the copy of report.txt" in project.run("doctor", check=1).stderr
    done = project.run("train", check=1, FAIL="open")
    assert "report.txt cannot be put back: its copy is damaged" in done.stderr
    assert "rubbish" not in contents(project)["report.txt"]


REMOVES_FOLDERS = """
import shutil


def work():
    # Removed through an open folder, and called like a file of the project.
    data = open("data.txt").read()
    os.makedirs("scratch/part", exist_ok=True)
    for name in ("scratch/data.txt", "scratch/part/x.txt"):
        with open(name, "w") as file:
            file.write(name)
    state = LoopState(n=0)
    with Checkpoint("loop", state) as checkpoint:
        for number in checkpoint.loop(range(4)):
            state.n += len(data)
            if number == 1:
                shutil.rmtree("scratch")
                os.makedirs("made")
                os.rename("made", f"final{number}")
            end(str(number))
    return state.n, sorted(os.listdir("."))[:2]
"""


def test_folders_are_removed_and_renamed(tmp_path: Path) -> None:
    project = make(tmp_path, REMOVES_FOLDERS)
    project.write("data.txt", "four")
    project.run("train", check=-9, KILL="3", CHECKPOINT_EVERY="1")
    done = project.run("train")
    assert "going on" in done.stderr
    assert "did not work" not in done.stderr
    assert done.stdout.startswith("(16, ")
    assert not (project.root / "scratch" / "data.txt").exists()
    project.write("data.txt", "seven77")
    assert "data.txt, which it reads, is changed" in project.status()["train"]["why"]


def test_a_big_file_is_put_back_from_where_it_was_moved(tmp_path: Path) -> None:
    text = OWN_CHECKPOINT.replace(
        "json.dump(number + 1, file)", 'file.write(str(number + 1) + " " * (17 << 20))'
    )
    project = make(tmp_path, text)
    project.run("train", check=-9, KILL="3", CHECKPOINT_EVERY="1")
    done = project.run("train")
    assert done.stdout == "[0, 1, 2, 3, 4]\n"
    assert "going on" in done.stderr
    assert (project.root / "own.json").stat().st_size == (17 << 20) + 1
