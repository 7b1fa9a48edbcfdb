"""Measures what the runtime of a generated project costs, and writes its table in benchmarks/README.md.

    make benchmark-runtime                     all of it
    python benchmarks/runtime.py loop big      some of it, printed

Everything is a ratio of two things that are measured in turn in one run, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "tools"), str(ROOT / "tests"), str(ROOT / "src")]

from runtime_fits import measure_fits  # noqa: E402
from runtime_peers import measure_peers  # noqa: E402
from runtime_steps import BIG, CHAIN, LOOPS  # noqa: E402

from page import describe_machine, replace_part  # noqa: E402
from runtime_project import ProjectUnderTest, make_project  # noqa: E402

median = statistics.median


def timed(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turn(rounds: int, *functions: Callable[[], Any]) -> list[list[float]]:
    """For each function its seconds in every round; the first round, which warms up, is left out."""
    found = [[timed(each) for each in functions] for _ in range(rounds + 1)][1:]
    return [list(each) for each in zip(*found, strict=True)]


def measured(project: ProjectUnderTest, **environment: str) -> dict[str, Any]:
    """What the project's one step printed."""
    done = project.run("train", timeout=3600, **environment)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure_loops(rounds: int, scratch: Path) -> list[str]:
    """Rows on loops as they were and with checkpoints at the default interval."""
    found = measured(make_project(scratch / "loops", LOOPS), ROUNDS=str(rounds), LENGTH="3")
    rows = []
    for label, pairs in found.items():
        clock, thread, process = (
            sorted(saved[kind] / plain[kind] - 1 for plain, saved in pairs) for kind in range(3)
        )
        rows.append(
            f"| loop with default checkpoints, steps of {label} | {median(thread):+.2%} of the loop's processor time, "
            f"{median(clock):+.2%} by the clock | pairs from {thread[0]:+.2%} to {thread[-1]:+.2%}; with the thread "
            f"that writes {median(process):+.2%} | {'≤ 1 %' if label == '5 ms' else '≤ 2 %'} |"
        )
    return rows


def measure_big(rounds: int, scratch: Path) -> list[str]:
    """Rows on a checkpoint of 1 GB, or of as much as an eighth of the free memory."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    size = min(1 << 30, free // 8)
    project = make_project(scratch / "big", BIG)
    found = {k: v[1:] for k, v in measured(project, ROUNDS=str(rounds + 1), SIZE=str(size)).items()}

    def ratio(above: str, below: str) -> float:
        return median(a / b for a, b in zip(found[above], found[below], strict=True))

    slower = ratio("beside", "alone") - 1
    name = f"checkpoint of {size / 2**30:.1f} GB of weights"
    return [
        f"| {name}: the loop stands still | {median(found['blocked']):.2f} s, {ratio('blocked', 'copy'):.2f} of a "
        f"copy of them (`ndarray.copy`, {median(found['copy']):.2f} s) "
        f"| by the processor {ratio('blocked-processor', 'copy-processor'):.2f}; "
        f"{ratio('blocked', 'copy-again'):.2f} of a copy into memory that is there (`numpy.copyto`, "
        f"{median(found['copy-again']):.2f} s) | ≤ 1 copy |",
        f"| {name}: until it is on the disk | {median(found['written']):.2f} s | | |",
        f"| {name}: the loop beside the write | {slower:+.1%} slower | the loop uses one core | |",
    ]


def measure_no_op(rounds: int, scratch: Path) -> list[str]:
    """A row on a run with nothing to do."""
    project = make_project(scratch / "chain", CHAIN)
    project.run("train-all")
    bare, no_op = in_turn(
        rounds,
        lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        lambda: project.run("train-all"),
    )
    extra = median(after - before for before, after in zip(bare, no_op, strict=True))
    return [
        f"| run with nothing to do | {extra:.3f} s above `python -c pass` ({median(bare):.3f} s) "
        f"| {median(no_op):.3f} s in all | ≤ 0.15 s |"
    ]


def measure_state(rounds: int, scratch: Path) -> list[str]:
    """A row on the state of a pipeline of 1,000 steps."""
    from graduate.runtime.state import Group, State, StepRecord

    state = State(scratch / "state")
    state.prepare()
    digests = [hashlib.blake2b(bytes([n]), digest_size=20).hexdigest() for n in range(8)]
    names = {f"step-{number}": number for number in range(1000)}
    steps = {
        name: StepRecord(
            status="done",
            attempt=1,
            started="2026-01-01T00:00:00.000+00:00",
            ended="2026-01-01T00:00:01.000+00:00",
            seconds=1.0,
            code={f"pkg.data.module:{name}_{n}": digests[n] for n in range(4)},
            settings={"SEED": "1", "LR": "0.1"},
            inputs={"x": digests[0]},
            environment={"python": "3.11"},
            groups=[Group(["x"], digests[1], 1000, [(digests[2], 80_000, False)], [])],
            random_before=digests[3],
            random_after=digests[4],
        )
        for name in names
    }
    state.commit_all("done", "step-1", steps)
    size = (state.folder / f"{state.generation:08d}.json").stat().st_size
    (found,) = in_turn(rounds, lambda: State(scratch / "state").load())
    return [
        f"| state of 1,000 steps ({size / 1e6:.1f} MB) loaded and checked | {median(found) * 1000:.0f} ms "
        f"| {min(found) * 1000:.0f} to {max(found) * 1000:.0f} ms | ≤ 50 ms |"
    ]


def measure_hashing(rounds: int, scratch: Path) -> list[str]:
    """A row on hashing a file of 512 MB that is in the page cache, beside the library on the same bytes in memory."""
    from graduate.runtime.objects import digest_file

    data = os.urandom(1 << 20) * 512
    path = scratch / "file.bin"
    path.write_bytes(data)
    library, own = in_turn(
        rounds, lambda: hashlib.blake2b(data, digest_size=20).hexdigest(), lambda: digest_file(path)
    )
    ratio = median(before / after for before, after in zip(library, own, strict=True))
    rate = len(data) / median(own) / 1e9
    return [
        f"| hashing a file | {ratio:.0%} of what `hashlib.blake2b` reaches in memory | {rate:.2f} GB/s | ≥ 80 % |"
    ]


MEASURES: dict[str, Callable[[int, Path], list[str]]] = {
    "loop": measure_loops,
    "big": measure_big,
    "noop": measure_no_op,
    "state": measure_state,
    "hash": measure_hashing,
    "peers": measure_peers,
    "fits": measure_fits,
}


def main() -> None:
    """Measure what is asked for; with everything asked for, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=[*MEASURES, []], default=[])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    machine = describe_machine()
    rows: list[str] = []
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        for name in arguments.what or MEASURES:
            scratch = Path(folder, name)
            scratch.mkdir()
            rows += MEASURES[name](arguments.rounds, scratch)
            print(f"{name} measured", file=sys.stderr)
    table = "\n".join(
        [f"Machine: {machine}.", "", "| what | measured | | goal |", "| --- | --- | --- | --- |", *rows]
    )
    print(table)
    if not arguments.what:
        replace_part(ROOT / "benchmarks" / "README.md", "runtime", table)


if __name__ == "__main__":
    main()
