"""What it costs to train in several processes: the loops of benchmarks/loops/torch_mlp, by one process and by two.

    python benchmarks/distributed.py [--hidden 2048] [--batch 1600] [--epochs 2]

Prints seconds of the training loop by the clock and by the processor of the first process. Where the machine has other
work, the second is to be trusted: half of one process's would be perfect.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from graduate import conversion

LOOP = Path(__file__).resolve().parent / "loops" / "torch_mlp"
SECONDS = re.compile(r"^seconds (\S+) (\S+)$", re.MULTILINE)


def measure(project: Path, package: str, processes: int, arguments: list[str]) -> tuple[float, float]:
    """Seconds of the clock and of the processor that the loop takes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PROCS": str(processes)}
    command = [sys.executable, "-m", package, "train-all", "--fresh", *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    found = SECONDS.search(done.stdout)
    if found is None:
        raise SystemExit(done.stderr)
    return float(found[1]), float(found[2])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=2)
    given = parser.parse_args()
    arguments = [
        "--HIDDEN",
        str(given.hidden),
        "--EPOCHS",
        str(given.epochs),
        "--BATCH_SIZE",
        str(given.batch),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "project"
        conversion.convert(LOOP, project, lock=False)
        package = next(project.glob("*/pipeline.py")).parent.name
        print(f"hidden {given.hidden}, batch {given.batch}, epochs {given.epochs}")
        for processes in (1, 2):
            clock, processor = measure(project, package, processes, arguments)
            print(f"{processes} process{'es' * (processes > 1)}: {clock:.2f} s, processor {processor:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
