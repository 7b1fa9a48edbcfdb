"""What it costs to train in several processes: the loop of benchmarks/loops/torch_mlp, in pairs of programs.

    python benchmarks/distributed.py [--hidden 1024 512] [--batch 800 64] [--epochs 6 6] [--rounds 8] [--write]

The two programs of a pair take turns, some batches at a time: while one computes, the other waits. So both meet the
same machine, whatever else runs there. A round is a pair of fresh processes, the second of which begins in every other
round; it gives the median over its turns. Printed is the mean over the rounds with its 95 % interval (bootstrap).

- The ratio of two processes to one, by the clock and by the processor's time of the first process, for which 0.5 would
  be perfect; and of the original to itself: what such a ratio is worth on this machine.
- What the project adds to a batch with one process, without checkpoints (benchmarks/runtime.py measures those): the
  difference of the processor's time to the original, for a network with one hidden unit. The project does the same
  beside it as beside a big network, whose own time varies more from process to process than all that is added.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graduate import conversion

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "tools"))

from page import describe_machine, replace_part  # noqa: E402

LOOP = ROOT / "loops" / "torch_mlp"
PAIRS = {
    "the original with itself": ("original", "original"),
    "two processes with one": ("2", "1"),
}
ADDED = {"HIDDEN": 1, "EPOCHS": 20, "BATCH_SIZE": 64}
"""The loop with next to nothing in it."""
SKIPPED = 3
"""Turns at the start, in which PyTorch makes what it needs, that do not count."""
TURN = 800
"""The rows of a turn."""
RESAMPLED = 2000
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**34)}
"""Memory that was freed stays with the process. Otherwise what a program did before its loop decides whether each batch
gets its memory anew from the system, which was worth 13 % here, for either program."""
TURNS = """
import atexit, importlib.abc, importlib.machinery, json, os, sys, time

OTHER, OWN, TIMES = (os.environ.get(f"TURNS_{name}", "") for name in ("OTHER", "OWN", "TIMES"))
EVERY = int(os.environ.get("TURNS_EVERY", "1"))

def take_turns(module):
    \"\"\"Have a loader's batches wait for their turn, and note what the turn before took.\"\"\"
    plain = module._BaseDataLoaderIter.__next__
    other, own = (os.open(each, os.O_RDWR) for each in (OTHER, OWN))
    times, start, batches = [], [], 0

    def end():
        if start:
            times.append([time.perf_counter() - start[0], time.process_time() - start[1]])
            del start[:]
            os.write(other, b"x")

    def following(self):
        nonlocal batches
        if batches % EVERY == 0:
            end()
            os.read(own, 1)
            start[:] = time.perf_counter(), time.process_time()
        batches += 1
        return plain(self)

    def leave():
        if batches:
            os.write(other, b"x" * 10000)
            with open(TIMES, "w") as file:
                json.dump(times, file)

    module._BaseDataLoaderIter.__next__ = following
    atexit.register(leave)

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "torch.utils.data.dataloader":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (execute(module), take_turns(module))
        return spec

if TIMES and os.environ.get("RANK", "0") == "0":
    sys.meta_path.insert(0, Finder())
