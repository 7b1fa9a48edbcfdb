"""The command line: arguments → conversion → exit code."""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from graduate import __version__
from graduate.errors import (
    EXIT_DEFECT,
    EXIT_DIFFERENT,
    EXIT_INTERRUPTED,
    GraduateError,
    PlanError,
    ReadError,
    WriteError,
)
from graduate.model.plan import LEVELS

if TYPE_CHECKING:
    from graduate.conversion import Converted

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Turn research code into a production project, and prove that it still computes the same.",
)

Source = Annotated[Path, typer.Argument(metavar="SRC", help="A script, a notebook, or a folder with either.")]
PythonOption = Annotated[
    Path | None,
    typer.Option("--python", help="The interpreter for both sides (default: the one of OUT/.venv)."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting for both sides, to shorten long runs."),
]
KillsOption = Annotated[int, typer.Option(min=0, help="How often to kill and resume.")]
TimeoutOption = Annotated[float, typer.Option(min=1, help="Seconds that each run may take.")]


ModernizeOption = Annotated[
    bool,
    typer.Option("--modernize", help="The code is Python 2: read it as the Python 3 that means the same."),
]


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Shows on stderr what is being done; where that is no terminal, a line now and then."""
    if not sys.stderr.isatty():
        yield _tell_now_and_then()
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("starting") as status:
        yield lambda message: status.update(escape(message))


def _tell_now_and_then(seconds: float = 10.0) -> Callable[[str], None]:
    last = time.monotonic()

    def tell(message: str) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            print(f"graduate: {message}", file=sys.stderr, flush=True)

    return tell


@app.command()
def convert(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[SRC]", help="A script, a notebook, or a folder; default: all under ./src/."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Default: ./<name>-production.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a project that graduate made.")] = False,
    plan: Annotated[Path | None, typer.Option("--plan", help="Obey this plan (see `graduate plan`).")] = None,
    no_lock: Annotated[bool, typer.Option("--no-lock", help="Leave locking to `make lock`.")] = False,
    level: Annotated[str, typer.Option(help="The highest level to try: " + ", ".join(LEVELS))] = LEVELS[0],
    modernize: ModernizeOption = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Verify, and keep the highest level that is the same.")
    ] = False,
    python: PythonOption = None,
    settings: SetOption = None,
    kills: KillsOption = 3,
    timeout: TimeoutOption = 3600.0,
    as_of: Annotated[
        str,
        typer.Option(
            metavar="DATE",
            help="Lock the versions of this day (2024-01-31), of the last `commit`, or the `newest`.",
        ),
    ] = "commit",
) -> None:
    """Convert research code into a production project."""
    from graduate import conversion
    from graduate.read.last_change import find_last_change

    day = _read_day(as_of)
    if level not in LEVELS:
        raise PlanError(f"there is no level {level!r}", fix="use one of " + ", ".join(LEVELS))
    projects = [source] if source is not None else conversion.find_projects(Path.cwd())
    if len(projects) > 1 and (out is not None or plan is not None):
        raise ReadError(
            "-o and --plan are for one project, but there are several",
            where="src/",
            fix="name the project: `graduate convert src/NAME -o OUT`",
        )

    def convert_one(project: Path) -> Converted:
        highest, lock = level, not no_lock
        limit = find_last_change(project) if as_of == "commit" else day
        with _progress() as progress:
            if not verify:
                return conversion.convert(
                    project,
                    out,
                    force=force,
                    plan_file=plan,
                    lock=lock,
                    level=highest,
                    modernize=modernize,
                    as_of=limit,
                    progress=progress,
                )
            return conversion.convert_verified(
                project,
                out,
                force=force,
                plan_file=plan,
                lock=lock,
                level=highest,
                modernize=modernize,
                python=python,
                settings=settings or (),
                kills=kills,
                timeout=timeout,
                as_of=limit,
                progress=progress,
            )

    codes = [_convert_and_report(project, convert_one, alone=len(projects) == 1) for project in projects]
    if any(codes):
        raise typer.Exit(max(codes))


def _read_day(text: str) -> date | None:
    if text in {"commit", "newest"}:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise GraduateError(
            f"--as-of {text} is no day",
            why=str(error),
            fix="write it like 2024-01-31, or say commit or newest",
        ) from error


def _convert_and_report(project: Path, convert_one: Callable[[Path], Converted], *, alone: bool) -> int:
    """The exit code of one conversion. One of several that is refused does not keep the others from being made."""
    from graduate import tables

    try:
        made = convert_one(project)
    except GraduateError as error:
        if alone:
            raise
        print(f"graduate: {project}: {error}", file=sys.stderr)
        return error.exit_code
    tables.print_conversion(made, verified=made.verdict is not None)
    if made.verdict is None:
        return 0
    from graduate.verify.report import render_text

    typer.echo(render_text(made.verdict))
    return 0 if made.verdict.proved else EXIT_DIFFERENT


@app.command()
def analyze(
    source: Source,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    modernize: ModernizeOption = False,
) -> None:
    """Show what is in research code: programs, roles, options, data, dependencies, loops, hazards."""
    from dataclasses import asdict

    from graduate import conversion, tables

    with _progress() as progress:
        sources, facts = conversion.analyze(source, progress, modernize=modernize)
    if not as_json:
        tables.print_facts(sources, facts)
        return
    programs = [asdict(program) for program in sources.programs]
    shown = {"name": sources.name, "programs": programs, "facts": asdict(facts)}
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


@app.command()
def plan(
    source: Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write it; - is stdout.")] = Path(
        "plan.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    modernize: ModernizeOption = False,
) -> None:
    """Write the plan of a conversion, to be edited and given to `convert --plan`."""
    from graduate import conversion

    if str(out) != "-" and out.exists() and not force:
        raise WriteError("the plan file exists", where=str(out), fix="name another with -o, or use --force")
    with _progress() as progress:
        text = conversion.propose_plan(source, progress, modernize=modernize)
    if str(out) == "-":
        typer.echo(text, nl=False)
        return
    _write(out, text)
    also = " --modernize" if modernize else ""
    typer.echo(f"wrote {out}; edit it, then: graduate convert {source} --plan {out}{also}")


@app.command()
def verify(
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The converted project.")],
    python: PythonOption = None,
    settings: SetOption = None,
    kills: KillsOption = 3,
    timeout: TimeoutOption = 3600.0,
    seed: Annotated[int, typer.Option(help="Decides the moments of the kills.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the verdict as JSON.")] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write the verdict as a web page.")] = None,
) -> None:
    """Run original and project, compare, kill and resume. The exit code is 0 only when they are the same."""
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
        _write(json_file, render_json(verdict))
    if page is not None:
        _write(page, render_page(verdict))
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


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WriteError(
            "the file cannot be written", where=str(path), why=error.strerror or str(error)
        ) from error


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


def main() -> NoReturn:
    """Run the command line; the process ends with a stable exit code (see `errors`)."""
    # Syntax trees are many objects that live to the end: looking for cycles in them takes a sixth of a conversion.
    gc.set_threshold(200_000, 50, 1000)
    try:
        code = app(standalone_mode=False) or 0
    except GraduateError as error:
        print(f"graduate: {error}", file=sys.stderr)
        code = error.exit_code
    except typer.Exit as end:
        code = end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except Exception as error:
        code = _explain_failure(error)
    if code == EXIT_INTERRUPTED:
        print("graduate: interrupted", file=sys.stderr)
    sys.exit(code)


def _explain_failure(error: Exception) -> int:
    """Say what went wrong without a traceback on the screen; the exit code."""
    describe = getattr(error, "format_message", None)
    if describe is not None:  # a mistake on the command line, as typer reports it
        if describe():
            print(f"graduate: {describe()}\n  next:  graduate --help", file=sys.stderr)
        return int(getattr(error, "exit_code", 2))
    with tempfile.NamedTemporaryFile("w", prefix="graduate-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    summary = " ".join(str(error).split())[:300]
    print(
        f"graduate: this is a defect of graduate itself: {type(error).__name__}: {summary}\n"
        f"  where: the traceback is in {file.name}\n"
        "  next:  report it together with that file",
        file=sys.stderr,
    )
    return EXIT_DEFECT


if __name__ == "__main__":
    main()
