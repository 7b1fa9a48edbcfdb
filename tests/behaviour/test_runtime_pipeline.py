"""The pipeline of a small project, run in processes of its own: what runs again, and why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime_project import ProjectUnderTest, make_project

PIPELINE = """
from .config.settings import settings
from .utils.resume import Pipeline, Step


def setup():
    import random

    random.seed(settings.SEED)


def prepare():
    import random

    from .data import preprocessing

    values = preprocessing.load(settings.N)
    print("prepared", random.random())
    return values, values


def train(values):
    import random

    from .training import trainer

    total = trainer.total(values)
    print("trained", total, random.random())
    return total


def evaluate(values, alias, total):
    import random

    print("evaluated", total, values is alias, random.random())
    with open("report.txt", "w") as file:
        file.write(str(total))


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("values", "alias")),
    Step("train", train, role="train", program="a", takes=("values",), gives=("total",)),
    Step("evaluate", evaluate, role="evaluate", program="a", takes=("values", "alias", "total")),
    setup=setup,
    package=__package__,
)
"""
SETTINGS = "SEED: int = option(1)\nN: int = option(3)"
PREPROCESSING = """
def load(n):
    # a comment
    with open("data.txt") as file:
        return [float(line) for line in file][:n]
"""
TRAINER = """
class Unused:
    pass


def total(values):
    values.append(0.5)
    return sum(values)
"""


@pytest.fixture
def project(tmp_path: Path) -> ProjectUnderTest:
    made = make_project(
        tmp_path / "project", PIPELINE, SETTINGS, data__preprocessing=PREPROCESSING, training__trainer=TRAINER
    )
    made.write("data.txt", "1\n2\n3\n4\n")
    return made


def reasons(project: ProjectUnderTest) -> dict[str, str]:
    return {name: row["why"] for name, row in project.status().items() if row["status"] != "done"}


def test_a_run_then_nothing_to_do(project: ProjectUnderTest) -> None:
    assert project.statuses() == dict.fromkeys(("preprocess-data", "train", "evaluate"), "pending")
    first = project.run("train-all")
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["prepared", "trained", "evaluated"]
    assert project.run("train-all").stdout == ""
    assert reasons(project) == {}


def test_each_target_runs_what_it_needs_and_a_resumed_process_continues_the_same(
    project: ProjectUnderTest,
) -> None:
    straight = project.run("train-all").stdout
    project.run("clean")
    apart = [project.run(target).stdout for target in ("preprocess-data", "train", "evaluate")]
    assert "".join(apart) == straight
    assert "evaluated 6.5 True" in straight


def test_targets_without_a_step_say_so(project: ProjectUnderTest) -> None:
    done = project.run("download-data")
    assert done.stdout == ""
    assert done.stderr == "download-data: this project has no such step.\n"


@pytest.mark.parametrize(
    ("path", "old", "new", "stale"),
    [
        ("pkg/data/preprocessing.py", "# a comment", "# another\n", {}),
        (
            "pkg/training/trainer.py",
            "values.append(0.5)",
            "values.append(0.25)",
            {"train": "its code changed: training.trainer:total", "evaluate": "it depends on train"},
        ),
        ("pkg/training/trainer.py", "    pass", "    x = 1", {}),
        ("data.txt", "4", "5", {"preprocess-data": "data.txt, which it reads, is changed"}),
        ("report.txt", "6.5", "7.5", {"evaluate": "report.txt, which it wrote, is changed"}),
        (
            "pkg/config/settings.py",
            "option(3)",
            "option(2)",
            {"preprocess-data": "the setting N changed from 3 to 2"},
        ),
    ],
)
def test_what_makes_steps_stale(
    project: ProjectUnderTest, path: str, old: str, new: str, stale: dict[str, str]
) -> None:
    project.run("train-all")
    target = project.root / path
    target.write_text(target.read_text().replace(old, new))
    found = reasons(project)
    for name, why in stale.items():
        assert found[name] == why
    if not stale:
        assert found == {}
        assert project.run("train-all").stdout == ""
    else:
        assert project.run("train-all").stdout != ""
        assert reasons(project) == {}


def test_an_unchanged_result_stops_the_rerun(project: ProjectUnderTest) -> None:
    project.run("train-all")
    (project.root / "data.txt").write_text("1\n2\n3\n9\n")
    done = project.run("train-all")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["prepared"]


def test_a_doing_nothing_run_imports_little_and_is_fast(project: ProjectUnderTest) -> None:
    project.run("train-all")
    code = (
        "import sys, time, resource; from pkg.utils.command import main; main('pkg', ['train-all']);"
        "used = resource.getrusage(resource.RUSAGE_SELF);"
        "print(used.ru_utime + used.ru_stime, *[m for m in"
        " ('numpy', 'pandas', 'torch', 'pydantic', 'argparse', 'subprocess', 'pkg.utils.runner') if m in sys.modules])"
    )
    # Measured as a project runs: its modules are compiled once. The least of several, for what else the machine does.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    measured = []
    for _ in range(6):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=project.root,
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        seconds, *imported = done.stdout.split()
        assert imported == []
        measured.append(float(seconds))
    assert min(measured) < 0.2


def test_a_failing_step_leaves_a_report_and_is_run_again(project: ProjectUnderTest) -> None:
    trainer = project.root / "pkg/training/trainer.py"
    text = trainer.read_text()
    trainer.write_text(text.replace("return sum", "raise ValueError('bad luck')\n    return sum"))
    done = project.run("train-all", check=1)
    assert "ValueError: bad luck" in done.stderr
    assert "Traceback" in done.stderr
    row = project.status()["train"]
    assert (row["status"], row["why"]) == ("failed", "it failed: ValueError: bad luck")
    report = json.loads((project.root / row["error"]["report"]).read_text())
    assert report["settings"] == {"SEED": "1", "N": "3"}
    trainer.write_text(text)
    assert "trained 6.5" in project.run("train-all").stdout


def test_a_program_that_exits_by_itself(tmp_path: Path) -> None:
    pipeline = """
