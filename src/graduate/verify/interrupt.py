"""Kills the converted run at random moments, resumes it, and compares what it ends with."""

from __future__ import annotations

import itertools
import random
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from graduate.errors import VerifyError
from graduate.model.verdict import Finding
from graduate.verify import processes
from graduate.verify.compare import Result, compare_trees
from graduate.verify.compare_files import compare_figures, compare_files, find_varying
from graduate.verify.noise import fits
from graduate.verify.observe import Observation, clean_text
from graduate.verify.observer.trees import Tree
from graduate.verify.run import Bench, copy_for_run, observe_project, project_task
from graduate.verify.scratch import Snapshot, copy_project, take_snapshot

_REDRAWS = 5
_PATIENCE = 3
_CHECKPOINTS = 50
"""About how many checkpoints a run takes before it is killed: iterations may be too many to save each of them."""
_RESUME = "resume-all"
_STARTED_AGAIN = re.compile(r"^(\S+: going on did not work \(.*\));", re.MULTILINE)
"""What a project says when a step could not go on from its checkpoint."""
_SIDES = re.compile(r"(^|: |\] |, )(original|converted) ")


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A run that was killed and resumed: the last process's observation, and every process's output in order.

    `moments` are the seconds after which each process was killed. `started_again` is what the project said of
    checkpoints that it could not go on from.
    """

    observation: Observation
    outputs: tuple[str, ...]
    moments: tuple[float, ...]
    started_again: tuple[str, ...] = ()


def run_interrupted(
    bench: Bench, duration: float, kills: int, seed: int, progress: Callable[[str], None]
) -> Interrupted:
    """Run the project in a fresh copy, kill it `kills` times, and let the last process end.

    A kill that would have come after the end is taken back and drawn earlier; one that came before anything was
    stored, so that there was nothing to go on from, is drawn later if that helps.
    """
    root = copy_for_run(bench, "interrupted")
    before = take_snapshot(root, bench.conversion.workspace)
    killer = _Killer(bench, root, random.Random(seed), duration, kills)
    outputs: list[str] = []
    moments: list[float] = []
    errors = ""
    for number in range(1, kills + 1):
        killed = killer.kill_once(number)
        if killed is None:
            progress(f"kill {number}: the rest is too short to be killed again")
            break
        finished, moment = killed
        moments.append(moment)
        errors += finished.stderr
        outputs.append(_clean(finished.stdout, root, before))
        progress(f"killed {number} of {kills}, after {moment:.1f} s")
    task = project_task(bench, root, _RESUME if moments else "train-all", "last")
    finished = processes.run(task, bench.timeout)
    observation = observe_project(bench, root, before, finished, task)
    outputs.append(observation.stdout)
    said = _STARTED_AGAIN.findall(errors + finished.stderr)
    return Interrupted(observation, tuple(outputs), tuple(moments), tuple(dict.fromkeys(said)))


class _Killer:
    """Draws the moments, and takes kills back. `patience` counts how often one may still be drawn later.

    The kills are spread over the whole run: were each one drawn from all of it, a late one would leave nothing for
    those after it.
    """

    def __init__(self, bench: Bench, root: Path, draw: random.Random, longest: float, kills: int) -> None:
        self.bench = bench
        self.root = root
        self.draw = draw
        self.longest = longest
        self.patience = _PATIENCE
        shares = [0.0, *sorted(draw.random() for _ in range(kills))]
        self.gaps = [(after - before) * longest for before, after in itertools.pairwise(shares)]

    def kill_once(self, number: int) -> tuple[processes.Finished, float] | None:
        """One process that is killed while it works; None when it always ends before it can be."""
        kept = self.root.parent / f"before-{number}"
        copy_project(self.root, kept, state=True)
        stored = _stored(self.root)
        low, high = 0.05 * self.longest, self.longest
        moment = max(low, self.gaps[number - 1])
        try:
            for attempt in range(_REDRAWS + 1):
                moment = self._next(attempt, moment, low, high)
                finished = self._run(f"kill-{number}-{attempt}", moment, is_first=number == 1)
                if not finished.was_killed:
                    low, high = min(low, moment / 2), moment
                elif self.patience and attempt < _REDRAWS and _stored(self.root) == stored:
                    self.patience -= 1
                    low, high = moment, min(high, 2 * moment + 0.1 * self.longest)
                else:
                    return finished, moment
                shutil.rmtree(self.root)
                copy_project(kept, self.root, state=True)
        finally:
            shutil.rmtree(kept)
        return None

    def _next(self, attempt: int, moment: float, low: float, high: float) -> float:
        """The moment of an attempt: as planned, then drawn anew, and at last the earliest, which comes in time."""
        if not attempt:
            return moment
        return low if attempt == _REDRAWS else self.draw.uniform(low, high)

    def _run(self, attempt: str, moment: float, *, is_first: bool) -> processes.Finished:
        command = "train-all" if is_first else _RESUME
        pace = f"{max(0.002, self.longest / _CHECKPOINTS):.4f}"
        task = project_task(self.bench, self.root, command, attempt, CHECKPOINT_SECONDS=pace)
        finished = processes.run(task, self.bench.timeout, kill_after=moment)
        if finished.code and not finished.was_killed:
            raise VerifyError(
                "The converted project failed when it was run again.",
                why=finished.stderr.strip()[-500:],
                fix=f"run it by hand with CHECKPOINT_SECONDS={pace}",
            )
        return finished


def _stored(root: Path) -> frozenset[tuple[str, int]]:
    """The checkpoints and the outputs of steps that a project has stored, with their times."""
    folders = [root / ".pipeline_state" / name for name in ("checkpoints", "objects")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return frozenset((str(path), path.stat().st_mtime_ns) for path in files)


def _clean(text: str, root: Path, before: Snapshot) -> str:
    return clean_text(text, root, before.links)


# -- comparing ------------------------------------------------------------------------------------


def compare_interrupted(
    bench: Bench, originals: Sequence[Observation], straight: Observation, interrupted: Interrupted
) -> tuple[Finding, ...]:
    """The findings on a killed and resumed run, for the names that the research code has."""
    last = interrupted.observation
    if last.code != straight.code:
        detail = f"exit code {last.code} instead of {straight.code}: {last.stderr.strip()[-300:]}"
        return (Finding("resume", "exit", "different", detail),)
    texts = [each.stdout for each in originals]
    printed = compare_outputs([straight.stdout, *texts], interrupted.outputs)
    findings = [
        Finding("resume", "exit", "same"),
        Finding("resume", "stdout", printed.outcome, printed.detail),
        *(Finding("resume", "checkpoints", "not comparable", each) for each in interrupted.started_again),
    ]
    for program, names in straight.variables.items():
        known = [each.variables.get(program, {}) for each in originals]
        # Names that the conversion brought in (where a loop starts) may depend on where it was resumed.
        own = {name: tree for name, tree in names.items() if any(name in each for each in known)}
        label = f"{program}: " if len(straight.variables) > 1 else ""
        clocks = bench.clock_names(program)
        findings += _compare_names(label, own, known, last.variables.get(program), clocks)
    references = [straight, *_noisy_files(originals, straight)]
    shown = [each for each in [straight, *originals] if len(each.figures) == len(straight.figures)]
    written = compare_files(bench, references, last, find_varying(originals), "resumed")
    drawn = compare_figures(bench, shown, last, "resumed") if straight.figures or last.figures else ()
    for found in (*written, *drawn):
        findings.append(Finding("resume", found.subject, found.outcome, found.detail))
    return tuple(findings)


def _noisy_files(originals: Sequence[Observation], straight: Observation) -> list[Observation]:
    """The originals count as references only when they wrote the same files as the project."""
    return [each for each in originals if each.files.keys() == straight.files.keys()]


def _compare_names(
    label: str,
    straight: dict[str, Tree],
    originals: Sequence[dict[str, Tree]],
    resumed: dict[str, Tree] | None,
    clocks: Collection[str],
) -> list[Finding]:
    if resumed is None:
        reason = (
            "its steps were finished before the last kill; what they stored went into the steps after them"
        )
        return [Finding("resume", f"{label}variables", "not comparable", reason)]
    findings = []
    absent = []
    for name, tree in straight.items():
        if name not in resumed:
            absent.append(name)
            continue
        noise = [each[name] for each in originals if name in each]
        references = [tree, *noise] if _is_noisy(noise) else [tree]
        result = compare_trees(references, resumed[name], clock=name in clocks)
        if result.outcome == "same within noise" and resumed[name] == tree:
            result = Result("same")
        detail = _SIDES.sub(
            lambda m: f"{m[1]}{'straight' if m[2] == 'original' else 'resumed'} ", result.detail
        )
        findings.append(Finding("resume", f"{label}{name}", result.outcome, detail))
    if absent:
        reason = "seen only in steps and loops that were finished before the last kill: " + ", ".join(absent)
        findings.append(Finding("resume", f"{label}other variables", "not comparable", reason))
    return findings


def _is_noisy(trees: Sequence[Tree]) -> bool:
    return any(tree != trees[0] for tree in trees[1:])


def compare_outputs(references: Sequence[str], outputs: Sequence[str]) -> Result:
    """What the processes printed must cover the straight run's output, each piece where the one before left off.

    A killed process may have printed more than its last checkpoint; then the next one prints that again. The
    last piece must reach the end.
    """
    straight = references[0]
    if _covers(straight, outputs):
        return Result("same")
    patterns = _patterns(references)
    lines = [
        text.splitlines() if n == len(outputs) - 1 else _whole_lines(text) for n, text in enumerate(outputs)
    ]
    reached = [0]
    for number, piece in enumerate(lines):
        ends = [s + len(piece) for s in range(max(reached) + 1) if _fits_at(patterns, piece, s)]
        if not ends:
            return Result("different", _mismatch(patterns, piece, max(reached), number == len(lines) - 1))
        reached = sorted(set(ends) | ({*reached} if not piece else set()))
    if len(patterns) not in reached:
        missing = patterns[max(reached)][0]
        return Result("different", f"a line is missing after the last resume: {missing!r}")
    known = {line for pattern in patterns for line in pattern}
    is_noisy = len(set(references)) > 1 or any(line not in known for piece in lines for line in piece)
    return Result("same within noise" if is_noisy else "same")


def _covers(straight: str, outputs: Sequence[str]) -> bool:
    """The same by characters, which also holds for lines that are printed bit by bit."""
    ends = {0}
    for text in outputs:
        reached = max(ends)
        starts = []
        at = straight.find(text)
        while text and 0 <= at <= reached:
            starts.append(at)
            at = straight.find(text, at + 1)
        ends = {at + len(text) for at in starts} if text else ends
        if not ends:
            return False
    return len(straight) in ends


def _patterns(references: Sequence[str]) -> list[list[str]]:
    """For each line of the straight run: what it is in each run with as many lines."""
    lines = [text.splitlines() for text in references]
    fitting = [each for each in lines if len(each) == len(lines[0])]
    return [list(each) for each in zip(*fitting, strict=True)]


def _whole_lines(text: str) -> list[str]:
    return text[: text.rfind("\n") + 1].splitlines()


def _fits_at(patterns: Sequence[Sequence[str]], piece: Sequence[str], start: int) -> bool:
    if start + len(piece) > len(patterns):
        return False
    return all(fits(patterns[start + n], line) for n, line in enumerate(piece))


def _mismatch(patterns: Sequence[Sequence[str]], piece: Sequence[str], reached: int, is_last: bool) -> str:
    """The first line that fits nowhere, or stands where it should not."""
    for line in piece:
        if not any(fits(pattern, line) for pattern in patterns):
            return f"the resumed run printed {line!r}, which the straight run did not"
    if piece and reached < len(patterns) and not any(fits(p, piece[0]) for p in patterns[: reached + 1]):
        return f"lines are missing where it was resumed, from {patterns[reached][0]!r} on"
    end = "the last process" if is_last else "a resumed process"
    return f"what {end} printed is not one piece of the straight run's output, from {piece[0]!r} on"
