"""Loops over data in several processes: the same lines, files and results as one turn after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import Converted, convert, run, run_original

pytest.importorskip("joblib")

ITEMS = 60
"""With a pause of 30 ms in each turn it is worth to start processes."""
HEAD = """
import os, json, time
import numpy as np
from pathlib import Path

names = [line.strip() for line in open("names.txt")]
os.makedirs("out", exist_ok=True)
"""
PER_FILE = """
def smooth(x, width):
    for _ in range(2):
        x = np.convolve(x, np.ones(width) / width, mode="same")
    return x

class Reader:
    def __init__(self, scale):
        self.scale = scale

    def read(self, name):
        with open(f"in/{name}.txt") as file:
            return np.array([float(each) for each in file]) * self.scale

WIDTH = 3
reader = Reader(2.0)
rows, index, seen = [], {}, set()
means = np.zeros(len(names))
for number, name in enumerate(names):
    time.sleep(0.03)
    x = reader.read(name)
    if x[0] > 0.95:
        print("skipped", name)
        continue
    y = smooth(x, WIDTH)
    rows.append([name, round(float(y.std()), 6)])
    index[name] = number
    seen.add(name[:2])
    means[number] = y.mean()
    print("done", name, round(float(y.sum()), 6))
    np.save(f"out/{name}.npy", y)

print(len(rows), rows[-1], sorted(seen), means.sum())
json.dump([rows, index], open("result.json", "w"))
"""


def files_of(names: list[str]) -> dict[str, str]:
    """The inputs of a program: a list of names, and a file of numbers for each."""
    made = {"names.txt": "\n".join(names) + "\n"}
    for number, name in enumerate(names):
        values = [((number * 37 + at * 11) % 100) / 100 for at in range(50)]
        made[f"in/{name}.txt"] = "\n".join(map(str, values)) + "\n"
    return made


NAMES = [f"n{number:03}" for number in range(ITEMS)]


def made_by(folder: Path) -> dict[str, bytes]:
    """The files that a program made, with their content."""
    found = [*folder.glob("out/*"), *folder.glob("result*")]
    return {str(each.relative_to(folder)): each.read_bytes() for each in found}


def prepare(
    program: str, folder: Path, names: list[str] = NAMES
) -> tuple[Converted, subprocess.CompletedProcess[str]]:
    """A project, and what its original printed."""
    files = {"main.py": HEAD + program, **files_of(names)}
    original = run_original(files, folder / "original")
    return convert(files, folder / "project"), original


def check_same(
    project: Converted, original: subprocess.CompletedProcess[str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run with three processes; the same lines and files must come out. Gives the run."""
    done = project.run(PARALLEL_WORKERS="3")
    assert done.stdout == original.stdout, done.stderr
    assert made_by(project.root) == made_by(folder / "original")
    return done


def is_parallel(project: Converted) -> bool:
    return any("in parallel(" in module.text for module in project.modules.modules)


def test_lists_dicts_arrays_lines_and_files_are_the_same(tmp_path: Path) -> None:
    project, original = prepare(PER_FILE, tmp_path)
    assert is_parallel(project), project.modules.hazards
    assert original.returncode == 0, original.stderr
    done = check_same(project, original, tmp_path)
    assert "one turn after the other" not in done.stderr
    again = project.run(PARALLEL_WORKERS="3")
    assert "running" not in again.stderr
    (project.root / "in" / "n050.txt").write_text("7\n" * 50)
    assert "in/n050.txt, which it reads, is changed" in project.run("status").stdout


def test_with_one_worker_no_process_is_started(tmp_path: Path) -> None:
    project, original = prepare(PER_FILE, tmp_path)
    done = project.run()
    assert done.stdout == original.stdout
    assert not (project.root / ".pipeline_state" / "parallel").exists()


def test_an_error_comes_where_it_comes_in_order(tmp_path: Path) -> None:
    program = PER_FILE.replace(
        "    y = smooth", '    if name == "n041":\n        raise ValueError(name)\n    y = smooth'
    )
    project, original = prepare(program, tmp_path)
    done = project.run(PARALLEL_WORKERS="3")
    assert done.stdout == original.stdout
    assert "ValueError: n041" in done.stderr
    assert "one of its turns raised ValueError: n041" in done.stderr
    assert made_by(project.root) == made_by(tmp_path / "original")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            'with open(f"out/{name[:3]}.txt", "w") as file:\n        file.write(name)',
            "two of its turns write out/n",
        ),
        (
            'if not os.path.exists(f"out/{name[:3]}.txt"):\n'
            '        open(f"out/{name[:3]}.txt", "w").write(name)\n'
            '        print("made", name)',
            "one of its turns looks at out/n|two of its turns write out/n",  # as it happens
        ),
        (
            'before = sorted(os.listdir("out"))\n    open(f"out/{name}.txt", "w").write(str(len(before)))',
            "one of its turns lists out, into which another one writes",
        ),
    ],
)
def test_turns_that_meet_in_a_file_run_in_order(tmp_path: Path, body: str, why: str) -> None:
    project, original = prepare(f"for name in names:\n    time.sleep(0.03)\n    {body}\n", tmp_path)
    done = project.run(PARALLEL_WORKERS="3")
    assert done.stdout == original.stdout
    assert made_by(project.root) == made_by(tmp_path / "original")
    assert done.returncode == original.returncode
    assert any(each in done.stderr for each in why.split("|"))


