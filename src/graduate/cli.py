"""The command line: arguments → conversion → exit code."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graduate import __version__
from graduate.errors import (
    EXIT_DEFECT,
    EXIT_DIFFERENT,
    EXIT_INTERRUPTED,
    GraduateError,
    PlanError,
    ReadError,
)
from graduate.model.plan import LEVELS

if TYPE_CHECKING:
    from graduate.conversion import Converted
    from graduate.model.facts import Facts
    from graduate.model.source import Sources

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turn research code into a production project, and prove that it still computes the same.",
)

Source = Annotated[Path, typer.Argument(help="A script, a notebook, or a folder with either.")]
PythonOption = Annotated[
    Path | None, typer.Option("--python", help="The interpreter to run both sides with (default: OUT/.venv).")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="NAME=VALUE for both sides, to shorten long runs; repeatable."),
]


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Shows on stderr what is being done."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda message: None
        return
    with console.status("starting") as status:
        yield lambda message: status.update(message)


@app.command()
def convert(
    source: Annotated[
        Path | None,
        typer.Argument(help="A script, a notebook, or a folder with either; default: all under ./src/."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Default: ./<name>-production.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a project that graduate made.")] = False,
    plan: Annotated[Path | None, typer.Option("--plan", help="Obey this plan (see `graduate plan`).")] = None,
    no_lock: Annotated[bool, typer.Option("--no-lock", help="Leave locking to `make lock`.")] = False,
    level: Annotated[str | None, typer.Option(help="The highest level to try: " + ", ".join(LEVELS))] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Keep the highest level that verifies.")] = False,
    python: PythonOption = None,
    settings: SetOption = None,
    kills: Annotated[int, typer.Option(help="With --verify: how often to kill and resume.")] = 3,
) -> None:
    """Convert research code into a production project."""
    from graduate import conversion

    if level is not None and level not in LEVELS:
        raise PlanError(f"there is no level {level!r}", fix="use one of " + ", ".join(LEVELS))
    projects = [source] if source is not None else conversion.find_projects(Path.cwd())
    if len(projects) > 1 and (out is not None or plan is not None):
        raise ReadError(
            "-o and --plan go with one project, but there are several",
            where="src/",
            fix="name the project: `graduate convert src/NAME -o OUT`",
        )
    for project in projects:
        with _progress() as progress:
            if verify:
                made = conversion.convert_verified(
                    project,
                    out,
                    python=python,
                    force=force,
                    plan_file=plan,
                    lock=not no_lock,
                    settings=settings or (),
                    kills=kills,
                    progress=progress,
                )
            else:
                made = conversion.convert(
                    project,
                    out,
                    force=force,
                    plan_file=plan,
                    lock=not no_lock,
                    level=level,
                    progress=progress,
                )
        _report(made)
        if made.verdict is not None and not made.verdict.proved:
            raise typer.Exit(EXIT_DIFFERENT)


@app.command()
def analyze(
    source: Source, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show what is in research code: programs, roles, options, data, dependencies, loops, hazards."""
    from graduate import conversion

    with _progress() as progress:
        sources, facts = conversion.analyze(source, progress)
    if as_json:
        shown = {
            "name": sources.name,
            "programs": [asdict(p) for p in sources.programs],
            "facts": asdict(facts),
        }
        typer.echo(json.dumps(shown, indent=2, default=str))
    else:
        _show_facts(sources, facts)


