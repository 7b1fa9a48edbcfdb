"""Training loops that nobody here wrote, converted unedited and trained by one process and by several.

    python tools/distributed_corpus.py benchmarks/distributed.jsonl --corpus FOLDER [--only REGEX] [--processes 1 2 4]
        [--python INTERPRETER] [--results FILE] [--write]

The manifest is as that of the ladder (tools/ladder.py): one case a line, `repo` at `commit`, `path` below it, `set`
for settings that shorten all runs. `refused` (a regular expression) is for a case that a run of several processes has
to refuse: the error must match it.

For each case:
- `graduate verify`: is what one process of the project computes, bit by bit what the original computes? ("same within
  noise" where two runs of the original differ, in printed times for example)
- the project by 1, 2 and 4 processes, and by one process with two other seeds (every seed that the code sets, or that
  is set for it, is moved). Compared are all numbers in what is printed and in text and NumPy files that are written.
  Numbers that two equal runs of one process print differently (times) are left out.

- the project by two processes, of which the second is killed while the loop runs and `torchrun` restarts both: what is
  printed (but for lines that come twice) and written has to be, to the last digit, what two undisturbed processes print
  and write. "too short" where it ended before it could be killed after a checkpoint.

`apart` is how far the numbers of N processes are from those of one, in the mean over |a - b| / max(|a|, |b|);
`reseeded` is the same for other seeds. A case passes when the runs of N processes print the same lines but for
numbers, and are not further apart than the runs with other seeds. Exit code 0 when every case passes.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from graduate.verify.conversion_record import read_conversion
from graduate.verify.overrides import project_arguments, project_variables, read_overrides
from page import describe_machine, replace_part

GRADUATE = [sys.executable, "-m", "graduate.cli"]
PAGE = Path(__file__).resolve().parent.parent / "benchmarks" / "README.md"
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
ROUNDED = 1e-5
"""Numbers that are no further apart than this in the mean differ by the order of sums."""
SEEDS = """
import importlib.abc, importlib.machinery, os, random, sys
OFFSET = int(os.environ["CORPUS_SEED"])

def moved(seed):
    def with_offset(*args, **kwargs):
        if args and isinstance(args[0], int):
            args = (args[0] + OFFSET, *args[1:])
        if isinstance(kwargs.get("seed"), int):
            kwargs["seed"] += OFFSET
        return seed(*args, **kwargs)
    return with_offset

def seed_numpy(module):
    module.seed = moved(module.seed)
    module.default_rng = moved(module.default_rng)
    module.seed(1)
    module.bit_generator.randbits = random.getrandbits

def seed_torch(module):
    module.manual_seed = module.random.manual_seed = moved(module.manual_seed)
    module.manual_seed(1)

SEEDED = {"numpy.random": seed_numpy, "torch": seed_torch}

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in SEEDED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (execute(module), SEEDED[name](module))
        return spec

