"""What the commands print for people: the report of a conversion, and the facts as tables."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from graduate.conversion import Converted
from graduate.model.facts import (
    DataFile,
    DefinitionFact,
    Dependency,
    Evidence,
    Facts,
    Hazard,
    Loop,
    ProgramFacts,
    StatementFact,
)
from graduate.model.source import Sources

_PIPED_WIDTH = 160


def make_console() -> Console:
    """A console on stdout; wide where there is no terminal whose width is known."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPED_WIDTH)


def print_table(
    console: Console, title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]
) -> None:
    """Print a table, or nothing when it has no rows. Cells are plain text, whatever they hold."""
    shown = [[Text(cell) for cell in row] for row in rows]
    if not shown:
        return
    table = Table(*columns, title=Text(title), title_justify="left")
    for row in shown:
        table.add_row(*row)
    console.print(table)


def print_conversion(made: Converted, *, verified: bool) -> None:
    """What was made, at which level, what stands in the way of more, and what to do next."""
    console = make_console()
    out = show_path(made.out)
    console.print(Text.assemble((made.modules.name, "bold"), f" is in {out}"))
    print_table(
        console,
        "programs",
        ("program", "level", "refactored", "what blocks a higher level"),
        [
            (p.program.path, p.level, f"{p.refactored} of {p.statements} statements", p.blocked_by)
            for p in made.modules.programs
        ],
    )
    print_table(
        console,
        "steps",
        ("step", "takes", "gives", "functions"),
        [
            (
                step.name,
                ", ".join(step.takes),
                ", ".join(step.gives),
                ", ".join(f"{s.module}.{s.function}" for s in step.segments),
            )
            for step in made.modules.steps
        ],
    )
    print_table(
        console,
        "hazards (graduate explain CODE)",
        ("code", "place", "what"),
        map(_hazard_row, made.modules.hazards),
    )
    for line in _find_notes(made):
        console.print(Text(line))
    check = "" if verified else f"{shlex.join(['graduate', 'verify', show_path(made.source), out])}; "
    commands = f"cd {shlex.quote(out)} && make install test train-all status"
    console.print(Text(f"next: {check}{commands}"), soft_wrap=True)


def _find_notes(made: Converted) -> list[str]:
    count = len({option.name for option in made.modules.options})
    notes = [f"settings: {count} in {made.modules.settings_file}" if count else "settings: none were found"]
    notes += [
        f"not copied, too big: {path}; put it there yourself (data/checksums.json holds its checksum)"
        for path in made.not_copied
    ]
    notes += [f"to check: {line}" for line in made.to_check]
    notes += [f"lowered: {line}" for line in made.lowered]
    if not made.locked:
        notes.append("the dependencies are not locked: run `make lock` in the project")
    return notes


def show_path(path: Path) -> str:
    """The path as a person would type it: relative where it lies under the working folder."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    return str(path)


def print_facts(sources: Sources, facts: Facts) -> None:
    """All that was found, one table each; empty ones are left out."""
    console = make_console()
    print_table(
        console,
        "programs, in order",
        ("name", "file", "arguments", "found in"),
        [(p.name, p.path, " ".join(p.arguments), p.origin) for p in sources.programs],
    )
    for program in facts.programs:
        _print_program(console, program)
    print_table(console, "local modules", ("file", "role"), facts.module_roles)
    print_table(
        console,
        "functions and classes of local modules",
        ("place", "name", "role", "evidence"),
        map(_definition_row, facts.local_modules),
    )
    print_table(
        console, "data files", ("path", "bytes", "named at", "copied"), map(_data_row, facts.data_files)
    )
    print_table(
        console,
        "dependencies",
        ("requirement", "imports", "asked for by", "to know"),
        [(d.requirement, ", ".join(d.imports), d.origin, _remark(d)) for d in facts.dependencies],
    )
    print_table(console, "hazards", ("code", "place", "what"), map(_hazard_row, facts.hazards))


def _remark(dependency: Dependency) -> str:
    if dependency.optional:
        return "optional and not here: left out"
    if dependency.candidates:
        others = [each for each in dependency.candidates if each != dependency.distribution]
        return "or " + ", ".join(others)
    return "a guess: no distribution is known for it" if dependency.guessed else ""


def _hazard_row(hazard: Hazard) -> tuple[str, str, str]:
    return hazard.code, str(hazard.place), hazard.message


def _print_program(console: Console, program: ProgramFacts) -> None:
    path = program.path
    spine = f"{path}: the body of {program.entry}()" if program.entry else f"{path}: statements"
    print_table(console, spine, ("place", "role", "code", "evidence"), map(_statement_row, program.spine))
    print_table(
        console,
        f"{path}: functions and classes",
        ("place", "name", "role", "evidence"),
        map(_definition_row, program.definitions),
    )
    print_table(
        console,
        f"{path}: options",
        ("name", "type", "default", "flags", "help"),
        [(o.name, o.annotation, o.default, " ".join(o.flags), o.help) for o in program.options],
    )
    print_table(
        console,
        f"{path}: long loops",
        ("place", "loop", "carries", "may mutate", "resumable"),
        map(_loop_row, program.loops),
    )
    print_table(
        console,
        f"{path}: hazards",
        ("code", "place", "what", "keeps the program from"),
        [(h.code, str(h.place), h.message, _show_cost(h.cost)) for h in program.hazards],
    )


def _show_cost(cost: str) -> str:
    costs = {"none": "", "loops": "resumable loops", "steps": "several steps", "wrapped": "being taken apart"}
    return costs[cost]


def _show_evidence(evidence: Iterable[Evidence]) -> str:
    found: dict[str, None] = dict.fromkeys(f"{e.what} ({e.role} {e.weight:+g}, {e.place})" for e in evidence)
    return "\n".join(found)


def _statement_row(statement: StatementFact) -> tuple[str, ...]:
    code = statement.text.strip().split("\n")[0]
    code = code if len(code) <= 60 else code[:57] + "..."
    return str(statement.place), statement.role, code, _show_evidence(statement.evidence)


def _definition_row(definition: DefinitionFact) -> tuple[str, ...]:
    return str(definition.place), definition.name, definition.role, _show_evidence(definition.evidence)


def _loop_row(loop: Loop) -> tuple[str, ...]:
    resumable = "yes" if loop.resumable else f"no: {loop.why_not}"
    return str(loop.place), loop.header, ", ".join(loop.carried), ", ".join(loop.mutated), resumable


def _data_row(file: DataFile) -> tuple[str, ...]:
    return file.path, str(file.size), str(file.place or ""), "yes" if file.copied else "no: too big"
