"""The ladder: converts research code that nobody here wrote, and counts how far each case gets (docs/ladder.md).

    python tools/ladder.py benchmarks/ladder.jsonl --corpus FOLDER [--only REGEX] [--jobs 1] [--results FILE] [--write]

MANIFEST.jsonl has one case a line. `path` is a script, a notebook or a folder, below the folder `owner+name` of the
corpus where `repo` is `owner/name` (at `commit`), else below the corpus itself. Where needed: `name`, `kind` (what
it counts as in the table), `set` (settings that shorten both sides: {"epochs": 1}), `kills` (3), `limit` (seconds
for the whole case, 300), `modernize` (true for Python 2).

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
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ladder_report import TOP, Result, render_page, show
from page import describe_machine, replace_part

GRADUATE = [sys.executable, "-m", "graduate.cli"]
PAGE = Path(__file__).resolve().parent.parent / "benchmarks" / "README.md"


@dataclass(frozen=True)
class Case:
    """A line of the manifest; `source` is its path in the corpus."""

    name: str
    source: str
    kind: str = ""
    settings: tuple[str, ...] = ()
    kills: int = 3
    limit: float = 300.0
    modernize: bool = False


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
        ending = ((self.deadline, signal.SIGTERM), (self.deadline + 10, signal.SIGKILL))
        sent = 0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return None if sent else process.returncode, usage.ru_maxrss
            # Asked first: what it started in groups of their own would outlive it otherwise.
            if sent < len(ending) and time.monotonic() > ending[sent][0]:
                os.killpg(process.pid, ending[sent][1])
                sent += 1
            time.sleep(0.02)


def climb(case: Case, corpus: Path, python: str, gigabytes: float) -> Result:
    """Take one case up the ladder; never raises for what happens to it."""
    result = Result(case.name, case.kind)
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

    modernize = ["--modernize"] if case.modernize else []
    if not passes("L0", runner.run([*GRADUATE, "analyze", str(source), "--json", *modernize], scratch)):
        return
    project = scratch / "project"
    began = time.monotonic()
    convert = [*GRADUATE, "convert", str(source), "-o", str(project), "--no-lock", *modernize]
    done = runner.run(convert, scratch)
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
    programs = json.loads((project / "conversion.json").read_text(encoding="utf-8"))["programs"]
    result.levels = [program["level"] for program in programs]
    result.lowered = [program["blocked_by"] for program in programs if program["blocked_by"]]
    result.statements = sum(program["statements"] for program in programs)
    result.refactored = sum(program["refactored"] for program in programs if program["level"] != "wrapped")


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
            repo = str(values.get("repo", "")).replace("/", "+")
            source = "/".join(filter(None, (repo, str(values["path"]))))
            case = Case(
                name=values.get("name", source),
                source=source,
                kind=values.get("kind", ""),
                settings=tuple(f"{name}={value}" for name, value in values.get("set", {}).items()),
                kills=int(values.get("kills", 3)),
                limit=float(values.get("limit", 300)),
                modernize=bool(values.get("modernize", False)),
            )
        except (ValueError, KeyError, AttributeError) as error:
            raise SystemExit(f"{path}:{number}: not a case: {error!r}") from error
        if re.search(only, case.name):
            cases.append(case)
    return cases


def read_results(path: Path | None) -> dict[str, Result]:
    """The finished cases of a results file."""
    if path is None or not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {values["name"]: Result(**values) for values in map(json.loads, filter(None, lines))}


def main() -> int:
    """Climb, show and keep the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--corpus", type=Path, default=Path(), help="the folder that holds the cases")
    parser.add_argument("--only", default="", help="a regular expression for the names of cases")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter with the libraries of the cases"
    )
    parser.add_argument("--gigabytes", type=float, default=8.0, help="memory of each process")
    parser.add_argument("--results", type=Path, help="keep finished cases here, and go on from them")
    parser.add_argument("--write", action="store_true", help="write the table of benchmarks/README.md")
    options = parser.parse_args()
    cases = read_manifest(options.manifest, options.only)
    corpus = options.corpus.resolve()
    missing = [case.source for case in cases if not (corpus / case.source).exists()]
    if missing:
        raise SystemExit(
            f"not in {options.corpus}: {', '.join(missing)}; docs/ladder.md says how to get them"
        )
    machine = describe_machine()
    known = read_results(options.results)
    results = [known[case.name] for case in cases if case.name in known]
    waiting = [case for case in cases if case.name not in known]
    console = Console(width=None if sys.stdout.isatty() else 200)
    with ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(lambda case: climb(case, corpus, options.python, options.gigabytes), waiting):
            results.append(result)
            console.print(f"{result.name}: {result.reached()} of {TOP}, {result.seconds} s", highlight=False)
            if options.results:
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
    show(results, console)
    if options.write:
        replace_part(PAGE, "ladder", render_page(results, machine))
    return 0 if all(r.reached() == len(r.expected) for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
