"""What a sweep has found: a table, `reports/sweep.csv`, and the best settings as a command line and a file."""

from __future__ import annotations

import csv
import importlib
import io
import shlex
from typing import Any

from . import configuration, store
from .log import say
from .paths import PROJECT_ROOT
from .problems import EXIT_FAILED
from .sweep_file import Plan

TABLE = PROJECT_ROOT / "reports" / "sweep.csv"
BEST = PROJECT_ROOT / "reports" / "best.yaml"


def show(study: Any, plan: Plan, package: str, fixed: list[str]) -> int:
    """Print all trials, the best first, and write them down; the exit code."""
    trials = sort_trials(study.get_trials(deepcopy=False), plan)
    header = ["trial", plan.metric, "state", "turns", *plan.space]
    rows = [
        [
            str(each.number),
            "" if each.value is None or each.state.name != "COMPLETE" else repr(each.value),
            each.state.name.lower(),
            str(len(each.intermediate_values)),
            *(plan.space[name].text(each.params[name]) for name in plan.space),
        ]
        for each in trials
    ]
    store.make_folder(TABLE.parent)
    store.publish(TABLE, _csv([header, *rows]).encode())
    print(_table([header, *rows]))
    if not trials or trials[0].state.name != "COMPLETE":
        say("No trial has come to its end, so there are no best settings.")
        return EXIT_FAILED
    best = {name: plan.space[name].value(trials[0].params[name]) for name in plan.space}
    texts = {name: plan.space[name].text(trials[0].params[name]) for name in plan.space}
    store.publish(BEST, _yaml(best, f"{plan.metric} {trials[0].value!r}, trial {trials[0].number}").encode())
    print(f"\nbest: {command_of(texts, package, plan.command, fixed)}")
    say(
        f"{TABLE.relative_to(PROJECT_ROOT)} has all trials, {BEST.relative_to(PROJECT_ROOT)} the best settings."
    )
    return 0


def sort_trials(trials: list[Any], plan: Plan) -> list[Any]:
    """The best first; then those that were pruned, then those that failed."""
    states = ("COMPLETE", "PRUNED", "FAIL")
    sign = 1 if plan.direction == "minimize" else -1
    ended = [each for each in trials if each.state.name in states]
    return sorted(
        ended,
        key=lambda each: (
            states.index(each.state.name),
            sign * each.value if each.state.name == "COMPLETE" else 0,
            each.number,
        ),
    )


def command_of(texts: dict[str, str], package: str, command: str, fixed: list[str]) -> str:
    """The command line that runs the pipeline with these settings, just as the trial had them."""
    settings = configuration.loaded()
    options = {each.name: each for each in settings.options()} if settings is not None else {}
    before, arguments = [], [shlex.join(fixed)] if fixed else []
    for name, text in texts.items():
        each = options[name]
        if each.action == "store" and each.nargs is None and not each.positional and " " not in text:
            arguments.append(f"--{name}={shlex.quote(text)}")
        else:
            before.append(f"{package}_{name}".upper() + f"={shlex.quote(text)}")
    given = [f'ARGS="{" ".join(arguments)}"'] if arguments else []
    return " ".join([*before, "make", command, *given])


def _yaml(values: dict[str, Any], title: str) -> str:
    yaml: Any = importlib.import_module("yaml")
    lines: str = yaml.safe_dump(
        {name: list(each) if isinstance(each, tuple) else each for name, each in values.items()},
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
    )
    return f"# The best settings of the sweep: {title}.\n{lines}"


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
