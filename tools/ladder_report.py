"""What the ladder found, as a table on the screen and as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

LEVELS = ("L0", "L1", "L2", "L3", "L4")
TOP = len(LEVELS)


@dataclass
class Result:
    """How far a case got. `passed` has an entry for each level that was tried, `lowered` the reasons of fallbacks."""

    name: str
    kind: str = ""
    passed: dict[str, bool] = field(default_factory=dict)
    runs_here: bool = True
    levels: list[str] = field(default_factory=list)
    lowered: list[str] = field(default_factory=list)
    statements: int = 0
    refactored: int = 0
    convert_seconds: float = 0.0
    convert_megabytes: float = 0.0
    seconds: float = 0.0
    first_difference: str = ""

    @property
    def expected(self) -> tuple[str, ...]:
        """The levels that can be told for this case."""
        return LEVELS if self.runs_here else LEVELS[:2]

    def reached(self) -> int:
        """The number of levels passed, without a gap."""
        return next((n for n, level in enumerate(LEVELS) if not self.passed.get(level)), TOP)


def show(results: Sequence[Result], console: Console) -> None:
    """The table of cases, and the sums."""
    table = Table("case", *LEVELS, "level", "refactored", "convert", "first difference", title="ladder")
    marks = {True: "✓", False: "✗", None: "·"}
    for result in results:
        table.add_row(
            escape(result.name),
            *(marks[result.passed.get(level)] for level in LEVELS),
            " ".join(dict.fromkeys(result.levels)),
            f"{result.refactored}/{result.statements}",
            f"{result.convert_seconds} s {result.convert_megabytes:.0f} MB",
            escape(result.first_difference[:160]),
        )
    console.print(table)
    console.print(summarise(results))


def summarise(results: Sequence[Result]) -> str:
    """The shares of cases that passed each level, and how they were converted."""
    lines = [f"{level}: {_share(results, level)}" for level in LEVELS]
    return "\n".join([*lines, *(f"{what}: {value}" for what, value in _conversions(results))])


def render_page(results: Sequence[Result], machine: str) -> str:
    """The sums as Markdown, a column for each kind of case, and the cases that fell short."""
    kinds = sorted({result.kind for result in results} - {""})
    groups = [[r for r in results if r.kind == kind] for kind in kinds]
    head = [f"{len(results)} cases. Machine: {machine}.", ""]
    head += ["| | all | " + "".join(f"{kind} | " for kind in kinds), "| --- |" + " --- |" * (len(kinds) + 1)]
    rows = [
        f"| {LEVELS[n]} | {' | '.join(_share(g, LEVELS[n]) for g in (results, *groups))} |"
        for n in range(TOP)
    ]
    sums = [dict(_conversions(group)) for group in (results, *groups)]
    rows += [f"| {what} | {' | '.join(each[what] for each in sums)} |" for what in sums[0]]
    short = [r for r in results if r.runs_here and r.reached() < TOP]
    failed = [
        f"- `{r.name}`: {LEVELS[r.reached()]}. {' '.join(r.first_difference.split())[:200]}".rstrip()
        for r in short
    ]
    return "\n".join([*head, *rows, *(["", "What fell short:", "", *failed] if failed else [])])


def _share(results: Sequence[Result], level: str) -> str:
    asked = [result for result in results if level in result.expected]
    passed = sum(result.passed.get(level, False) for result in asked)
    return f"{passed} of {len(asked)} ({passed / len(asked):.0%})" if asked else "-"


def _conversions(results: Sequence[Result]) -> list[tuple[str, str]]:
    shares = [result.refactored / result.statements for result in results if result.statements]
    wrapped = sum(bool(r.levels) and set(r.levels) == {"wrapped"} for r in results)
    seconds = [r.convert_seconds for r in results if r.convert_seconds]
    return [
        ("statements refactored, median", f"{statistics.median(shares):.0%}" if shares else "-"),
        ("fully wrapped", f"{wrapped} of {len(results)}"),
        (
            "conversion, median and longest",
            f"{statistics.median(seconds):.2f} s, {max(seconds):.2f} s" if seconds else "-",
        ),
        ("conversion, most memory", f"{max((r.convert_megabytes for r in results), default=0):.0f} MB"),
        ("original does not run here", str(sum(not r.runs_here for r in results))),
    ]
