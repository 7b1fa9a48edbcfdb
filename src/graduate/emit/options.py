"""The settings of the project as YAML, and as cases that its own tests try."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from graduate.model.facts import Option, with_own_flags

_EPOCHS = re.compile(r"^(n|num|max|number_of|nb)?_?epochs?$|^epochs?_?(n|num|max|count)$", re.IGNORECASE)
_FEW = 3


class _Dumper(yaml.SafeDumper):
    """Quotes text that the project would read as a number: unlike YAML, `1e3` is one there, as in Python."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


class _NotLiteral:
    """The default is not a plain value."""


NOT_LITERAL = _NotLiteral()


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of Settings. `value` is NOT_LITERAL when the default is an expression, or there is none.

    `flag` sets it on the command line; "" when what would be its flag is another setting's.
    """

    option: Option
    value: Any
    variable: str
    flag: str

    @property
    def name(self) -> str:
        return self.option.name


def find_settings(options: Iterable[Option], package: str) -> tuple[Setting, ...]:
    """The fields in order, each name once."""
    found: dict[str, Option] = {}
    for option in options:
        found.setdefault(option.name, option)
    options = with_own_flags(found.values())
    given = {flag for option in options for flag in option.flags}
    return tuple(
        Setting(option, _evaluate(option), f"{package}_{option.name}".upper(), _find_flag(option, given))
        for option in options
    )


def _find_flag(option: Option, given: Collection[str]) -> str:
    long = [flag for flag in option.flags if flag.startswith("--")]
    usual = f"--{option.name}"
    return long[0] if long else "" if usual in given else usual


def _evaluate(option: Option) -> Any:
    if option.required:
        return NOT_LITERAL
    text = re.sub(r"float\((['\"])([+-]?)(inf|nan)\1\)", r"\g<2>1e999", option.default)
    path = re.fullmatch(r"(?:pathlib\.)?Path\((['\"].*['\"])\)", text)
    try:
        value = ast.literal_eval(path[1] if path else text)
    except (ValueError, SyntaxError, TypeError, MemoryError):
        return NOT_LITERAL
    return NOT_LITERAL if "nan" in option.default.lower() and isinstance(value, float) else value


def render_default_yaml(settings: Iterable[Setting]) -> str:
    """`configs/default.yaml`: every setting with the value that the research code starts with."""
    lines = [
        "# The settings and the values that the research code starts with. An environment variable wins over",
        '# this file, and the command line over both: make train-all ARGS="--name value"',
    ]
    for each in settings:
        lines.append("")
        lines += [f"# {line}".rstrip() for line in each.option.help.splitlines()]
        if each.option.choices:
            lines.append("# one of: " + ", ".join(each.option.choices))
        lines.append(_entry(each))
    return "\n".join(lines) + "\n"


def _entry(each: Setting) -> str:
    if each.option.secret:
        return f"# {each.name}: a secret; give it as the environment variable {each.variable}"
    if each.option.required:
        return f"# {each.name}:   required, it has no default"
    text = to_yaml(each.value)
    if text is None:
        return f"# {each.name}: {' '.join(each.option.default.split())}   (as in config/settings.py)"
    # A name like `no` is a truth value in YAML unless it is quoted.
    return f"{to_yaml(each.name)}: {text}"


def to_yaml(value: Any) -> str | None:
    """A value on one line of YAML; None when YAML would not give it back as it is."""
    plain = _plain(value)
    if plain is NOT_LITERAL:
        return None
    text: str = yaml.dump(plain, Dumper=_Dumper, default_flow_style=True, width=math.inf, allow_unicode=True)
    text = text.removesuffix("\n").removesuffix("\n...")
    if "\n" in text:
        text = json.dumps(plain, ensure_ascii=False)
    return text if yaml.safe_load(text) == plain else None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return NOT_LITERAL if NOT_LITERAL in items else items
    if isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
        pairs = {key: _plain(item) for key, item in value.items()}
        return NOT_LITERAL if NOT_LITERAL in pairs.values() else pairs
    return NOT_LITERAL


@dataclass(frozen=True, slots=True)
class SettingCase:
    """What the project's own tests try on one setting: another value, and how it is spelt in each layer.

    `arguments` is what sets it on the command line, () when that is not tried. `bad` is text that must be
    refused, "" when every text is fine.
    """

    name: str
    variable: str
    default: Any
    other: Any
    text: str
    arguments: tuple[str, ...]
    bad: str


def find_cases(settings: Iterable[Setting]) -> tuple[SettingCase, ...]:
    """The cases for all settings for which another value can be thought of."""
    cases = []
    for each in settings:
        if each.value is NOT_LITERAL or each.option.secret:
            continue
        other = _other_value(each)
        if other is NOT_LITERAL:
            continue
        text = str(other).lower() if isinstance(other, bool) else str(other)
        kinds = _kinds(each.option)
        bad = "no number" if kinds <= {"int", "float", "None"} and kinds & {"int", "float"} else ""
        cases.append(
            SettingCase(each.name, each.variable, each.value, other, text, _arguments(each, other, text), bad)
        )
    return tuple(cases)


def _kinds(option: Option) -> set[str]:
    return {part.strip() for part in option.annotation.split("|")}


def _other_value(each: Setting) -> Any:
    option, value = each.option, each.value
    if option.nargs is not None or option.action in ("append", "count"):
        return NOT_LITERAL
    if option.choices:
        choices = [_evaluate_text(choice) for choice in option.choices]
        return next((c for c in choices if c != value and c is not NOT_LITERAL), NOT_LITERAL)
    kinds = _kinds(option) - {"None"}
    if kinds == {"bool"} and isinstance(value, bool):
        # argparse's type=bool takes any text for true.
        takes_any_text = option.kind == "argument" and option.action == "store"
        return NOT_LITERAL if takes_any_text and value else not value
    if kinds == {"int"} and not isinstance(value, bool) and isinstance(value, int | None):
        return (value or 0) + 1
    if kinds == {"float"} and isinstance(value, int | float | None) and math.isfinite(value or 0):
        return float(value or 0) + 0.5
    if kinds == {"str"} and isinstance(value, str | None):
        return f"{value or ''}_other".lstrip("_-")
    return NOT_LITERAL


def _evaluate_text(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return NOT_LITERAL


def _arguments(each: Setting, other: Any, text: str) -> tuple[str, ...]:
    option = each.option
    if option.positional or not each.flag:
        return ()
    if option.action == "store":
        return (f"{each.flag}={text}",)
    return (each.flag,) if other is (option.action == "store_true") else ()


def find_small_settings(settings: Iterable[Setting]) -> tuple[str, ...]:
    """Arguments that make a long run short without changing what is run: three epochs are enough to be killed in."""
    return tuple(
        text for each in settings if each.flag and is_epochs(each) for text in (each.flag, str(_FEW))
    )


def count_times_smaller(settings: Iterable[Setting]) -> float:
    """How many times as much there is to do without the small settings."""
    return float(max((round(each.value / _FEW, 1) for each in settings if is_epochs(each)), default=1))


def is_epochs(each: Setting) -> bool:
    """Whether a setting says how long is trained."""
    is_count = isinstance(each.value, int) and not isinstance(each.value, bool)
    return is_count and each.value > _FEW and bool(_EPOCHS.match(each.name)) and not each.option.positional