import sys

from .utils.resume import Pipeline, Step


def first():
    print("enough")
    sys.exit({code})


def second():
    print("never")


PIPELINE = Pipeline(
    Step("train", first, role="train", program="a"),
    Step("evaluate", second, role="evaluate", program="a"),
    package=__package__,
)
"""
    early = make_project(tmp_path / "early", pipeline.replace("{code}", "0"))
    assert early.run("train-all").stdout == "enough\n"
    assert early.run("train-all").stdout == ""
    assert early.statuses() == {"train": "done", "evaluate": "skipped"}
    bad = make_project(tmp_path / "bad", pipeline.replace("{code}", "3"))
    bad.run("train-all", check=3)
    assert bad.statuses()["train"] == "failed"


PROGRAMS = """
from .utils.resume import Pipeline, Step


def clean():
    from . import shared

    shared.value = 5
    print("clean", shared.value, flush=True)


def train():
    import os, time

    from . import shared

    print("train", shared.value, flush=True)
    time.sleep(float(os.environ.get("SLEEP", 0)))


PIPELINE = Pipeline(
    Step("preprocess-data", clean, role="preprocess", program="clean"),
    Step("train", train, role="train", program="train"),
    package=__package__,
)
"""


def test_programs_run_in_processes_of_their_own(tmp_path: Path) -> None:
    project = make_project(tmp_path, PROGRAMS, shared="value = 1\n")
    assert project.run("train-all").stdout == "clean 5\ntrain 1\n"
    assert project.run("train-all").stdout == ""


LAST = """
def last():
    print("last")


PIPELINE = Pipeline(
    *PIPELINE.steps, Step("evaluate", last, role="evaluate", program="train"), package=__package__
)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_child_and_its_exit_code_comes_back(tmp_path: Path, number: signal.Signals) -> None:
    project = make_project(tmp_path, PROGRAMS + LAST, shared="value = 1\n")
    running = project.start("train-all", SLEEP="1")
    assert running.stdout is not None
    assert running.stdout.readline() == "clean 5\n"
    assert running.stdout.readline() == "train 1\n"
    running.send_signal(number)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 75, errors
    # A step without a loop is finished first; the next one is not begun.
    assert project.statuses() == {"preprocess-data": "done", "train": "done", "evaluate": "pending"}
    assert project.run("train-all").stdout == "last\n"


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    project = make_project(
        tmp_path, PROGRAMS.replace('program="clean"', 'program="train"'), shared="value = 1\n"
    )
    running = project.start("train-all", SLEEP="60")
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=10) == 143
    assert project.statuses()["train"] == "running"
    assert project.run("train-all").stdout == "train 1\n"


def test_two_runs_at_once_are_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    project = make_project(tmp_path, PROGRAMS, shared="value = 1\n")
    running = project.start("train-all", SLEEP="60")
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.readline()
    refused = project.run("train-all", check=1)
    assert "Another run of this project is in progress." in refused.stderr
    running.kill()
    running.wait()
    assert project.run("train-all").stdout == "train 1\n"


