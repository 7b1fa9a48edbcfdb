"""The ladder: converts research code that nobody here wrote, and counts how far each case gets.

    python tools/ladder.py benchmarks/ladder.jsonl --corpus FOLDER [--only REGEX] [--jobs 1] [--results FILE]

MANIFEST.jsonl has one case a line: `source` (a path below the corpus folder: a script, a notebook or a folder), and,
where needed, `name`, `set` (settings that shorten both sides: {"epochs": 1}), `kills` (3), `limit` (seconds for the
whole case, 300), and for the record `repo` and `commit`: the corpus folder holds each repo as a folder `owner+name`.

    L0  read and analysed
    L1  a project was emitted; its own `make lint typecheck test` pass
    L2  `train-all` runs to its end
    L3  it computes what the original computes (`graduate verify`: printed lines, files, figures, final values)
    L4  it still does after it was killed and resumed

Each case runs in processes of its own, with a limit of time and memory; whatever happens to one, the others go on. A
case whose original does not run here is counted apart: for it only L0 and L1 are told. Finished cases are in the
results file, one line each, and are not run again while it is there. Exit code 0 when every case reached the top.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

GRADUATE = [sys.executable, "-m", "graduate.cli"]
LEVELS = ("L0", "L1", "L2", "L3", "L4")
TOP = len(LEVELS)


@dataclass(frozen=True)
class Case:
    """A line of the manifest."""

    name: str
    source: str
    settings: tuple[str, ...] = ()
    kills: int = 3
    limit: float = 300.0


@dataclass
class Result:
    """How far a case got. `passed` has an entry for each level that was tried."""

    name: str
    passed: dict[str, bool] = field(default_factory=dict)
    runs_here: bool = True
    levels: list[str] = field(default_factory=list)
    statements: int = 0
    refactored: int = 0
    convert_seconds: float = 0.0
    convert_megabytes: float = 0.0
    seconds: float = 0.0
    first_difference: str = ""

    @property
    def expected(self) -> tuple[str, ...]:
        return LEVELS if self.runs_here else LEVELS[:2]

    def reached(self) -> int:
        """The number of levels passed, without a gap."""
        return next((n for n, level in enumerate(LEVELS) if not self.passed.get(level)), TOP)


@dataclass(frozen=True)
class Finished:
    """How a process ended; `code` is None when it was stopped at the limit."""

    code: int | None
    output: str
    megabytes: float


class Runner:
    """Runs commands for one case until its time is over."""

    def __init__(self, case: Case, gigabytes: float) -> None:
        self.deadline = time.monotonic() + case.limit
        self.bytes = int(gigabytes * 2**30)

    def run(self, command: Sequence[str], folder: Path) -> Finished:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with tempfile.TemporaryFile("w+", errors="replace") as out:
            limited = ["prlimit", f"--data={self.bytes}", *command]
            process = subprocess.Popen(
                limited,
                cwd=folder,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            code, used = self._wait(process)
            out.seek(0)
            return Finished(code, out.read(), used / 1024)

    def _wait(self, process: subprocess.Popen[bytes]) -> tuple[int | None, float]:
        """The exit code, and the peak of memory in KB."""
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, usage.ru_maxrss
            if time.monotonic() > self.deadline:
                os.killpg(process.pid, signal.SIGKILL)
                os.wait4(process.pid, 0)
                process.returncode = -signal.SIGKILL
                return None, 0.0
            time.sleep(0.02)


def climb(case: Case, corpus: Path, python: str, gigabytes: float) -> Result:
    """Take one case up the ladder; never raises for what happens to it."""
    result = Result(case.name)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ladder-", ignore_cleanup_errors=True) as scratch:
        _climb(case, corpus / case.source, Path(scratch), python, Runner(case, gigabytes), result)
    result.seconds = round(time.monotonic() - start, 1)
    return result


def _climb(case: Case, source: Path, scratch: Path, python: str, runner: Runner, result: Result) -> None:
    def passes(level: str, done: Finished) -> bool:
        result.passed[level] = done.code == 0
        if done.code != 0:
            result.first_difference = f"{level}: " + _last_lines(done)
        return done.code == 0

    if not passes("L0", runner.run([*GRADUATE, "analyze", str(source), "--json"], scratch)):
        return
    project = scratch / "project"
    began = time.monotonic()
    done = runner.run([*GRADUATE, "convert", str(source), "-o", str(project), "--no-lock"], scratch)
    result.convert_seconds = round(time.monotonic() - began, 2)
    result.convert_megabytes = round(done.megabytes)
    if not passes("L1", done):
        return
    _describe(project, result)
    own = runner.run(["make", "-s", "lint", "typecheck", "test", f"PYTHON={python}"], project)
    if not passes("L1", own) and own.code is None:
        return
    verdict = scratch / "verdict.json"
    settings = [part for each in case.settings for part in ("--set", each)]
    kills = ["--kills", str(case.kills), "--timeout", str(case.limit)]
    command = [*GRADUATE, "verify", str(source), str(project), "--python", python, "--json", str(verdict)]
    done = runner.run([*command, *kills, *settings], scratch)
    if not verdict.exists():
        passes("L2", done)
        return
    _judge(json.loads(verdict.read_text(encoding="utf-8")), result)


def _describe(project: Path, result: Result) -> None:
    record = json.loads((project / "conversion.json").read_text(encoding="utf-8"))
    result.levels = [program["level"] for program in record["programs"]]
    result.statements = sum(program["statements"] for program in record["programs"])
    result.refactored = sum(
        program["refactored"] for program in record["programs"] if program["level"] != "wrapped"
    )


def _judge(verdict: dict[str, Any], result: Result) -> None:
    """Read L2 to L4 off a verdict."""
    if verdict.get("problem"):
        result.runs_here = False
        lines = verdict["problem"].strip().splitlines()
        result.first_difference = result.first_difference or f"the original: {' / '.join(lines)}"[-300:]
        return
    findings = {"straight": list[dict[str, str]](), "resumed": list[dict[str, str]]()}
    for program in verdict["programs"]:
        findings[program["run"]] += program["findings"]
    different = {run: [f for f in found if f["outcome"] == "different"] for run, found in findings.items()}
    result.passed["L2"] = bool(findings["straight"]) and all(
        f["kind"] != "exit" for f in different["straight"]
    )
    result.passed["L3"] = bool(findings["straight"]) and not different["straight"]
    result.passed["L4"] = bool(findings["resumed"]) and not different["resumed"]
    for level, run in (("L3", "straight"), ("L4", "resumed")):
        if different[run] and not result.first_difference:
            first = different[run][0]
            result.first_difference = f"{level}: {first['kind']} {first['subject']}: {first['detail']}"[:500]


def _last_lines(done: Finished) -> str:
    ended = "stopped at its limit of time" if done.code is None else f"exit code {done.code}"
    return f"{ended}: {' / '.join(done.output.strip().splitlines()[-4:])}"[-500:]


def read_manifest(path: Path, only: str) -> list[Case]:
    """The cases whose names match. Raises SystemExit, with the line, for one that is not as it should be."""
    cases: list[Case] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            source = str(values["source"])
            settings = tuple(f"{name}={value}" for name, value in values.get("set", {}).items())
            case = Case(
                values.get("name", source), source, settings, int(values.get("kills", 3)),
                float(values.get("limit", 300)),
            )  # fmt: skip
        except (ValueError, KeyError, AttributeError) as error:
            raise SystemExit(f"{path}:{number}: not a case: {error!r}") from error
        if re.search(only, case.name):
            cases.append(case)
    return cases


def read_results(path: Path) -> dict[str, Result]:
    """The finished cases of a results file."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {values["name"]: Result(**values) for values in map(json.loads, filter(None, lines))}


