"""Stop signals that come through what starts a pipeline: make, torchrun, the entry point of a container.

What was done is saved, the pipeline ends with 75, nobody is left behind, and the next run goes on. Twice ends at once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graduate import conversion

SCRIPT = """\
import random
import sys
import time

PAUSE = 0.05
random.seed(3)
numbers = [random.random() for _ in range(20)]
print("made", len(numbers), "numbers")
# train
weight, history = 0.0, []
for epoch in range(20):
    weight += random.random() * numbers[epoch]
    history.append(weight)
    print("epoch", epoch, weight, flush=True)
    print("at", epoch, file=sys.stderr, flush=True)
    time.sleep(PAUSE)
print(weight, history, random.random())
"""


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    (folder / "walk").mkdir()
    (folder / "walk" / "train.py").write_text(SCRIPT)
    conversion.convert(folder / "walk", folder / "project", lock=False)
    return folder / "project"


@pytest.fixture
def project(converted: Path, tmp_path: Path) -> Path:
    shutil.copytree(converted, tmp_path / "project", symlinks=True)
    return tmp_path / "project"


@pytest.fixture(scope="module")
def expected(converted: Path) -> str:
    """What the original prints."""
    script = converted.parent / "walk" / "train.py"
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout


def environment(**more: str) -> dict[str, str]:
    cleared = {k: v for k, v in os.environ.items() if not k.startswith(("CHECKPOINT_", "PIPELINE_", "MAKE"))}
    return {**cleared, "OMP_NUM_THREADS": "1", **more}


def start(command: list[str], project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_epoch(running: subprocess.Popen[str], epoch: int) -> None:
    """Return once the program is in this epoch."""
    assert running.stderr is not None
    seen = []
    while f"at {epoch}\n" not in seen:
        seen.append(running.stderr.readline())
        assert seen[-1], "".join(seen)


def processes_in(folder: Path) -> list[int]:
    """The processes that work in a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if (each / "cwd").readlink() == folder and "zombie" not in (each / "status").read_text():
                found.append(int(each.name))
        except OSError:
            continue
    return found


def status_of(project: Path, package: str = "walk") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", package, "status", "--json"],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return [each["status"] for each in json.loads(done.stdout)["steps"]]


def make(*arguments: str) -> list[str]:
    return ["make", *arguments, f"PYTHON={sys.executable}"]


@pytest.mark.parametrize(
    ("number", "to"),
    [("SIGINT", "terminal"), ("SIGTERM", "make"), ("SIGTERM", "terminal"), ("SIGUSR1", "program")],
)
def test_through_make(project: Path, expected: str, number: str, to: str) -> None:
    running = start(make("-s", "train-all"), project)
    wait_for_epoch(running, 3)
    wanted = getattr(signal, number)
    if to == "terminal":
        os.killpg(running.pid, wanted)
    else:
        own = [each for each in processes_in(project) if each != running.pid]
        os.kill(running.pid if to == "make" else own[0], wanted)
    printed, said = running.communicate(timeout=20)
    assert processes_in(project) == []
    assert f"Stopped on {number}" in said
    # A make that got the signal itself ends by it; else it tells what the pipeline ended with.
    assert "Error 75" in said if to == "program" else running.returncode in (-wanted, 2)
    assert "interrupted" in status_of(project)
    resumed = subprocess.run(
        make("-s", "resume-all"), cwd=project, env=environment(), capture_output=True, text=True, check=True
    )
    assert "going on" in resumed.stderr
    assert printed + resumed.stdout == expected


def test_twice_through_make_ends_at_once(project: Path, expected: str) -> None:
    running = start(make("-s", "train-all", "ARGS=--PAUSE 60"), project)
    wait_for_epoch(running, 0)
    os.killpg(running.pid, signal.SIGINT)
    time.sleep(0.8)  # what make hands on comes within half a second
    began = time.monotonic()
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert processes_in(project) == []


@pytest.mark.torch
@pytest.mark.slow
def test_through_torchrun(project: Path, expected: str) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"]
    running = start([*command, "-m", "walk", "train-all"], project)
    wait_for_epoch(running, 3)
    os.kill(running.pid, signal.SIGTERM)
    printed, said = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "Stopped on SIGTERM" in said
    assert processes_in(project) == []
    assert "interrupted" in status_of(project)
    again = subprocess.run(
        [*command, "-m", "walk", "train-all"], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert again.returncode == 0
    assert printed + again.stdout == expected


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=check)


@pytest.fixture
def image(project: Path) -> Iterator[str]:
    if shutil.which("docker") is None or docker("info", check=False).returncode:
        pytest.skip("there is no Docker engine")
    name = "graduate-signals:latest"
    built = subprocess.run(
        make("-s", "build", f"IMAGE={name}", "BUILD_ARGS=--network host"),
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    yield name
    docker("rmi", "--force", name, check=False)


@pytest.mark.docker
@pytest.mark.slow
def test_through_the_entry_point_of_a_container(image: str, expected: str) -> None:
    name = f"graduate-signals-{os.getpid()}"
    try:
        docker("run", "-d", "--network", "none", "--name", name, image, "train-all")
        wait_for_line(name, "at 3")
        docker("stop", "--time", "30", name)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "75"
        assert "Stopped on SIGTERM" in docker("logs", name).stderr
        docker("start", "--attach", name, check=False)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip() == "0"
        assert docker("logs", name).stdout == expected
        docker("rm", "--force", name)
        docker("run", "-d", "--network", "none", "--name", name, image, "train-all", "--PAUSE", "60")
        wait_for_line(name, "at 0")
        docker("kill", "--signal", "TERM", name)
        time.sleep(0.5)
        began = time.monotonic()
        docker("kill", "--signal", "TERM", name)
        assert docker("wait", name).stdout.strip() == "143"
        assert time.monotonic() - began < 5
    finally:
        docker("rm", "--force", name, check=False)


def wait_for_line(container: str, line: str) -> None:
    for _ in range(200):
        if line in docker("logs", container).stderr.splitlines():
            return
        time.sleep(0.1)
    raise AssertionError(docker("logs", container).stderr)
