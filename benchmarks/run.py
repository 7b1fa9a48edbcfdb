"""Measures graduate and what it makes, and writes the table of benchmarks/README.md.

    make benchmark                                  all
    python benchmarks/run.py convert --sizes 1000   one figure, printed

Each figure is given by the clock and by the processor: where other work runs on the machine, the second one is to be
trusted.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from synthetic import write_repo

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
sys.path.append(str(ROOT / "tools"))

from page import describe_machine, replace_part  # noqa: E402

SIZES = (1_000, 10_000, 50_000)
HEAVY = ("torch", "pandas", "sklearn", "numpy", "matplotlib")
GRADUATE = [sys.executable, "-m", "graduate.cli"]


@dataclass(frozen=True)
class Cost:
    """What a process and its children took. `megabytes` is the largest of them at its peak."""

    seconds: float
    processor: float
    megabytes: float


def run(command: list[str], folder: Path) -> tuple[Cost, str]:
    """Run a command; what it cost and what it printed. Raises when it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryFile("w+") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {process.returncode}")
        out.seek(0)
        return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), out.read()


def measure_conversions(sizes: list[int], scratch: Path) -> list[str]:
    """Rows on `graduate convert --no-lock` of synthetic repos."""
    rows = []
    for size in sizes:
        lines = write_repo(size, scratch / f"repo{size}")
        command = [*GRADUATE, "convert", f"repo{size}", "-o", f"out{size}", "--no-lock"]
        cost, _ = run(command, scratch)
        each, each_processor = cost.seconds / lines * 1000, cost.processor / lines * 1000
        rows.append(
            f"| convert {lines:,} lines | {cost.seconds:.1f} s ({each:.2f} s per 1,000 lines) "
            f"| {cost.processor:.1f} s ({each_processor:.2f} s per 1,000 lines) | peak {cost.megabytes:.0f} MB |"
        )
    return rows


def measure_loops(rounds: int, scratch: Path) -> list[str]:
    """Rows on the training loop as it was and as converted, run in turn: their lower quartiles compared, and the pairs.

    Whatever else the machine does only adds time, so the quick runs are those to compare.
    """
    rows = []
    for name in ("numpy_mlp", "torch_mlp"):
        if name.startswith("torch") and importlib.util.find_spec("torch") is None:
            continue
        source, project = HERE / "loops" / name / "train.py", scratch / name
        run([*GRADUATE, "convert", str(source), "-o", str(project), "--no-lock"], scratch)
        package = next(p.parent.name for p in project.glob("*/pipeline.py"))
        pairs = []
        for _ in range(rounds):
            shutil.rmtree(project / ".pipeline_state", ignore_errors=True)
            before = loop_seconds([sys.executable, str(source)], scratch)
            after = loop_seconds([sys.executable, "-m", package, "train-all"], project)
            pairs.append((before, after))
        quick = [[sorted(pair[n][k] for pair in pairs)[rounds // 4] for k in (0, 1)] for n in (0, 1)]
        clock, processor = (quick[1][k] / quick[0][k] - 1 for k in (0, 1))
        ratios = [after[1] / before[1] - 1 for before, after in pairs]
        took = quick[0][0]
        rows.append(
            f"| cost of checkpoints, {name} ({took:.1f} s loop, {rounds} rounds in turn) "
            f"| {clock:+.1%} | {processor:+.1%} | pairs from {min(ratios):+.1%} to {max(ratios):+.1%} (processor) |"
        )
    return rows


def loop_seconds(command: list[str], folder: Path) -> tuple[float, float]:
    """What the program itself measured around its loop: by the clock, by the processor."""
    _, printed = run(command, folder)
    found = re.search(r"^seconds (\S+) (\S+)$", printed, re.MULTILINE)
    assert found is not None, printed
    return float(found[1]), float(found[2])


def measure_no_op(rounds: int, scratch: Path) -> list[str]:
    """Rows on `make train-all` where every step is done."""
    names = ["simulation", *(["digits_torch"] if importlib.util.find_spec("torch") else [])]
    rows = []
    for name in names:
        project = scratch / f"{name}-done"
        source = ROOT / "examples" / "src" / name
        run([*GRADUATE, "convert", str(source), "-o", str(project), "--no-lock"], scratch)
        command = ["make", "-s", "train-all", f"PYTHON={sys.executable}"]
        run(command, project)
        costs = [run(command, project)[0] for _ in range(rounds)]
        seconds, processor = min(c.seconds for c in costs), min(c.processor for c in costs)
        heavy = ", ".join(find_imports(project)) or "none of " + ", ".join(HEAVY)
        rows.append(
            f"| `make train-all`, all steps of {name} done (best of {rounds}) "
            f"| {seconds:.2f} s | {processor:.2f} s | imports {heavy} |"
        )
    return rows


def find_imports(project: Path) -> list[str]:
    """Which of the heavy libraries a run with nothing to do imports."""
    package = next(p.parent.name for p in project.glob("*/pipeline.py"))
    command = [sys.executable, "-X", "importtime", "-m", package, "train-all"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    return sorted(imported & set(HEAVY))


def main() -> None:
    """Measure what is asked for; with everything asked for, write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=["convert", "loop", "noop", []], default=[])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    what = arguments.what or ["convert", "loop", "noop"]
    machine = describe_machine()
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if "convert" in what:
            rows += measure_conversions(arguments.sizes, scratch)
        if "loop" in what:
            rows += measure_loops(arguments.rounds, scratch)
        if "noop" in what:
            rows += measure_no_op(arguments.rounds, scratch)
    table = "\n".join(
        [f"Machine: {machine}.", "", "| what | clock | processor | |", "| --- | --- | --- | --- |", *rows]
    )
    print(table)
    if not arguments.what:
        replace_part(HERE / "README.md", "results", table)


if __name__ == "__main__":
    main()
