"""Converted training loops in several processes: the same numbers; killed, stopped and started again, the same end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import Converted, convert
from shared_loops import HEAD, LOOPS

pytestmark = [pytest.mark.torch, pytest.mark.slow]

LONG = """
import time
loader = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True)
model = nn.Sequential(nn.Linear(10, 32), nn.Dropout(0.3), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
log = open("log.csv", "w")
for epoch in range(8):
    for xb, yb in loader:
        loss = F.cross_entropy(model(xb + 0.1 * torch.randn_like(xb)), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(0.05)
    log.write(f"{epoch},{loss.item():.4f}\\n")
    log.flush()
    print(f"{epoch} {loss.item():.4f}", flush=True)
print(f"{sum(p.sum().item() for p in model.parameters()):.3f}")
"""


def once(text: str) -> list[str]:
    """The lines without repetitions: what was printed after the last checkpoint of a killed run is printed again."""
    return list(dict.fromkeys(text.splitlines()))


NUMBER = re.compile(r"-?\d+\.\d+")


def numbers(text: str) -> list[float]:
    return [float(each) for each in NUMBER.findall(text)]


def start(project: Converted, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", project.package, "train-all", *arguments],
        cwd=project.root,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CHECKPOINT_SECONDS": "0.3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers(project: Converted) -> dict[int, int]:
    """Rank → process id of the processes that work on a project."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if not (folder / "cwd").readlink().is_relative_to(project.root):
                continue
            variables = dict(
                each.partition("=")[::2] for each in (folder / "environ").read_text().split("\0")
            )
        except OSError:
            continue
        if "RANK" in variables and (int(variables["RANK"]) == 0 or "PIPELINE_MIRROR_OF" in variables):
            found[int(variables["RANK"])] = int(folder.name)
    return found


def wait(condition: Callable[[], object], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_compute_what_one_does(name: str, processes: int, tmp_path: Path) -> None:
    one, several = (convert({"main.py": HEAD + LOOPS[name]}, tmp_path / each) for each in ("one", "several"))
    before = one.run()
    after = several.run(PROCS=str(processes))
    assert after.returncode == 0, after.stderr
    assert NUMBER.sub("#", after.stdout) == NUMBER.sub("#", before.stdout)
    expected = numbers(before.stdout)
    assert len(expected) > 0
    assert numbers(after.stdout) == pytest.approx(expected, rel=1e-6 if name == "plain" else 2e-3, abs=2e-4)
    assert not (several.root / ".pipeline_state" / "ranks").exists()


def test_a_run_with_nothing_to_share_says_so(tmp_path: Path) -> None:
    program = """
model = nn.Linear(10, 4)
for epoch in range(2):
    loss = F.cross_entropy(model(x[:1]), y[:1])
    loss.backward()
    print(f"{loss.item():.6f}")
"""
    one, several = (convert({"main.py": HEAD + program}, tmp_path / each) for each in ("one", "several"))
    done = several.run(PROCS="2")
    assert done.stdout == one.run().stdout
    assert "there was nothing to share out: each process computed everything" in done.stderr


def test_one_process_loads_nothing_of_it(tmp_path: Path) -> None:
    loaded = "\nimport sys\nprint(*(name for name in sys.modules if name.startswith('study.utils.')))\n"
    one, several = (
        convert({"main.py": HEAD + LOOPS["plain"] + loaded}, tmp_path / each) for each in ("one", "several")
    )

    def of_several(printed: str) -> set[str]:
        names = {name.rpartition(".")[2] for name in printed.splitlines()[-1].split()}
        assert "loop_run" in names
        return {name for name in names if name.startswith(("row_", "batch_rows", "distributed", "agreement"))}

    assert of_several(one.run().stdout) == set()
    assert of_several(several.run(PROCS="2").stdout) >= {"row_loader", "agreement"}


@pytest.fixture
def long(tmp_path: Path) -> tuple[Converted, str, str]:
    """A project, and what an uninterrupted run of two processes prints and logs."""
    whole, killed = (convert({"main.py": HEAD + LONG}, tmp_path / each) for each in ("whole", "killed"))
    done = whole.run(PROCS="2")
    assert done.returncode == 0, done.stderr
    return killed, done.stdout, (whole.root / "log.csv").read_text()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_run_at_once_and_torchrun_goes_on(
    long: tuple[Converted, str, str], rank: int
) -> None:
    project, expected, log = long
    process = start(project, PROCS="2", RESTARTS="1")
    wait(
        lambda: (project.root / "log.csv").exists() and (project.root / "log.csv").read_text().count("\n") > 2
    )
    first = workers(project)
    os.kill(first[rank], signal.SIGKILL)
    killed = time.monotonic()
    wait(lambda: not any(Path(f"/proc/{each}").exists() for each in first.values()), 10)
    assert time.monotonic() - killed < 10
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert once(output) == expected.splitlines()
    assert "going on" in errors
    assert (project.root / "log.csv").read_text() == log


def test_a_killed_process_without_restarts_is_an_error_and_the_next_run_goes_on(
    long: tuple[Converted, str, str],
) -> None:
    project, expected, log = long
    process = start(project, PROCS="2")
    wait(
        lambda: (project.root / "log.csv").exists() and (project.root / "log.csv").read_text().count("\n") > 2
    )
    os.kill(workers(project)[1], signal.SIGKILL)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Process 1 of the run ended with signal 9" in errors
    other = project.run(PROCS="3")
    assert other.returncode == 2
    assert "was stopped with 2 processes; this run has 3" in other.stderr
    again = project.run(PROCS="2")
    assert again.returncode == 0, again.stderr
    assert once(output + again.stdout) == expected.splitlines()
    assert (project.root / "log.csv").read_text() == log


def test_a_signal_stops_all_and_another_number_goes_on_if_asked(long: tuple[Converted, str, str]) -> None:
    project, expected, _ = long
    process = start(project, PROCS="2")
    wait(
        lambda: (project.root / "log.csv").exists() and (project.root / "log.csv").read_text().count("\n") > 2
    )
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert project.run().returncode == 2
    again = project.run("train-all", "--elastic")
    assert again.returncode == 0, again.stderr
    assert numbers(output + again.stdout) == pytest.approx(numbers(expected), rel=2e-3, abs=2e-4)


def test_processes_that_come_apart_are_told_and_nothing_is_saved(tmp_path: Path) -> None:
    apart = LONG.replace(
        "time.sleep(0.05)",
        "torch.rand(1 + int(__import__('os').environ['RANK']))",
    )
    project = convert({"main.py": HEAD + apart}, tmp_path)
    done = project.run(PROCS="2", CHECKPOINT_EVERY="5")
    assert done.returncode == 1
    assert "The processes of this run have come apart." in done.stderr
    assert not list((project.root / ".pipeline_state" / "checkpoints" / "train").glob("*.json"))