random.seed = moved(random.seed)
random.seed(1)
sys.meta_path.insert(0, Finder())
"""


@dataclass(frozen=True)
class Case:
    """A line of the manifest; `source` is its path in the corpus."""

    name: str
    source: str
    settings: tuple[str, ...]
    limit: float
    refused: str


@dataclass
class Result:
    """What became of a case."""

    name: str
    verified: str = ""
    reseeded: float = 0.0
    apart: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    numbers: int = 0
    notes: int = 0
    killed: str = ""
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem and self.verified in ("same", "same within noise", "refused")


@dataclass(frozen=True)
class Run:
    """What a run printed and wrote, as lines without their numbers, and the numbers of each."""

    lines: tuple[str, ...]
    numbers: tuple[tuple[float, ...], ...]
    seconds: float
    errors: str


class Failed(Exception):
    """A run that did not end well."""


def read_cases(path: Path, only: str) -> list[Case]:
    cases = []
    for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
        values: dict[str, Any] = json.loads(line)
        source = f"{values['repo'].replace('/', '+')}/{values['path']}"
        settings = tuple(f"{name}={value}" for name, value in values.get("set", {}).items())
        case = Case(
            values.get("name", source),
            source,
            settings,
            float(values.get("limit", 300)),
            values.get("refused", ""),
        )
        if re.search(only, case.name):
            cases.append(case)
    return cases


def try_case(case: Case, corpus: Path, python: str, processes: Sequence[int]) -> Result:
    """Take one case through everything; never raises for what happens to it."""
    result = Result(case.name)
    with tempfile.TemporaryDirectory(prefix="corpus-", ignore_cleanup_errors=True) as scratch:
        try:
            _try(case, corpus / case.source, Path(scratch), python, processes, result)
        except Failed as error:
            result.problem = str(error)
        except subprocess.TimeoutExpired as error:
            result.problem = f"longer than {error.timeout:.0f} s"
    return result


def _try(
    case: Case, source: Path, scratch: Path, python: str, processes: Sequence[int], result: Result
) -> None:
    template = scratch / "project"
    convert = [*GRADUATE, "convert", str(source), "-o", str(template), "--no-lock"]
    done = subprocess.run(convert, capture_output=True, text=True, timeout=case.limit, check=False)
    if done.returncode:
        raise Failed(f"convert: {_last_lines(done.stdout + done.stderr)}")
    if case.refused:
        _expect_refusal(case, template, scratch, python, result)
        return
    result.verified = _verify(case, source, template, scratch, python)
    runs = {"1": _run(case, template, scratch / "1", python)}
    known = _without_clocks(runs["1"], _run(case, template, scratch / "again", python))
    for number in (each for each in processes if each > 1):
        runs[str(number)] = _run(case, template, scratch / str(number), python, processes=number)
    if "2" in runs:
        result.killed = _kill(case, template, scratch, python, runs["2"], known)
        if result.killed not in ("same", "too short"):
            result.problem += f"killed and restarted: {result.killed}; "
    seeded = [_run(case, template, scratch / f"seed-{n}", python, seed=1000 * n) for n in (1, 2)]
    result.numbers = sum(map(len, known))
    if not result.numbers:
        raise Failed("it prints and writes no numbers that could be compared")
    result.reseeded = max(_distance(runs["1"], known, each)[0] for each in seeded)
    if not result.reseeded:
        raise Failed(
            "other seeds give the same numbers, so that it could not be seen whether anything differs"
        )
    for name, run in runs.items():
        result.seconds[name] = round(run.seconds, 1)
        apart, other = _distance(runs["1"], known, run)
        result.apart[name] = apart
        result.notes = max(result.notes, run.errors.count("needs the whole batch"))
        others = max(_distance(runs["1"], known, each)[1] for each in seeded)
        if other > others:
            result.problem += f"{name} processes: {other} lines are others; "
        if apart > max(result.reseeded, ROUNDED):
            result.problem += f"{name} processes: {apart:.2g} apart, other seeds {result.reseeded:.2g}; "


def _expect_refusal(case: Case, template: Path, scratch: Path, python: str, result: Result) -> None:
    try:
        _run(case, template, scratch / "2", python, processes=2)
    except Failed as error:
        if not re.search(case.refused, str(error)):
            raise
        result.verified = "refused"
        return
    raise Failed("a run of two processes was not refused")


def _verify(case: Case, source: Path, project: Path, scratch: Path, python: str) -> str:
    """The worst outcome of `graduate verify`."""
    verdict = scratch / "verdict.json"
    settings = [part for each in case.settings for part in ("--set", each)]
    command = [*GRADUATE, "verify", str(source), str(project), "--python", python, "--json", str(verdict)]
    done = subprocess.run(
        [*command, "--kills", "1", *settings],
        capture_output=True,
        text=True,
        timeout=5 * case.limit,
        check=False,
    )
    if done.returncode:
        told = done.stderr + done.stdout
        raise Failed(f"verify: {_last_lines(told[max(0, told.find('first difference')) :])}")
    programs = json.loads(verdict.read_text(encoding="utf-8"))["programs"]
    outcomes = {finding["outcome"] for program in programs for finding in program["findings"]}
    return "same within noise" if "same within noise" in outcomes else "same"


def _kill(
    case: Case, template: Path, scratch: Path, python: str, undisturbed: Run, known: list[list[int]]
) -> str:
    """Whether two processes, of which one is killed after a checkpoint, end with what undisturbed ones do."""
    for share in (0.5, 0.2, 0.05):
        folder = scratch / f"killed-{share}"
        killer = _Killer(folder, share, undisturbed.seconds)
        run = _run(case, template, folder, python, processes=2, restarts=1, watch=killer.watch)
        if "going on did not work" in run.errors:
            return "started again"
        if killer.killed and "going on" in run.errors:
            places = dict(zip(undisturbed.lines, known, strict=True))
            told, other = (_told(each, places) for each in (undisturbed, run))
            different = [line for line in other if line not in set(told)] or told[len(other) :]
            return "same" if told == other else f"other lines: {' | '.join(map(str, different))[:200]}"
    return "too short"


def _told(run: Run, places: dict[str, list[int]]) -> list[tuple[str, tuple[float, ...]]]:
    """The lines of a run with the numbers that no clock changes, each once."""
    lines = zip(run.lines, run.numbers, strict=True)
    kept = ((line, tuple(values[each] for each in places.get(line, ()))) for line, values in lines)
    return list(dict.fromkeys(kept))


@dataclass
class _Killer:
    """Kills the second process of a run, a share of what is left of its time after the first checkpoint."""

    folder: Path
    share: float
    seconds: float
    killed: bool = False
    moment: float = 0.0
    start: float = field(default_factory=time.monotonic)

    def watch(self) -> None:
        """Called again and again while the run goes on."""
        now = time.monotonic()
        if not self.moment and list(self.folder.glob(".pipeline_state/checkpoints/*/*.json")):
            self.moment = now + self.share * max(self.seconds - (now - self.start), 0.0)
        if self.killed or not self.moment or now < self.moment:
            return
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if not (process / "cwd").readlink().is_relative_to(self.folder.resolve()):
                    continue
                if "PIPELINE_MIRROR_OF" in (process / "environ").read_text(errors="replace"):
                    os.kill(int(process.name), signal.SIGKILL)
                    self.killed = True
            except OSError:
                continue


def _run(
    case: Case,
    template: Path,
    folder: Path,
    python: str,
    processes: int = 1,
    seed: int = 0,
    restarts: int = 0,
    watch: Callable[[], None] = lambda: None,
) -> Run:
    """Run a copy of the project. Raises Failed."""
    subprocess.run(["cp", "-a", str(template), str(folder)], check=True)
    site = folder.with_name(f"{folder.name}-site")
    site.mkdir()
    (site / "sitecustomize.py").write_text(SEEDS, encoding="utf-8")
    conversion = read_conversion(folder)
    overrides = read_overrides(case.settings, conversion)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(site),
        "CORPUS_SEED": str(seed),
        "PROCS": str(processes),
        "MPLBACKEND": "Agg",
        **project_variables(overrides, conversion.package),
    }
    if restarts:
        environment |= {"RESTARTS": str(restarts), "CHECKPOINT_SECONDS": "0.3"}
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    command = [python, "-m", conversion.package, "train-all", *project_arguments(overrides)]
    start = time.monotonic()
    with (site / "out").open("w") as out, (site / "err").open("w") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=err, stdin=subprocess.DEVNULL
        )
        try:
            while process.poll() is None:
                watch()
                if time.monotonic() - start > case.limit * processes:
                    raise Failed(f"{processes} process(es): longer than {case.limit * processes:.0f} s")
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
    seconds = time.monotonic() - start
    printed, errors = (site / "out").read_text(errors="replace"), (site / "err").read_text(errors="replace")
    if process.returncode:
        raise Failed(f"{processes} process(es): {_last_lines(printed + errors)}")
    lines, numbers = [], []
    for line in [*printed.splitlines(), *_written(folder, before)]:
        found = NUMBER.findall(line)
        lines.append(NUMBER.sub("#", line))
        numbers.append(tuple(map(float, found)))
    return Run(tuple(lines), tuple(numbers), seconds, errors)


def _written(folder: Path, before: dict[Path, int]) -> list[str]:
    """The lines of the text files, and the values of the arrays, that a run wrote."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or before.get(path) == path.stat().st_mtime_ns:
            continue
        name = path.relative_to(folder).as_posix()
        if name.startswith((".pipeline_state/", "logs/", "reports/")):
            continue
        if path.suffix in (".csv", ".txt", ".json", ".tsv"):
            lines += path.read_text(encoding="utf-8", errors="replace").splitlines()
        elif path.suffix == ".npy":
            values = np.load(path, allow_pickle=False).ravel().astype(float)
            lines += [" ".join(map(repr, row.tolist())) for row in np.array_split(values[:100_000], 100)]
    return lines