def test_values_that_cannot_be_stored_are_made_again(tmp_path: Path) -> None:
    pipeline = """
from .utils.resume import Pipeline, Step


def first():
    print("first")
    return (i for i in [1, 2, 3])


def second(numbers):
    print("second", next(numbers))


def third(numbers):
    print("third", next(numbers))


PIPELINE = Pipeline(
    Step("preprocess-data", first, role="preprocess", program="a", gives=("numbers",)),
    Step("train", second, role="train", program="a", takes=("numbers",)),
    Step("evaluate", third, role="evaluate", program="a", takes=("numbers",)),
    package=__package__,
)
"""
    project = make_project(tmp_path, pipeline)
    done = project.run("train-all")
    assert done.stdout == "first\nsecond 1\nthird 2\n"
    assert done.stderr.count("note: numbers (generator) cannot be stored") == 1
    project.run("clean")
    assert project.run("train").stdout == "first\nsecond 1\n"
    assert project.run("evaluate").stdout == "first\nsecond 1\nthird 2\n"


def test_the_context_is_kept_between_processes(tmp_path: Path) -> None:
    pipeline = """
from .utils.context import context
from .utils.resume import Pipeline, Step


def first():
    context.items = [1]
    return context.items


def second(items):
    items.append(2)


def third(items):
    print(context.items, context.items is items)


PIPELINE = Pipeline(
    Step("preprocess-data", first, role="preprocess", program="a", gives=("items",)),
    Step("train", second, role="train", program="a", takes=("items",)),
    Step("evaluate", third, role="evaluate", program="a", takes=("items",)),
    context=context,
    package=__package__,
)
"""
    project = make_project(tmp_path, pipeline)
    for target in ("preprocess-data", "train"):
        project.run(target)
    assert project.run("evaluate").stdout == "[1, 2] True\n"


def test_restore_functions_of_skipped_steps_run(tmp_path: Path) -> None:
    pipeline = """
import os

from .utils.resume import Pipeline, Step


def first():
    os.environ["MODE"] = "fast"


def second():
    print(os.environ["MODE"])


PIPELINE = Pipeline(
    Step("preprocess-data", first, role="preprocess", program="a", restore=first),
    Step("train", second, role="train", program="a"),
    package=__package__,
)
"""
    project = make_project(tmp_path, pipeline)
    project.run("preprocess-data")
    assert project.run("train").stdout == "fast\n"


def test_rollback_and_fresh(project: ProjectUnderTest) -> None:
    project.run("train-all")
    project.run("rollback", "train")
    assert project.statuses() == {"preprocess-data": "done", "train": "pending", "evaluate": "pending"}
    assert project.run("train").stdout.startswith("trained")
    assert project.run("train", "--fresh").stdout.startswith("trained")
    assert project.run("train", "--N", "2", "--fresh").stdout.count("\n") == 2


def test_old_generations_go_with_the_values_that_only_they_name(project: ProjectUnderTest) -> None:
    for number in ("1", "2", "3", "4"):
        project.run("train-all", "--N", number)
    folder = project.root / ".pipeline_state"
    kept = [path.read_text() for path in (folder / "state").iterdir()]
    assert len(kept) == 12
    for each in (*(folder / "objects").iterdir(), *(folder / "backups").iterdir()):
        assert any(each.name in text for text in kept)
    assert max(json.loads(text)["generation"] for text in kept) > 12


def test_a_child_that_is_told_to_end_before_it_has_left_ends(tmp_path: Path) -> None:
    pipeline = """
import os
import signal
import time

# Runs in a child before what the pipeline registers.
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))

from .utils.resume import Pipeline, Step


def train():
    child = os.fork()
    if child == 0:
        time.sleep(3)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


PIPELINE = Pipeline(Step("train", train, role="train", program="a"), package=__package__)
"""
    assert make_project(tmp_path, pipeline).run("train").stdout == "-15\n"


def test_worker_pools_end_when_they_are_told_to(tmp_path: Path) -> None:
    pipeline = """
import multiprocessing

from .utils.resume import Pipeline, Step


def train():
    for _ in range(15):
        with multiprocessing.Pool(2) as pool:
            total = sum(pool.map(abs, [1, -2]))
    print(total)


PIPELINE = Pipeline(Step("train", train, role="train", program="a"), package=__package__)
"""
    assert make_project(tmp_path, pipeline).run("train", timeout=60).stdout == "3\n"