@app.command()
def plan(
    source: Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write it; - for the screen.")] = Path(
        "plan.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write the plan of a conversion, to be edited and given to `convert --plan`."""
    from graduate import conversion

    with _progress() as progress:
        text = conversion.propose_plan(source, progress)
    if str(out) == "-":
        typer.echo(text, nl=False)
        return
    if out.exists() and not force:
        raise PlanError(
            "the plan file exists", where=str(out), fix="name another with -o, or replace it with --force"
        )
    out.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {out}; edit it, then: graduate convert {source} --plan {out}")


@app.command()
def verify(
    source: Source,
    out: Annotated[Path, typer.Argument(help="The converted project.")],
    python: PythonOption = None,
    settings: SetOption = None,
    kills: Annotated[int, typer.Option(help="How often to kill and resume.")] = 3,
    timeout: Annotated[float, typer.Option(help="Seconds that each run may take.")] = 3600.0,
    seed: Annotated[int, typer.Option(help="Decides the moments of the kills.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the verdict as JSON.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write the verdict as a web page.")] = None,
) -> None:
    """Run the original and the converted project, compare, kill and resume. Exit code 0 only when the same."""
    from graduate import conversion
    from graduate.verify.report import render_json, render_page, render_text

    with _progress() as progress:
        verdict = conversion.verify(
            source,
            out,
            python=python,
            settings=settings or (),
            kills=kills,
            timeout=timeout,
            seed=seed,
            progress=progress,
        )
    typer.echo(render_text(verdict))
    if json_file is not None:
        json_file.write_text(render_json(verdict), encoding="utf-8")
    if page is not None:
        page.write_text(render_page(verdict), encoding="utf-8")
    if not verdict.proved:
        raise typer.Exit(EXIT_DIFFERENT)


@app.command()
def explain(code: Annotated[str, typer.Argument(help="The code of a hazard, such as G104.")]) -> None:
    """Explain a hazard that a report names."""
    from graduate.analyse.hazards import EXPLANATIONS

    found = EXPLANATIONS.get(code.upper())
    if found is None:
        known = ", ".join(f"{e.code} {e.name}" for e in EXPLANATIONS.values())
        raise GraduateError(f"there is no hazard {code}", fix=f"one of: {known}")
    typer.echo(f"{found.code} {found.name}\n\n{found.page}")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graduate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _report(made: Converted) -> None:
    """What was made, at which level, and what to do next."""
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False)
    console.print(f"[bold]{made.modules.name}[/bold] → {_shown(made.out)}")
    table = Table("program", "level", "refactored", "kept from a higher level by")
    for program in made.modules.programs:
        share = f"{program.refactored} of {program.statements} statements"
        table.add_row(program.program.path, program.level, share, program.blocked_by or "-")
    console.print(table)
    table = Table("step", "takes", "gives", "functions")
    for step in made.modules.steps:
        names = ", ".join(f"{s.module}.{s.function}" for s in step.segments)
        table.add_row(step.name, ", ".join(step.takes), ", ".join(step.gives), names)
    console.print(table)
    console.print(f"settings: {len({o.name for o in made.modules.options})} in configs/default.yaml")
    for hazard in made.modules.hazards:
        console.print(f"{hazard.code} {hazard.place}: {hazard.message}", markup=False)
    for path in made.not_copied:
        console.print(
            f"not copied, too big: {path} (put it there yourself; data/manifest.json has its checksum)"
        )
    for line in made.lowered:
        console.print(f"lowered: {line}", markup=False)
    if made.verdict is not None:
        from graduate.verify.report import render_text

        console.print(render_text(made.verdict), markup=False)
    if not made.locked:
        console.print("the dependencies are not locked: run `make lock` in the project")
    verified = "" if made.verdict is not None else f"; graduate verify SRC {_shown(made.out)}"
    console.print(f"next: cd {_shown(made.out)} && make install test train-all{verified}")


def _shown(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)


def _show_facts(sources: Sources, facts: Facts) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()

    def table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        if rows:
            shown = Table(*columns, title=title, title_justify="left")
            for row in rows:
                shown.add_row(*[cell.replace("[", "\\[") for cell in row])
            console.print(shown)

    table(
        "programs, in order",
        ("name", "file", "arguments", "found in"),
        [(p.name, p.path, " ".join(p.arguments), p.origin) for p in sources.programs],
    )
    for program in facts.programs:
        table(
            f"{program.path}: roles",
            ("place", "role", "code", "evidence"),
            [
                (
                    str(s.place),
                    s.role,
                    s.text.split("\n")[0][:60],
                    "; ".join(f"{e.what} ({e.weight:g})" for e in s.evidence),
                )
                for s in program.spine
            ],
        )
        table(
            f"{program.path}: functions and classes",
            ("place", "name", "role", "evidence"),
            [
                (str(d.place), d.name, d.role, "; ".join(dict.fromkeys(e.what for e in d.evidence)))
                for d in program.definitions
            ],
        )
        table(
            f"{program.path}: options",
            ("name", "type", "default", "flags", "help"),
            [(o.name, o.annotation, o.default, " ".join(o.flags), o.help) for o in program.options],
        )
        table(
            f"{program.path}: long loops",
            ("place", "loop", "carries", "may mutate", "resumable"),
            [
                (
                    str(o.place),
                    o.header,
                    ", ".join(o.carried),
                    ", ".join(o.mutated),
                    "yes" if o.resumable else f"no: {o.why_not}",
                )
                for o in program.loops
            ],
        )
        table(
            f"{program.path}: hazards",
            ("code", "place", "what", "cost"),
            [(h.code, str(h.place), h.message, h.cost) for h in program.hazards],
        )
    table("local modules", ("file", "role"), [(p, r) for p, r in facts.module_roles])
    table(
        "data files",
        ("path", "bytes", "named at", "copied"),
        [
            (f.path, str(f.size), str(f.place or ""), "yes" if f.copied else "no: too big")
            for f in facts.data_files
        ],
    )
    table(
        "dependencies",
        ("requirement", "imports", "asked for by"),
        [(d.requirement, ", ".join(d.imports), d.origin) for d in facts.dependencies],
    )


def main() -> Any:
    """Run the command line; the process ends with a stable exit code (see `errors`)."""
    try:
        app(standalone_mode=False)
    except GraduateError as error:
        print(f"graduate: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (typer.Exit, SystemExit) as end:
        sys.exit(getattr(end, "exit_code", getattr(end, "code", 0)))
    except (KeyboardInterrupt, typer.Abort):
        print("graduate: interrupted; nothing was left half written", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click's usage errors
            print(f"graduate: {error.format_message()}\n  next:  graduate --help", file=sys.stderr)
            sys.exit(error.exit_code)
        with tempfile.NamedTemporaryFile("w", prefix="graduate-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        print(
            f"graduate: a defect of graduate itself: {type(error).__name__}: {error}\n"
            f"  where: the traceback is in {file.name}\n"
            "  next:  please report it with that file; nothing was written to your folders",
            file=sys.stderr,
        )
        sys.exit(EXIT_DEFECT)


if __name__ == "__main__":
    main()