def _without_clocks(first: Run, again: Run) -> list[list[int]]:
    """For each line the places of the numbers that are the same in both runs."""
    if first.lines != again.lines:
        raise Failed("two equal runs print different lines")
    return [
        [place for place, (a, b) in enumerate(zip(one, two, strict=True)) if a == b or a != a]
        for one, two in zip(first.numbers, again.numbers, strict=True)
    ]


def _distance(base: Run, known: list[list[int]], run: Run) -> tuple[float, int]:
    """How far the numbers of a run are from those of the first one, in the mean, and how many lines are others."""
    differences, matched = [], 0
    for block in difflib.SequenceMatcher(None, base.lines, run.lines, autojunk=False).get_matching_blocks():
        matched += block.size
        for each in range(block.size):
            old, new = base.numbers[block.a + each], run.numbers[block.b + each]
            differences += [_apart(old[place], new[place]) for place in known[block.a + each]]
    apart = sum(differences) / len(differences) if differences else 0.0
    return apart, max(len(base.lines), len(run.lines)) - matched


def _apart(a: float, b: float) -> float:
    if a == b or (a != a and b != b):
        return 0.0
    return min(abs(a - b) / max(abs(a), abs(b)), 1.0) if np.isfinite(a) and np.isfinite(b) else 1.0


