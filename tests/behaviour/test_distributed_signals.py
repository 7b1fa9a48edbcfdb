"""A run of two processes is told to stop, at each of its processes: all stop, saved, and the next run goes on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from harness import Converted, convert
from shared_loops import HEAD
from test_distributed import LONG, once, start, wait, workers

pytestmark = [pytest.mark.torch, pytest.mark.slow]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What two processes print that nobody disturbs."""
    done = convert({"main.py": HEAD + LONG}, tmp_path_factory.mktemp("whole")).run(PROCS="2")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Converted:
    return convert({"main.py": HEAD + LONG}, tmp_path)


def processes_of(project: Converted) -> dict[str, int]:
    """The processes of a run that trains: who started it, torchrun, and the ranks."""
    log = project.root / "log.csv"
    wait(lambda: log.exists() and log.read_text().count("\n") > 2)
    found = {f"rank {rank}": process for rank, process in workers(project).items()}
    assert sorted(found) == ["rank 0", "rank 1"]
    found["torchrun"] = int(Path(f"/proc/{found['rank 0']}/stat").read_text().rpartition(")")[2].split()[1])
    assert ".utils.launch" in Path(f"/proc/{found['torchrun']}/cmdline").read_text()
    return found


def left(project: Converted) -> list[str]:
    """The processes that work in a project's folder, as they were called."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if (each / "cwd").readlink().is_relative_to(project.root):
                found.append(f"{each.name} {(each / 'cmdline').read_text()}")
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("number", "to", "restarts"),
    [
        (signal.SIGTERM, "rank 1", "2"),
        (signal.SIGTERM, "torchrun", "2"),
        (signal.SIGTERM, "launcher", "2"),
        (signal.SIGTERM, "rank 0", "0"),
        (signal.SIGINT, "torchrun", "0"),
        (signal.SIGINT, "launcher", "0"),
        (signal.SIGINT, "rank 1", "0"),
    ],
)
def test_a_signal_to_any_process_stops_all_saved(
    project: Converted, expected: str, number: signal.Signals, to: str, restarts: str
) -> None:
    process = start(project, PROCS="2", RESTARTS=restarts)
    found = {"launcher": process.pid, **processes_of(project)}
    os.kill(found[to], number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    wait(lambda: not left(project), 5)
    again = project.run(PROCS="2")
    assert again.returncode == 0, again.stderr
    assert "going on" in again.stderr
    assert output + again.stdout == expected


@pytest.mark.parametrize("to", ["launcher", "torchrun"])
def test_a_second_signal_ends_all_at_once_and_the_next_run_goes_on(
    project: Converted, expected: str, to: str
) -> None:
    process = start(project, PROCS="2")
    found = {"launcher": process.pid, **processes_of(project)}
    began = time.monotonic()
    os.kill(found[to], signal.SIGTERM)
    time.sleep(0.02)
    os.kill(found[to], signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    wait(lambda: not left(project), 10)
    assert time.monotonic() - began < 15
    assert process.returncode in (75, 128 + signal.SIGTERM), errors
    assert "Traceback" not in errors
    again = project.run(PROCS="2")
    assert again.returncode == 0, again.stderr
    assert "going on" in again.stderr
    assert once(output + again.stdout) == expected.splitlines()
