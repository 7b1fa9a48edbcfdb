"""The whole verification: original twice, converted, killed and resumed; the verdict."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from graduate.model.source import Sources
from graduate.model.verdict import Finding, ProgramVerdict, Verdict
from graduate.verify.compare import compare_variables
from graduate.verify.compare_files import compare_figures, compare_files, find_varying
from graduate.verify.compare_printed import compare_printed
from graduate.verify.conversion_record import read_conversion
from graduate.verify.interrupt import compare_interrupted, run_interrupted
from graduate.verify.observe import Observation, last_error, last_lines
from graduate.verify.overrides import read_overrides
from graduate.verify.run import Bench, find_python, run_converted, run_original, set_up_bench

Progress = Callable[[str], None]


def verify(
    sources: Sources,
    project: Path,
    *,
    python: Path | None = None,
    settings: tuple[str, ...] = (),
    kills: int = 3,
    timeout: float = 3600,
    seed: int = 0,
    progress: Progress | None = None,
) -> Verdict:
    """Whether `project` computes what the research code in `sources` computes.

    Both run in scratch copies, with the same interpreter (`python`, else the project's own). `settings`
    (`epochs=1`) shrink both sides alike; `kills` is how often the converted run is killed and resumed; `timeout`
    limits each process, in seconds; `seed` draws the moments of the kills.

    Raises ToolError without an interpreter, VerifyError when it cannot be carried out.
    """
    tell = progress or (lambda _: None)
    project = Path(os.path.abspath(project))  # noqa: PTH100
    conversion = read_conversion(project)
    interpreter = find_python(project, python)
    overrides = read_overrides(settings, conversion)
    with tempfile.TemporaryDirectory(prefix="graduate-verify-", ignore_cleanup_errors=True) as folder:
        place = Path(os.path.realpath(folder))
        bench = Bench(place, interpreter, timeout, sources, project, conversion, overrides)
        set_up_bench(bench)
        return _prove(bench, kills, seed, tell)


def _prove(bench: Bench, kills: int, seed: int, tell: Progress) -> Verdict:
    name = bench.conversion.package
    tell("running the original")
    originals = [run_original(bench, 1)]
    if originals[0].code == 0:
        tell(f"running the original again, to learn what is noise ({originals[0].seconds:.1f} s)")
        originals.append(run_original(bench, 2))
    tell("running the converted project")
    converted = run_converted(bench)
    problem = _problem(originals, converted)
    tell("comparing")
    programs = _compare_straight(bench, originals, converted)
    if not problem and _is_unsure(programs):
        tell("running the original once more, because its own runs differ")
        originals.append(run_original(bench, 3))
        programs = _compare_straight(bench, originals, converted)
    if problem or converted.code or not kills:
        return Verdict(name, programs, problem)
    tell(f"running the converted project and killing it {kills} times")
    interrupted = run_interrupted(bench, converted.seconds, kills, seed, tell)
    tell("comparing")
    findings = compare_interrupted(bench, originals, converted, interrupted)
    resumed = ProgramVerdict(
        programs[0].name if len(bench.sources.programs) == 1 else name,
        "resumed",
        findings if interrupted.moments else (*findings, _not_killed()),
        len(interrupted.moments),
        originals[0].seconds,
        interrupted.observation.seconds,
    )
    return Verdict(name, (*programs, resumed), "")


def _not_killed() -> Finding:
    return Finding("resume", "kills", "not comparable", "the run is too short to be killed while it works")


def _is_unsure(programs: Sequence[ProgramVerdict]) -> bool:
    """Whether something differs by more than the noise of two runs: a third one tells how big that noise is."""
    findings = [finding for program in programs for finding in program.findings]
    return any(f.outcome == "different" and "runs of the original" in f.detail for f in findings)


def _problem(originals: Sequence[Observation], converted: Observation) -> str:
    failed = next((each for each in originals if each.code), None)
    if failed is None:
        return ""
    lines = [f"The original itself fails here, with exit code {failed.code}:", last_lines(failed.stderr)]
    own, other = last_error(failed.stderr), last_error(converted.stderr)
    if converted.code and own == other and failed.stdout == converted.stdout:
        lines.append(
            "The converted project prints the same and fails in the same way; nothing more is proved."
        )
    return "\n".join(lines)


def _compare_straight(
    bench: Bench, originals: Sequence[Observation], converted: Observation
) -> tuple[ProgramVerdict, ...]:
    """One entry for each program; what belongs to none of them is in one named like the project."""
    programs = [program.name for program in bench.sources.programs]
    owners = {name: owner for each in reversed(originals) for name, owner in each.owners.items()}
    found: dict[str, list[Finding]] = {name: [] for name in programs}
    whole: list[Finding] = []
    for owner, finding in [
        (_failed_program(bench, originals[0], converted), _compare_exit(originals[0], converted)),
        *compare_printed(programs, originals, converted.stdout, bench.conversion),
        *(
            (owners.get(f.subject, ""), f)
            for f in compare_files(bench, originals, converted, find_varying(originals))
        ),
        *((owners.get(f.subject, ""), f) for f in compare_figures(bench, originals, converted)),
        *((name, f) for name in programs for f in _compare_program(bench, name, originals, converted)),
    ]:
        only = programs[0] if len(programs) == 1 else owner
        found.get(only, whole).append(finding)
    seconds = originals[0].seconds, converted.seconds
    entries = [ProgramVerdict(name, "straight", tuple(found[name]), 0) for name in programs if found[name]]
    if whole:
        entries.insert(0, ProgramVerdict(bench.conversion.package, "straight", tuple(whole), 0))
    entries[0] = replace(entries[0], seconds_original=seconds[0], seconds_converted=seconds[1])
    return tuple(entries)


def _failed_program(bench: Bench, original: Observation, converted: Observation) -> str:
    """The program that the exit code is about: the one whose step failed, "" when that is not known."""
    if not converted.code:
        return ""
    steps = dict(bench.conversion.steps)
    failed = [
        m[1] for m in re.finditer(r"^([\w-]+): failed", converted.stderr, re.MULTILINE) if m[1] in steps
    ]
    return steps[failed[-1]] if failed else ""


def _compare_exit(original: Observation, converted: Observation) -> Finding:
    if original.code == converted.code == 0:
        return Finding("exit", "exit code", "same")
    own, other = last_error(original.stderr), last_error(converted.stderr)
    if original.code and converted.code and own == other:
        return Finding("exit", "exit code", "same", f"both fail with {own}")
    detail = f"original {original.code}, converted {converted.code}"
    if converted.code:
        detail += f": {last_lines(converted.stderr, 4)}"
    return Finding("exit", "exit code", "different", detail)


def _compare_program(
    bench: Bench, program: str, originals: Sequence[Observation], converted: Observation
) -> tuple[Finding, ...]:
    known = [each.variables[program] for each in originals if program in each.variables]
    if not known:
        return ()
    return compare_variables(
        known,
        converted.variables.get(program, {}),
        converted.settings.get(program, {}),
        bench.clock_names(program),
    )
