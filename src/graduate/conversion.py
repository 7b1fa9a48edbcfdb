"""From research code to a production project: the six calls in order. The only composer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from graduate.analyse import analyse
from graduate.emit import render_project
from graduate.emit.check import check_project
from graduate.emit.lock import render_locks
from graduate.emit.write import write_project
from graduate.errors import GraduateError, ReadError
from graduate.model.facts import Facts
from graduate.model.plan import LEVELS, Level, Plan
from graduate.model.project import Bundle, Modules, Project, ProjectFile
from graduate.model.source import Sources
from graduate.model.verdict import Verdict
from graduate.plan.check import check
from graduate.plan.propose import propose
from graduate.plan.yaml import dump, load
from graduate.read.project import read_project
from graduate.transform import transform
from graduate.verify import verify as run_verification

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion made: the project at `out`, and all that was decided on the way."""

    out: Path
    sources: Sources
    facts: Facts
    plan: Plan
    modules: Modules
    locked: bool
    not_copied: tuple[str, ...]
    lowered: tuple[str, ...] = ()
    verdict: Verdict | None = None


def analyze(source: Path, progress: Progress = _silent) -> tuple[Sources, Facts]:
    """Read and analyse a script, notebook or folder."""
    progress(f"reading {source}")
    sources = read_project(source)
    return sources, analyse(sources, progress)


def propose_plan(source: Path, progress: Progress = _silent) -> str:
    """The proposed plan of a project, as the YAML that people edit."""
    sources, facts = analyze(source, progress)
    return dump(propose(sources, facts), sources)


def find_projects(folder: Path) -> list[Path]:
    """Every project under `folder`/src: its sub-folders, scripts and notebooks."""
    home = folder / "src"
    if not home.is_dir():
        raise ReadError(
            "there is no research code to convert",
            where=str(home),
            why="no source was named and the working folder has no folder src/",
            fix="run `graduate convert SRC`, or put each project into its own folder under src/",
        )
    found = [
        path
        for path in sorted(home.iterdir())
        if not path.name.startswith((".", "_")) and (path.is_dir() or path.suffix in {".py", ".ipynb"})
    ]
    if not found:
        raise ReadError(
            "there is no research code to convert",
            where=str(home),
            why="it holds no folders, scripts or notebooks",
            fix="put each project into its own folder under src/",
        )
    return found


def convert(
    source: Path,
    out: Path | None = None,
    *,
    force: bool = False,
    plan_file: Path | None = None,
    lock: bool = True,
    level: Level | None = None,
    progress: Progress = _silent,
) -> Converted:
    """Convert `source` into a project at `out` (default `./<name>-production`). A failure leaves nothing behind."""
    sources, facts = analyze(source, progress)
    progress("planning")
    if plan_file is not None:
        plan = load(_read_plan(plan_file), str(plan_file), sources, facts)
    else:
        plan = propose(sources, facts)
        check(plan, sources, facts)
    if level is not None:
        plan = at_most(plan, level, f"asked for by --level {level}")
    target = out if out is not None else Path.cwd() / f"{sources.name}-production"
    progress("transforming")
    modules = transform(sources, facts, plan)
    project, locked = _render(sources, facts, modules, lock, progress)
    progress(f"writing {target.name}")
    write_project(project, target, source_root=Path(sources.root), force=force)
    not_copied = tuple(f.path for f in facts.data_files if not f.copied)
    return Converted(target, sources, facts, plan, modules, locked, not_copied)


def _read_plan(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(
            "the plan cannot be read",
            where=str(path),
            why=str(error),
            fix="write one with `graduate plan SRC`",
        ) from error


def at_most(plan: Plan, level: Level, why: str) -> Plan:
    """The plan with no program above `level`."""
    programs = tuple(
        replace(p, level=level, why=p.why or why) if LEVELS.index(p.level) < LEVELS.index(level) else p
        for p in plan.programs
    )
    return replace(plan, programs=programs)


def _render(
    sources: Sources, facts: Facts, modules: Modules, lock: bool, progress: Progress
) -> tuple[Project, bool]:
    bundle = Bundle(modules, facts.data_files, facts.dependencies, facts.python, sources.name, sources.root)
    progress("rendering the project")
    project = render_project(bundle)
    problems = check_project(project, Path(sources.root))
    if problems:
        raise AssertionError("the project is not sound: " + "; ".join(problems[:3]))
    if not lock:
        return project, False
    progress("locking the dependencies")
    requirements = next((f.text for f in project.files if f.path == "requirements.in"), "") or ""
    runtime, development = render_locks(tuple(requirements.split("\n")), facts.python)
    kept = [f for f in project.files if f.path not in {"requirements.lock", "requirements-dev.lock"}]
    kept += [
        ProjectFile("requirements.lock", text=runtime),
        ProjectFile("requirements-dev.lock", text=development),
    ]
    return replace(project, files=tuple(sorted(kept, key=lambda f: f.path))), True


def verify(
    source: Path,
    project: Path,
    *,
    python: Path | None = None,
    settings: Sequence[str] = (),
    kills: int = 3,
    timeout: float = 3600.0,
    seed: int = 0,
    progress: Progress = _silent,
) -> Verdict:
    """Run the original and the project, compare, kill and resume; the verdict."""
    if not (project / "conversion.json").is_file():
        raise ReadError(
            "this is not a converted project",
            where=str(project),
            why="it has no conversion.json",
            fix=f"make it with `graduate convert {source} -o {project}`",
        )
    progress(f"reading {source}")
    sources = read_project(source)
    return run_verification(
        sources,
        project,
        python=python,
        settings=tuple(settings),
        kills=kills,
        timeout=timeout,
        seed=seed,
        progress=progress,
    )


def convert_verified(
    source: Path,
    out: Path | None = None,
    *,
    python: Path | None,
    force: bool = False,
    plan_file: Path | None = None,
    lock: bool = True,
    settings: Sequence[str] = (),
    kills: int = 3,
    timeout: float = 3600.0,
    progress: Progress = _silent,
) -> Converted:
    """Convert at the highest level that verifies. What was different on the way down is in `lowered`."""
    lowered: list[str] = []
    converted: Converted | None = None
    for level in LEVELS:
        converted = convert(
            source,
            out,
            force=force or converted is not None,
            plan_file=plan_file,
            lock=lock,
            level=level,
            progress=progress,
        )
        verdict = verify(
            source,
            converted.out,
            python=python,
            settings=settings,
            kills=kills,
            timeout=timeout,
            progress=progress,
        )
        converted = replace(converted, verdict=verdict, lowered=tuple(lowered))
        if verdict.proved or verdict.problem:
            return converted
        lowered.append(f"{level}: {first_difference(verdict)}")
    assert converted is not None
    return replace(converted, lowered=tuple(lowered))


def first_difference(verdict: Verdict) -> str:
    """The first thing that differs, in words."""
    for program in verdict.programs:
        for finding in program.findings:
            if finding.outcome == "different":
                return f"{program.run} run, {finding.kind} {finding.subject}: {finding.detail}"
    return verdict.problem or "nothing could be compared"


__all__ = [
    "Converted",
    "GraduateError",
    "analyze",
    "convert",
    "convert_verified",
    "find_projects",
    "first_difference",
    "propose_plan",
    "verify",
]