def test_what_is_added_stays_the_same_object(tmp_path: Path) -> None:
    program = """
groups = {"a": [], "b": []}
chosen = []
for name in names:
    time.sleep(0.03)
    text = open(f"in/{name}.txt").read()
    chosen.append([groups["a" if "0.5" in text else "b"], name])
for group, name in chosen:
    group.append(name)
print(groups)
"""
    project, original = prepare(program, tmp_path)
    assert is_parallel(project), project.modules.hazards
    assert "one turn after the other" not in check_same(project, original, tmp_path).stderr


def test_values_are_kept_as_they_were_when_they_were_added(tmp_path: Path) -> None:
    program = """
table = np.zeros((len(names), 50))
kept = {}
for number, name in enumerate(names):
    time.sleep(0.03)
    x = np.loadtxt(f"in/{name}.txt")
    table[number] = x
    kept[name] = x
    x += 1
print(table.sum(), sum(each.sum() for each in kept.values()))
"""
    project, original = prepare(program, tmp_path)
    assert is_parallel(project), project.modules.hazards
    assert "one turn after the other" not in check_same(project, original, tmp_path).stderr


def start(project: Converted, **more: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PARALLEL_WORKERS": "3",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", project.package, "train-all"],
        cwd=project.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    listed = run(["ps", "-o", "pid=,args=", "--ppid", str(process.pid)], Path("/")).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "loky" in line and "tracker" not in line]


def wait_for_workers(process: subprocess.Popen[str]) -> list[int]:
    """The workers, when they have begun to write."""
    for _ in range(600):
        found = workers_of(process)
        if found and process.poll() is None:
            return found
        time.sleep(0.05)
    raise AssertionError(process.communicate())


def is_running(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


SLOW = PER_FILE.replace("sleep(0.03)", "sleep(0.1)")


def test_a_worker_is_killed(tmp_path: Path) -> None:
    project, original = prepare(SLOW, tmp_path)
    process = start(project)
    found = wait_for_workers(process)
    time.sleep(1.5)
    os.kill(found[0], signal.SIGKILL)
    printed, told = process.communicate(timeout=120)
    assert printed == original.stdout, told
    assert made_by(project.root) == made_by(tmp_path / "original")
    assert "one turn after the other" not in told


def test_all_are_killed_and_go_on(tmp_path: Path) -> None:
    project, original = prepare(SLOW, tmp_path)
    process = start(project)
    found = wait_for_workers(process)
    time.sleep(2.0)
    process.kill()
    process.communicate()
    time.sleep(0.5)
    assert not any(is_running(each) for each in found)
    check_same(project, original, tmp_path)


def workers_below(process: int) -> dict[int, str]:
    """The processes that a machine of a Ray cluster works with, with what they call themselves."""
    listed = run(["ps", "-o", "pid=,args=", "--ppid", str(process)], Path("/")).stdout
    found = (line.split(None, 1) for line in listed.splitlines())
    return {int(number): title for number, title in found if title.startswith("ray::")}


def lose(machine: int) -> None:
    """Kill all of a machine's processes at once, in the middle of a turn.

    Killing Ray's own process alone is no lost machine: a worker that outlives it hands in what it has done.
    """
    for _ in range(600):
        workers = workers_below(machine)
        for each in workers:
            os.kill(each, signal.SIGSTOP)
        if any("run_there" in title for title in workers_below(machine).values()):
            for each in (machine, *workers):
                os.kill(each, signal.SIGKILL)
            return
        for each in workers:
            os.kill(each, signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError("the machine works on nothing")


@pytest.mark.slow
def test_a_machine_of_a_ray_cluster_is_lost(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    project, original = prepare(SLOW.replace("sleep(0.1)", "sleep(0.3)"), tmp_path)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        process = start(project, PARALLEL_WORKERS="", RAY_ADDRESS=cluster.address)
        while len(made_by(project.root)) < 25 and process.poll() is None:
            time.sleep(0.05)
        lose(second.all_processes["raylet"][0].process.pid)
        printed, told = process.communicate(timeout=240)
    finally:
        cluster.shutdown()
    assert printed == original.stdout, told
    assert made_by(project.root) == made_by(tmp_path / "original")
    assert "a worker of the Ray cluster was lost" in told
    assert "one turn after the other" not in told
