"""Where the values of settings come from: a file, environment variables, the command line, in rising order."""

from __future__ import annotations

import functools
import os
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .paths import inside_project
from .problems import Problem
from .setting_values import convert, copied, parse_yaml

if TYPE_CHECKING:
    from .configuration import Option


def collect(
    cls: Any, options: dict[str, Option], file: Path, command_line: Sequence[str]
) -> tuple[dict[str, Any], set[str]]:
    """Every value of a class of settings from the highest source that gives it, and the names of those that the
    environment or the command line gave."""
    values = {name: copied(each.default) for name, each in options.items()}
    given: set[str] = set()
    hints = _annotations(cls)
    for each in options.values():
        each.annotation = hints.get(each.name, Any)
    for name, value in _read_file(file, options).items():
        values[name] = _from_file(options[name], value, f"{_shown(file)}: {name}")
    prefix = cls.__module__.partition(".")[0].upper()
    for name, each in options.items():
        for variable in filter(None, (each.variable, f"{prefix}_{name.upper()}")):
            text = os.environ.get(variable)
            if text is None and each.secret:
                text = _read_secret(variable + "_FILE")
            if text is not None:
                given.add(name)
                values[name] = convert(each, text, f"environment variable {variable}")
    if command_line:
        from .command_line import parse

        parsed = parse(options, command_line)
        given.update(parsed)
        values.update(parsed)
    for name, each in options.items():
        # Programs that this one starts, and libraries, see what was set otherwise too.
        if each.variable and values[name] is not None and values[name] != each.default:
            os.environ[each.variable] = str(values[name])
    return values, given


def _read_secret(variable: str) -> str | None:
    """The content of the file that a variable names, as containers get secrets; None when it names none."""
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise Problem(
            "A secret cannot be read.",
            where=f"environment variable {variable}",
            why=f"{path}: {error.strerror}",
            fix="write the value into this file",
        ) from None


@functools.cache
def _annotations(cls: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except Exception:
        return {}


def _read_file(file: Path, options: dict[str, Option]) -> dict[str, Any]:
    if not file.exists():
        return {}
    where = _shown(file)
    found = parse_yaml(file.read_text(encoding="utf-8"), where)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Problem(
            "The settings file is not a mapping.", where=where, fix="write one `name: value` per line"
        )
    for name in found:
        if name not in options:
            raise unknown_name(str(name), options, where, "a setting")
    return found


def _from_file(each: Option, value: Any, where: str) -> Any:
    default = each.default
    if type(value) is type(default) and value == default:
        return copied(default)
    if (
        isinstance(default, (tuple, set, frozenset))
        and isinstance(value, list)
        and type(default)(value) == default
    ):
        return default
    return convert(each, value, where)


def _shown(file: Path) -> str:
    return inside_project(file) or str(file)


def missing(each: Option, file: Path) -> Problem:
    """The error for a setting that was not given and has no default."""
    how = each.name if each.positional else _long_flag(each)
    return Problem(
        f"The setting {each.name!r} has no value and no default.",
        where=_shown(file),
        why=each.help or "the research program required it on its command line",
        fix=f'give {how} on the command line (make: ARGS="…") or write `{each.name}: …` into the file',
    )


def unknown_name(name: str, known: Any, where: str, kind: str) -> Problem:
    """The error for a name that does not exist, with one that is like it."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(sorted(known)[:20])
    return Problem(
        f"{name!r} is not {kind} of this project.", where=where, why="no setting has this name", fix=hint
    )


def _long_flag(each: Option) -> str:
    return next((flag for flag in each.flags if flag.startswith("--")), f"--{each.name.replace('_', '-')}")