def show(results: Sequence[Result], console: Console) -> None:
    """The table of cases, and the sums."""
    table = Table("case", *LEVELS, "level", "refactored", "convert", "first difference", title="ladder")
    marks = {True: "✓", False: "✗", None: "·"}
    for result in results:
        share = f"{result.refactored}/{result.statements}"
        table.add_row(
            result.name,
            *(marks[result.passed.get(level)] for level in LEVELS),
            " ".join(dict.fromkeys(result.levels)),
            share,
            f"{result.convert_seconds} s {result.convert_megabytes:.0f} MB",
            result.first_difference[:160],
        )
    console.print(table)
    console.print(summarise(results))


def summarise(results: Sequence[Result]) -> str:
    """The shares of cases that passed each level, of those for which it can be told."""
    lines = []
    for level in LEVELS:
        asked = [result for result in results if level in result.expected]
        passed = sum(result.passed.get(level, False) for result in asked)
        share = f"{passed / len(asked):.0%}" if asked else "-"
        lines.append(f"{level}: {passed} of {len(asked)} ({share})")
    shares = [result.refactored / result.statements for result in results if result.statements]
    wrapped = sum(bool(r.levels) and set(r.levels) == {"wrapped"} for r in results)
    lines.append(f"share of statements refactored, median: {statistics.median(shares) if shares else 0:.0%}")
    lines.append(f"cases fully wrapped: {wrapped} of {len(results)}")
    lines.append(f"cases whose original does not run here: {sum(not r.runs_here for r in results)}")
    return "\n".join(lines)


def main() -> int:
    """Climb, show and keep the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--corpus", type=Path, default=Path(), help="the folder that `source` is relative to")
    parser.add_argument("--only", default="", help="a regular expression for the names of cases")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter with the libraries of the cases"
    )
    parser.add_argument("--gigabytes", type=float, default=8.0, help="memory of each process")
    parser.add_argument("--results", type=Path, help="keep finished cases here, and go on from them")
    options = parser.parse_args()
    cases = read_manifest(options.manifest, options.only)
    known = read_results(options.results) if options.results else {}
    console = Console(width=None if sys.stdout.isatty() else 200)
    results = [known[case.name] for case in cases if case.name in known]
    waiting = [case for case in cases if case.name not in known]
    with ThreadPoolExecutor(options.jobs) as pool:
        corpus = options.corpus.resolve()
        for result in pool.map(lambda case: climb(case, corpus, options.python, options.gigabytes), waiting):
            results.append(result)
            console.print(
                f"{result.name}: {result.reached()} of {TOP} in {result.seconds} s", highlight=False
            )
            if options.results:
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
    show(results, console)
    return 0 if all(r.reached() == len(r.expected) for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