def _last_lines(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if not line.startswith(("│", "┃", "┏", "┡", "└"))]
    return " / ".join(lines[-6:])[-700:]


def render_table(results: list[Result], processes: Sequence[int]) -> str:
    """The results as a table in Markdown."""
    several = [str(each) for each in processes if each > 1]
    head = [
        "case",
        "1 process and original",
        *(f"{each} processes: apart" for each in several),
        "reseeded",
        "one killed",
        "numbers",
    ]
    rows = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for each in results:
        cells = [f"{each.apart[n]:.1e}" if n in each.apart else "" for n in several]
        reseeded = f"{each.reseeded:.1e}" if each.apart else ""
        rows.append(
            "| "
            + " | ".join(
                [
                    each.name.replace("+", "/", 1),
                    each.verified if each.passed else each.problem[:80],
                    *cells,
                    reseeded,
                    each.killed,
                    str(each.numbers or ""),
                ]
            )
            + " |"
        )
    return "\n".join(rows) + "\n"


def main() -> int:
    """Try the cases, show and keep what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--corpus", type=Path, required=True, help="the folder that holds the repositories")
    parser.add_argument("--only", default="", help="a regular expression for the names of cases")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter with the libraries of the cases"
    )
    parser.add_argument("--results", type=Path, help="keep finished cases here, and go on from them")
    parser.add_argument("--write", action="store_true", help="write the table of benchmarks/README.md")
    options = parser.parse_args()
    known: dict[str, Result] = {}
    if options.results and options.results.exists():
        lines = options.results.read_text(encoding="utf-8").splitlines()
        known = {values["name"]: Result(**values) for values in map(json.loads, lines)}
    results = []
    for case in read_cases(options.manifest, options.only):
        result = known.get(case.name) or try_case(
            case, options.corpus.resolve(), options.python, options.processes
        )
        results.append(result)
        print(json.dumps(asdict(result)), flush=True)
        if options.results and case.name not in known:
            with options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    table = render_table(results, options.processes)
    print(table)
    if options.write:
        replace_part(PAGE, "distributed-corpus", f"{table}\n{describe_machine()}\n")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
