"""What it costs to train in several processes: the loop of benchmarks/loops/torch_mlp, by one process and by two.

    python benchmarks/distributed.py [--hidden 2048] [--batch 1600] [--epochs 2] [--rounds 5] [--write]

Each round runs in turn the original, the project with one process (without checkpoints, which are measured by
benchmarks/runtime.py) and the project with two. Printed are medians over the rounds of the seconds of the training
loop, by the clock and by the processor of the first process, and the median and range of their ratios within a
round, for which other work on the machine counts little: of the processor's time 0.5 would be perfect for two
processes, and 1.0 for one against the original.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from graduate import conversion

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "tools"))

from page import describe_machine, replace_part  # noqa: E402

LOOP = ROOT / "loops" / "torch_mlp"
SECONDS = re.compile(r"^seconds (\S+) (\S+)$", re.MULTILINE)
NAMES = {"original": "the original", "1": "one process", "2": "two processes"}
Times = tuple[float, float]


def measure(command: Sequence[str], folder: Path, processes: str) -> Times:
    """Seconds of the clock and of the processor that the loop takes."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PROCS": processes,
        "CHECKPOINT_SECONDS": "1e9",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    found = SECONDS.search(done.stdout)
    if found is None:
        raise SystemExit(done.stderr)
    return float(found[1]), float(found[2])


def run_rounds(rounds: int, settings: dict[str, int]) -> dict[str, list[Times]]:
    """The seconds of each round of the original, of one process and of two."""
    arguments = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    times: dict[str, list[Times]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as scratch:
        original, project = Path(scratch) / "original", Path(scratch) / "project"
        original.mkdir()
        text = next(LOOP.glob("*.py")).read_text(encoding="utf-8")
        for name, value in settings.items():
            text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        (original / "main.py").write_text(text, encoding="utf-8")
        conversion.convert(LOOP, project, lock=False)
        package = next(project.glob("*/pipeline.py")).parent.name
        train = [sys.executable, "-m", package, "train-all", "--fresh", *arguments]
        for _ in range(rounds):
            times["original"].append(measure([sys.executable, "main.py"], original, "1"))
            for processes in ("1", "2"):
                times[processes].append(measure(train, project, processes))
    return times


def render(times: dict[str, list[Times]], settings: dict[str, int]) -> str:
    """The medians, and the ratios within a round, as a table in Markdown."""
    named = ", ".join(f"{name.lower().replace('_', ' ')} {value}" for name, value in settings.items())
    lines = [
        f"| {named} | clock | processor | processor, ratio | clock, ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, base in (("original", ""), ("1", "original"), ("2", "1")):
        clock, processor = ([each[part] for each in times[name]] for part in (0, 1))
        ratios = [_ratio(times[name], times[base], part) if base else "" for part in (1, 0)]
        medians = f"{statistics.median(clock):.2f} s | {statistics.median(processor):.2f} s"
        lines.append(f"| {NAMES[name]} | {medians} | {ratios[0]} | {ratios[1]} |")
    return "\n".join(lines) + "\n"


def _ratio(times: list[Times], base: list[Times], part: int) -> str:
    ratios = sorted(one[part] / other[part] for one, other in zip(times, base, strict=True))
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the table of benchmarks/README.md")
    given = parser.parse_args()
    settings = {"HIDDEN": given.hidden, "EPOCHS": given.epochs, "BATCH_SIZE": given.batch}
    machine = describe_machine()
    table = render(run_rounds(given.rounds, settings), settings)
    print(table)
    if given.write:
        replace_part(
            ROOT / "README.md", "distributed", f"{table}\n{machine}, {given.rounds} rounds in turn\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