"""


@dataclass(frozen=True)
class Ratio:
    """How a first program compares with a second one in a round; `added` is how much more a batch takes.

    `seconds` are what a batch of each takes by the clock, `worked` by the processor.
    """

    processor: float
    clock: float
    added: float
    seconds: tuple[float, float]
    worked: tuple[float, float]


def run_round(
    commands: Sequence[tuple[Sequence[str], Path, str]], scratch: Path, number: int, every: int
) -> Ratio:
    """Run two programs, which take turns of `every` batches.

    Each is a command, its folder, and how many processes it gets.
    """
    ends = [scratch / f"turn-{number}-{each}" for each in (0, 1)]
    for each in ends:
        os.mkfifo(each)
    (scratch / "sitecustomize.py").write_text(TURNS, encoding="utf-8")
    notes = [each.with_suffix(".json") for each in ends]
    first = os.open(ends[number % 2], os.O_RDWR)
    os.write(first, b"x")
    running = []
    for place, (command, folder, processes) in enumerate(commands):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": f"{scratch}:{os.environ.get('PYTHONPATH', '')}",
            "PROCS": processes,
            "CHECKPOINT_SECONDS": "1e9",
            **KEPT_MEMORY,
            "TURNS_EVERY": str(every),
            "TURNS_OWN": str(ends[place]),
            "TURNS_OTHER": str(ends[1 - place]),
            "TURNS_TIMES": str(notes[place]),
        }
        running.append(
            subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    try:
        for process in running:
            output = process.communicate(timeout=1800)[0]
            if process.returncode:
                raise SystemExit(output)
    finally:
        for process in running:
            process.terminate()
        os.close(first)
    times = [json.loads(each.read_text(encoding="utf-8"))[SKIPPED:] for each in notes]
    pairs = list(zip(*times, strict=True))
    clock, processor = (statistics.median(one[part] / other[part] for one, other in pairs) for part in (0, 1))
    added = statistics.median(one[1] - other[1] for one, other in pairs) / every
    (first_clock, first_work), (second_clock, second_work) = (
        [statistics.median(turn[part] for turn in each) / every for part in (0, 1)] for each in times
    )
    return Ratio(processor, clock, added, (first_clock, second_clock), (first_work, second_work))


def run_pairs(
    rounds: int, settings: dict[str, int], pairs: dict[str, tuple[str, str]]
) -> dict[str, list[Ratio]]:
    """The ratios of each pair, the pairs in turn."""
    arguments = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    ratios: dict[str, list[Ratio]] = {name: [] for name in pairs}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        commands = {"original": ([sys.executable, "main.py"], scratch / "original", "1")}
        (scratch / "original").mkdir()
        text = next(LOOP.glob("*.py")).read_text(encoding="utf-8")
        for name, value in settings.items():
            text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        (scratch / "original" / "main.py").write_text(text, encoding="utf-8")
        for processes in ("1", "2"):
            project = scratch / f"project-{processes}"
            conversion.convert(LOOP, project, lock=False)
            package = next(project.glob("*/pipeline.py")).parent.name
            train = [sys.executable, "-m", package, "train-all", "--fresh", *arguments]
            commands[processes] = (train, project, processes)
        every = max(1, TURN // settings["BATCH_SIZE"])
        for number in range(rounds):
            for name, pair in pairs.items():
                both = scratch / f"{number}-{pair[0]}-{pair[1]}"
                both.mkdir()
                ratios[name].append(run_round([commands[each] for each in pair], both, number, every))
                last = ratios[name][-1]
                print(f"{name}: {last}", file=sys.stderr)
    return ratios


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean with its 95 % interval, found by drawing the rounds again."""
    draw = random.Random(0)
    means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(RESAMPLED))
    low, high = (means[int(RESAMPLED * share)] for share in (0.025, 0.975))
    return statistics.fmean(values), low, high


def show(values: Sequence[float]) -> str:
    """A mean ratio with its interval."""
    mean, low, high = map(math.exp, interval([math.log(each) for each in values]))
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"


def render(ratios: dict[str, list[Ratio]], settings: dict[str, int]) -> str:
    """The ratios as a table in Markdown."""
    named = ", ".join(f"{name.lower().replace('_', ' ')} {value}" for name, value in settings.items())
    lines = [f"| {named} | processor | clock | a batch, clock |", "| --- | --- | --- | --- |"]
    for name, each in ratios.items():
        one, other = (1000 * statistics.median(ratio.seconds[place] for ratio in each) for place in (0, 1))
        processor, clock = show([r.processor for r in each]), show([r.clock for r in each])
        lines.append(f"| {name} | {processor} | {clock} | {one:.1f} ms, {other:.1f} ms |")
    return "\n".join(lines) + "\n"


def render_added(added: Sequence[float], batches: Sequence[tuple[str, float]]) -> str:
    """What one process adds to a batch, as a sentence with its share of batches that take so many seconds."""
    mean, low, high = (1e6 * each for each in interval(added))
    shares = ", ".join(
        f"{low / seconds / 1e4:.2f} to {high / seconds / 1e4:.2f} % of {1000 * seconds:.1f} ms for {name}"
        for name, seconds in batches
    )
    return (
        f"One process adds {mean:.0f} µs ({low:.0f} to {high:.0f}) of the processor to a batch: {shares}.\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hidden", type=int, nargs="+", default=[1024, 512])
    parser.add_argument("--batch", type=int, nargs="+", default=[800, 64])
    parser.add_argument("--epochs", type=int, nargs="+", default=[6, 6])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="write the table of benchmarks/README.md")
    given = parser.parse_args()
    machine, tables, batches = describe_machine(), [], []
    for hidden, batch, epochs in zip(given.hidden, given.batch, given.epochs, strict=True):
        settings = {"HIDDEN": hidden, "EPOCHS": epochs, "BATCH_SIZE": batch}
        ratios = run_pairs(given.rounds, settings, PAIRS)
        alone = [each for ratio in ratios["the original with itself"] for each in ratio.worked]
        batches.append((f"{batch} rows, {hidden} hidden units", statistics.median(alone)))
        tables.append(render(ratios, settings))
        print(tables[-1], flush=True)
    pairs = run_pairs(given.rounds, ADDED, {"added": ("1", "original")})
    tables.append(render_added([each.added for each in pairs["added"]], batches))
    print(tables[-1])
    if given.write:
        text = "\n".join(tables)
        replace_part(
            ROOT / "README.md", "distributed", f"{text}\n{machine}, {given.rounds} rounds of each pair\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
