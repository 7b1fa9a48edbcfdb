"""From research code to a production project: the six calls in order. The only composer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from graduate.analyse import analyse
from graduate.analyse.python_version import raise_python
from graduate.emit import (
    Locked,
    NewerPython,
    NothingFits,
    check_project,
    lock_project,
    render_project,
    write_project,
)
from graduate.emit.write import check_destination
from graduate.errors import PlanError, ReadError, ToolError
from graduate.model.facts import Facts
from graduate.model.plan import LEVELS, Level, Plan
from graduate.model.project import Bundle, Modules, Project
from graduate.model.source import Sources
from graduate.model.verdict import Finding, ProgramVerdict, Verdict
from graduate.plan.check import check
from graduate.plan.distributions import describe_choices, settle_dependencies
from graduate.plan.propose import propose
from graduate.plan.yaml import dump, load
from graduate.read.project import read_project
from graduate.read.raw_cells import is_module
from graduate.syntax.builtin_names import bind_builtins
from graduate.syntax.looked_up_names import spell_out_lookups
from graduate.syntax.star_imports import expand_stars
from graduate.transform import transform

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The highest level that a program may get, and why."""

    level: Level
    why: str


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion made: the project at `out`, and all that was decided on the way.

    `lowered` says, for each level that did not verify, which program it was and the first difference;
    `to_check` what was decided about distributions that nothing in the code decides.
    """

    source: Path
    out: Path
    facts: Facts
    plan: Plan
    modules: Modules
    locked: bool
    lowered: tuple[str, ...] = ()
    verdict: Verdict | None = None
    to_check: tuple[str, ...] = ()

    @property
    def not_copied(self) -> tuple[str, ...]:
        """Data files that are too big to copy."""
        return tuple(f.path for f in self.facts.data_files if not f.copied)


def _silent(_: str) -> None:
    pass


def find_projects(folder: Path) -> list[Path]:
    """Every project under `folder`/src: its sub-folders, scripts and notebooks. Raises ReadError when none."""
    home = folder / "src"
    if not home.is_dir():
        raise ReadError(
            "there is no research code to convert",
            where=str(home),
            why="no source was named, and the working folder has no folder src/",
            fix="run `graduate convert SRC`, or put each project into its own folder under src/",
        )
    found = [
        path
        for path in sorted(home.iterdir())
        if not path.name.startswith((".", "_")) and (path.is_dir() or is_module(path))
    ]
    if not found:
        raise ReadError(
            "there is no research code to convert",
            where=str(home),
            why="it holds no folders, scripts or notebooks",
            fix="put each project into its own folder under src/",
        )
    return found


def _read(source: Path, modernize: bool) -> Sources:
    """Read research code, with what its imports of `*`, its names of builtins and what it looks up by text mean spelt
    out."""
    return spell_out_lookups(bind_builtins(expand_stars(read_project(source, python2=modernize))))


def analyze(source: Path, progress: Progress = _silent, *, modernize: bool = False) -> tuple[Sources, Facts]:
    """Read and analyse a script, notebook or folder; with `modernize` as Python 2."""
    progress(f"reading {source}")
    sources = _read(source, modernize)
    return sources, analyse(sources, progress)


def propose_plan(source: Path, progress: Progress = _silent, *, modernize: bool = False) -> str:
    """The proposed plan of a project, as the YAML that people edit."""
    sources, facts = analyze(source, progress, modernize=modernize)
    return dump(propose(sources, facts), sources)


def convert(
    source: Path,
    out: Path | None = None,
    *,
    force: bool = False,
    plan_file: Path | None = None,
    lock: bool = True,
    ceilings: Mapping[str, Ceiling] | None = None,
    level: Level = LEVELS[0],
    modernize: bool = False,
    as_of: date | None = None,
    progress: Progress = _silent,
) -> Converted:
    """Convert `source` into a project at `out` (default `./<name>-production`).

    The dependencies are locked in their versions of the day `as_of`, where the index tells that, else in the newest;
    where none fit together the project has no lock.
    No program gets a level above `level`, nor above what `ceilings` says for it by name. With `modernize` it is
    read as Python 2. A failure raises GraduateError and leaves `out` as it was.
    """
    progress(f"reading {source}")
    sources = _read(source, modernize)
    target = out if out is not None else Path.cwd() / f"{sources.name}-production"
    check_destination(target, source, force=force)
    facts = analyse(sources, progress)
    plan = _choose_plan(sources, facts, plan_file)
    limits = {p.name: Ceiling(level, f"asked for by --level {level}") for p in plan.programs}
    plan = limit_levels(plan, {**limits, **(ceilings or {})})
    progress("transforming")
    modules = transform(sources, facts, plan)
    progress("rendering the project")
    bundle = Bundle(
        modules,
        facts.data_files,
        settle_dependencies(facts.dependencies, plan),
        facts.python,
        sources.name,
        sources.root,
        facts.output_folders,
        facts.workspace,
        as_of=as_of.isoformat() if as_of else "",
    )
    project = _render(bundle, sources)
    to_check = describe_choices(facts.dependencies if plan_file is None else ())
    if lock:
        progress("locking the dependencies")
        try:
            locked = _lock(project, bundle, sources)
        except NothingFits as error:
            # Pins of a day long gone. All else of the project is as it should be, and a person has to decide this.
            lock = False
            to_check += (f"{error.what} {error.where}: {error.why}; loosen it in requirements.in",)
        else:
            project = locked.project
            to_check += locked.notes
    progress(f"writing {target.name}")
    write_project(project, target, source_root=source, force=force)
    shown = replace(modules, hazards=(*modules.hazards, *project.hazards))
    return Converted(source, target, facts, plan, shown, locked=lock, to_check=to_check)


def _lock(project: Project, bundle: Bundle, sources: Sources) -> Locked:
    """The project with its locks, for the Python that it asks for or the next one on which its requirements fit."""
    try:
        return lock_project(project)
    except NewerPython as error:
        newer = raise_python(bundle.python, error.python)
        if not newer:
            raise
        return lock_project(_render(replace(bundle, python=newer), sources))


def _render(bundle: Bundle, sources: Sources) -> Project:
    project = render_project(bundle)
    problems = check_project(project, sources.root)
    if problems:
        raise AssertionError("the project is not sound: " + "; ".join(problems[:3]))
    return project


def _choose_plan(sources: Sources, facts: Facts, file: Path | None) -> Plan:
    if file is None:
        plan = propose(sources, facts)
        check(plan, sources, facts)
        return plan
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(
            "the plan cannot be read",
            where=str(file),
            why=getattr(error, "strerror", None) or str(error),
            fix="write one with `graduate plan SRC`",
        ) from error
    return load(text, str(file), sources, facts)


def limit_levels(plan: Plan, ceilings: Mapping[str, Ceiling]) -> Plan:
    """The plan with no program above its ceiling."""
    programs = []
    for program in plan.programs:
        ceiling = ceilings.get(program.name)
        if ceiling is not None and LEVELS.index(program.level) < LEVELS.index(ceiling.level):
            program = replace(program, level=ceiling.level, why=program.why or ceiling.why)
        programs.append(program)
    return replace(plan, programs=tuple(programs))


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
    """Run the original and the project in scratch copies, compare, kill and resume; the verdict."""
    from graduate.verify import verify as compare_runs
    from graduate.verify import was_modernized

    if not (project / "conversion.json").is_file():
        raise ReadError(
            "this is not a converted project",
            where=str(project),
            why="it has no conversion.json",
            fix=f"make it with `graduate convert {source} -o {project}`",
        )
    progress(f"reading {source}")
    return compare_runs(
        read_project(source, python2=was_modernized(project)),
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
    python: Path | None = None,
    force: bool = False,
    plan_file: Path | None = None,
    lock: bool = True,
    level: Level = LEVELS[0],
    modernize: bool = False,
    settings: Sequence[str] = (),
    kills: int = 3,
    timeout: float = 3600.0,
    as_of: date | None = None,
    progress: Progress = _silent,
) -> Converted:
    """Convert, verify, and where there is a difference lower the first program that differs, until none is left.

    Only the first one goes down, since what it does differently makes those after it differ. Without `python` the
    project's own environment is made. The result is proved, unless its verdict has a problem (the original
    does not run) or a program differs even as it stands.
    """
    ceilings: dict[str, Ceiling] = {}
    lowered: list[str] = []
    while True:
        made = convert(
            source,
            out,
            force=force or bool(lowered),
            plan_file=plan_file,
            lock=lock,
            ceilings=ceilings,
            level=level,
            modernize=modernize,
            as_of=as_of,
            progress=progress,
        )
        if python is None:
            progress("make install")
            _install(made.out)
        verdict = verify(
            source,
            made.out,
            python=python,
            settings=settings,
            kills=kills,
            timeout=timeout,
            progress=progress,
        )
        made = replace(made, verdict=verdict, lowered=tuple(lowered))
        next_one = None if verdict.problem else find_next_ceiling(made.modules, verdict)
        if next_one is None:
            return made
        name, ceiling = next_one
        ceilings[name] = ceiling
        lowered.append(f"{name}: {ceiling.why}")


def find_next_ceiling(modules: Modules, verdict: Verdict) -> tuple[str, Ceiling] | None:
    """The program to lower after this verdict and its new ceiling; None when nothing differs or is left to lower."""
    differing = [(v, f) for v in verdict.programs for f in v.findings if f.outcome == "different"]
    if not differing:
        return None
    blamed = {run.name for run, _ in differing}
    levels = {r.program.name: r.level for r in modules.programs}
    # A difference that belongs to no program by name can come from any of them.
    suspects = [name for name in levels if name in blamed] or list(levels)
    for name in suspects:
        place = LEVELS.index(levels[name])
        if place + 1 < len(LEVELS):
            run, finding = next((d for d in differing if d[0].name == name), differing[0])
            why = f"as {levels[name]} it is not the same: {describe_finding(run, finding)}"
            return name, Ceiling(LEVELS[place + 1], why)
    return None


def describe_finding(run: ProgramVerdict, finding: Finding) -> str:
    """A finding in one line."""
    detail = " ".join(finding.detail.split())
    return f"{run.run} run, {finding.kind} {finding.subject}: {detail}".rstrip(": ")


def _install(project: Path) -> None:
    """Make the environment of the project. Raises ToolError."""
    try:
        done = subprocess.run(
            ["make", "-s", "install"], cwd=project, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ToolError(
            "make is missing", fix="install GNU make, or name an environment with --python"
        ) from error
    if done.returncode != 0:
        raise ToolError(
            "the environment of the project cannot be made",
            where=str(project),
            why=" ".join(done.stderr.split())[-600:],
            fix="the project is written but not verified: repair `make install`, or name an environment with --python",
        )
