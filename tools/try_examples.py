"""Converts examples and runs the make targets of the projects that come out, as a user would.

Each project gets its own environment (`make install`). Works in a temporary folder; needs the package index, or a
wheelhouse named by PIP_FIND_LINKS. `try_containers.py` does the same for containers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("install", "test", "integration-test", "lint", "typecheck", "train-all", "status")


def main() -> int:
    """Try the examples named on the command line (default: all); 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*")
    parser.add_argument("--keep", help="work in this folder and leave it there")
    options = parser.parse_args()
    names = options.examples or sorted(p.name for p in (ROOT / "examples" / "src").iterdir() if p.is_dir())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(options.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        results = [try_example(name, folder) for name in names]
    passed = sum(results)
    print(f"{passed} passed, {len(results) - passed} failed")
    return 0 if all(results) else 1


def try_example(name: str, folder: Path) -> bool:
    """Convert one example and run its targets; whether all of them passed."""
    project = folder / f"{name}-production"
    source = ROOT / "examples" / "src" / name
    convert = [sys.executable, "-m", "graduate.cli", "convert", str(source), "-o", str(project), "--force"]
    steps = [("convert", convert, folder)]
    steps += [(f"make {t}", ["make", "-s", t], project) for t in TARGETS]
    for title, command, where in steps:
        start = time.monotonic()
        result = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
        outcome = "ok" if result.returncode == 0 else f"FAILED ({result.returncode})"
        print(f"{name}: {title}: {outcome} in {time.monotonic() - start:.1f} s", flush=True)
        if result.returncode != 0:
            print(result.stdout[-3000:], result.stderr[-3000:], sep="\n")
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
