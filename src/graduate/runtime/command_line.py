"""The settings on the command line: the research program's own flags, and the spellings that people try."""

from __future__ import annotations

import argparse
import functools
import re
import shlex
import typing
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from .configuration import Option
from .problems import Problem
from .setting_sources import unknown_name
from .setting_values import REQUIRED, convert, is_container

_SEVERAL = ("*", "+", argparse.REMAINDER)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> typing.NoReturn:
        name = re.search(r"unrecognized arguments: (\S+)", message)
        if name:
            flags = [flag for action in self._actions for flag in action.option_strings]
            raise unknown_name(name[1].partition("=")[0], flags, "the command line", "a flag")
        raise Problem(
            f"The command line cannot be understood: {message}.",
            where="the command line",
            fix="`help` lists every setting",
        )


def build_parser(options: dict[str, Option]) -> argparse.ArgumentParser:
    """The research program's flags, and for each setting `--name` in the spellings that people try."""
    return _build(tuple(options.values()))


@functools.cache
def _build(options: tuple[Option, ...]) -> argparse.ArgumentParser:
    parser = _Parser(prog="settings", add_help=False, argument_default=argparse.SUPPRESS)
    given = {flag for each in options for flag in each.flags}
    taken = given | {f"--{each.name}" for each in options}
    for each in options:
        if each.positional:
            # None is demanded here: another program may run, and the settings file can give it.
            if isinstance(each.nargs, int):
                for number in range(each.nargs):
                    parser.add_argument(f"@{each.name}@{number}", nargs="?")
            else:
                several = each.nargs if each.nargs in ("*", argparse.REMAINDER) else "*"
                parser.add_argument(f"@{each.name}", nargs=several if each.nargs in _SEVERAL else "?")
        elif each.flags:
            _add(parser, each, list(each.flags), each.action)
        lower = each.name.lower()
        extra = [f"--{each.name}"] if f"--{each.name}" not in given else []
        for spelling in (each.name.replace("_", "-"), lower, lower.replace("_", "-")):
            if f"--{spelling}" not in taken:
                taken.add(f"--{spelling}")
                extra.append(f"--{spelling}")
        if extra:
            plain = "store" if each.action in ("store_true", "store_false", "count") else each.action
            _add(parser, each, extra, plain, switch=_is_switch(each))
    return parser


def _is_switch(each: Option) -> bool:
    return each.annotation is bool or isinstance(each.default, bool)


def _add(
    parser: argparse.ArgumentParser, each: Option, flags: list[str], action: str, *, switch: bool = False
) -> None:
    keywords: dict[str, Any] = {"dest": each.name, "action": action}
    if action in ("store", "append"):
        if switch and each.nargs is None:
            keywords.update(nargs="?", const="true")
        elif each.nargs is not None:
            keywords["nargs"] = each.nargs
    parser.add_argument(*flags, **keywords)


def parse(options: dict[str, Option], arguments: Sequence[str]) -> dict[str, Any]:
    """The settings that a command line gives. Raises `Problem`.

    Where the program reads its command line itself, what is no setting is the text of that line, but for flags.
    """
    parser, line = build_parser(options), options.get("arguments")
    result: dict[str, Any] = {}
    if line is not None and not line.flags and not line.positional and isinstance(line.default, str):
        given, rest = parser.parse_known_intermixed_args(list(arguments))
        if unknown := [each for each in rest if each.startswith("-")]:
            parser.error(f"unrecognized arguments: {unknown[0]}")
        if rest:
            result["arguments"] = shlex.join(rest)
    else:
        given = parser.parse_intermixed_args(list(arguments))
    for key, value in vars(given).items():
        name, at, _ = key.removeprefix("@").partition("@")
        if value is None or (key.startswith("@") and value == []):
            continue
        if at:
            result.setdefault(name, []).append(value)
        else:
            result[name] = _from_command_line(options[name], value)
    for each in options.values():
        if each.positional and isinstance(each.nargs, int) and each.name in result:
            if len(result[each.name]) != each.nargs:
                parser.error(f"{each.name} takes {each.nargs} values, not {len(result[each.name])}")
            result[each.name] = _from_command_line(each, result[each.name])
    return result


def _from_command_line(each: Option, value: Any) -> Any:
    where = "the command line"
    if isinstance(value, list):
        inner = next(iter(get_args(each.annotation)), Any) if is_container(each.annotation) else Any
        single = Option(REQUIRED, {**vars(each), "choices": each.choices, "nargs": None})
        single.name, single.annotation = each.name, inner
        items = [
            [convert(single, part, where) for part in item]
            if isinstance(item, list)
            else convert(single, item, where)
            for item in value
        ]
        if each.action == "append" and isinstance(each.default, list):
            return [*each.default, *items]
        return tuple(items) if get_origin(each.annotation) is tuple else items
    return convert(each, value, where) if isinstance(value, str) else value
