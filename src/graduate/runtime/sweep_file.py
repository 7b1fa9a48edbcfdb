"""`configs/sweep.yaml`: which settings a sweep tries, and the metric by which it judges them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .configuration import Option
from .paths import PROJECT_ROOT
from .problems import Problem
from .setting_sources import unknown_name
from .setting_values import convert, parse_yaml

FILES = ("configs/pipeline_sweep.yaml", "configs/sweep.yaml")
"""The first is there where the research code has a file of its own that is called like the second."""
COMMANDS = ("train", "evaluate", "train-all")


@dataclass(frozen=True)
class Range:
    """A number between two others, both included."""

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False

    def text(self, value: Any) -> str:
        return repr(value)

    def value(self, value: Any) -> Any:
        return value


@dataclass(frozen=True)
class Choices:
    """One of some values, each with the text that sets it."""

    values: Mapping[str, Any]

    def text(self, value: str) -> str:
        return value

    def value(self, value: str) -> Any:
        return self.values[value]


@dataclass(frozen=True)
class Plan:
    """What the file says."""

    where: str
    metric: str
    direction: str
    space: Mapping[str, Range | Choices]
    command: str = "train-all"
    seed: int = 0
    value: str = "last"
    prune: bool = True
    startup: int = 5
    warmup: int = 0
    reuse: bool = True
    keep: str = "best"


def read(options: Mapping[str, Option]) -> Plan:
    """The plan of the project's sweep. Raises `Problem`."""
    where = next((each for each in FILES if (PROJECT_ROOT / each).exists()), FILES[-1])
    path = PROJECT_ROOT / where
    found = parse_yaml(path.read_text(encoding="utf-8"), where) if path.exists() else None
    return make_plan(found, options, where)


def make_plan(found: Any, options: Mapping[str, Option], where: str) -> Plan:
    """The plan that a file's content stands for. Raises `Problem`."""
    content = {} if found is None else found
    if not isinstance(content, dict):
        raise _bad(
            "The sweep's file is not a mapping.", where, "write `metric: …` and `settings:` as it says"
        )
    known = ("metric", "direction", "settings", *_REST)
    for name in content:
        if name not in known:
            raise unknown_name(str(name), known, where, "a key of the sweep")
    settings = content.get("settings")
    if not settings:
        raise _bad(
            "The sweep has no settings to try.",
            where,
            "take the # from some lines below `settings:`, say which values are tried",
            "there is no such file" if found is None else "",
        )
    if not isinstance(settings, dict):
        raise _bad("`settings` is not a mapping.", where, "one line a setting: `name: {low: 1, high: 9}`")
    metric = content.get("metric")
    if not metric or not isinstance(metric, str):
        fix = "name a number that a loop of the training carries, or that a step gives: `metric: loss`"
        raise _bad("The sweep has no metric.", where, fix)
    if content.get("direction") not in ("minimize", "maximize"):
        raise _bad("The sweep has no direction.", f"{where}: direction", "write minimize or maximize")
    for name in settings:
        if name not in options:
            raise unknown_name(str(name), options, where, "a setting")
    space = {name: _read_range(options[name], each, f"{where}: {name}") for name, each in settings.items()}
    rest = {name: _checked(name, content[name], where) for name in _REST if name in content}
    return Plan(where, metric, content["direction"], space, **rest)


_REST: dict[str, tuple[Any, ...] | type] = {
    "command": COMMANDS,
    "seed": int,
    "value": ("last", "best"),
    "prune": bool,
    "startup": int,
    "warmup": int,
    "reuse": bool,
    "keep": ("best", "all"),
}
"""The values that the other keys can have, or their type."""


def _checked(name: str, value: Any, where: str) -> Any:
    wanted = _REST[name]
    if isinstance(wanted, tuple):
        if value not in wanted:
            raise _bad(f"`{name}` cannot be {value!r}.", where, "one of: " + ", ".join(wanted))
    elif type(value) is not wanted or (isinstance(value, int) and value < 0):
        fix = "true or false" if wanted is bool else "a whole number, 0 or more"
        raise _bad(f"`{name}` cannot be {value!r}.", where, fix)
    return value


def _read_range(option: Option, found: Any, where: str) -> Range | Choices:
    if option.secret:
        raise _bad(f"The setting {option.name!r} is a secret.", where, "take it out of the sweep")
    if isinstance(found, list):
        found = {"choices": found}
    keys = set(found) if isinstance(found, dict) else set()
    if keys == {"choices"}:
        return _read_choices(option, found["choices"], where)
    if not {"low", "high"} <= keys <= {"low", "high", "step", "log"}:
        raise _bad_range(option, where, "it needs low and high (and may have step or log), or choices")
    ends = [convert(option, found[key], where) for key in ("low", "high")]
    if any(isinstance(each, bool) or not isinstance(each, (int, float)) for each in ends):
        raise _bad_range(option, where, "low and high are no numbers; this setting can have choices")
    low, high = ends
    step, log = found.get("step"), found.get("log", False)
    whole = all(isinstance(each, int) for each in ends) and not isinstance(option.default, float)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise _bad_range(option, where, f"low ({low}) is not below high ({high})")
    if type(log) is not bool or (log and low <= 0):
        raise _bad_range(option, where, "log is true or false, and with log: true all values are above 0")
    kinds = (int,) if whole else (int, float)
    if step is not None and (log or isinstance(step, bool) or not isinstance(step, kinds) or step <= 0):
        raise _bad_range(
            option, where, f"step is a {'whole ' * whole}number above 0, and not beside log: true"
        )
    return Range(low, high, step, log, whole) if whole else Range(float(low), float(high), step, log)


def _read_choices(option: Option, found: Any, where: str) -> Choices:
    if not isinstance(found, list) or len(found) < 2:
        raise _bad_range(option, where, "choices are a list of two values or more")
    values = {}
    for each in found:
        value = convert(option, each, where)
        text = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
        if convert(option, text, where) != value:
            raise _bad_range(option, where, f"{each!r} cannot be given as an environment variable")
        values[text] = value
    return Choices(values)


def _bad_range(option: Option, where: str, why: str) -> Problem:
    return _bad(
        f"The values of the setting {option.name!r} cannot be tried.",
        where,
        "for example `{low: 0.001, high: 0.1, log: true}` or `{choices: [a, b]}`",
        why,
    )


def _bad(what: str, where: str, fix: str, why: str = "") -> Problem:
    return Problem(what, where=where, why=why, fix=fix)
