"""Renders `config/settings.py`: every constant and option as a documented field."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentError, ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NoReturn

from graduate.model.facts import Option, with_own_flags
from graduate.model.project import SETTINGS_FILE

METHODS = frozenset(
    [
        "values", "read", "namespace", "given", "was_given", "describe", "describe_all", "known", "check_required",
        "options", "load",
    ]
)  # fmt: skip
"""The public methods of `ProjectSettings`: a setting of such a name would hide one."""
RESERVED = METHODS | {
    "option", "settings", "Settings", "ProjectSettings", "Any", "Literal", "Path",
    "int", "float", "complex", "str", "bytes", "bool", "list", "tuple", "dict", "set", "frozenset",
}  # fmt: skip
"""Names that the settings module needs for itself, the types in its annotations too."""


def name_of_module_option(path: str, name: str) -> str:
    """What an option of a local module is called in the whole project: `utils.config.LR`."""
    return f"{path.removesuffix('.py').replace('/', '.')}.{name}"


def name_fields(options: Sequence[Option]) -> dict[tuple[str, str], str]:
    """(program, option) → field of Settings. Options of the same name and value share one; others are
    named by the class or the program that they come from. So are fields that differ in case only: they would share
    an environment variable and a flag."""
    fields: dict[tuple[str, str], str] = {}
    taken: dict[str, tuple[str, Option]] = {}

    def as_identifier(dotted: str) -> str:
        return re.sub(r"\W", "_", dotted)

    def is_free(name: str, option: Option) -> bool:
        spelt, other = taken.get(name.lower(), (name, option))
        return spelt == name and _is_same(other, option)

    for option in options:
        owner, _, own = option.name.rpartition(".")
        name = f"{own}_" if own in RESERVED else own
        if owner and not is_free(name, option):
            name = f"{as_identifier(owner.rpartition('.')[2])}_{own}"
        if not is_free(name, option):
            name = f"{option.program or as_identifier(owner)}_{name}"
        if not is_free(name, option):
            name = f"{option.program}_{option.kind}_{own}"
        taken.setdefault(name.lower(), (name, option))
        fields[option.program, option.name] = name
    return fields


def _is_same(one: Option, other: Option) -> bool:
    if one is other:
        return True
    # A value in a file is set there: no two of them are one setting.
    return "file" not in (one.kind, other.kind) and (one.annotation, one.default, one.kind, one.flags) == (
        other.annotation,
        other.default,
        other.kind,
        other.flags,
    )


class _Parser(ArgumentParser):
    """Raises where others end the process."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def start_with(options: Sequence[Option], arguments: Sequence[str]) -> tuple[Option, ...]:
    """Options whose defaults are what the command line `arguments` of the research program gave them."""
    # Sub-commands may have the same flag, each for an option of its own.
    parser = _Parser(add_help=False, conflict_handler="resolve")
    for option in options:
        if option.keys:
            continue  # hydra's, whose text stays on the line
        keywords: dict[str, object] = {"default": None}
        if option.action == "store":
            nargs = option.nargs.strip("'\"") if option.nargs else None
            keywords["nargs"] = int(nargs) if nargs and nargs.isdigit() else nargs
        else:
            keywords["action"] = option.action
        if option.flags:
            parser.add_argument(*option.flags, dest=option.name, **keywords)  # type: ignore[arg-type]
        else:
            parser.add_argument(option.name, **keywords)  # type: ignore[arg-type]
    try:
        given, _ = parser.parse_known_args(list(arguments))
    except (ValueError, TypeError, ArgumentError):
        return tuple(options)
    found = []
    for option in options:
        value = getattr(given, option.name, None)
        if option.keys:
            head = f"{'.'.join(option.keys)}="
            value = next((a.removeprefix(head) for a in reversed(arguments) if a.startswith(head)), None)
        if value is None or option.action == "count":
            found.append(option)
        else:
            found.append(replace(option, default=_literal(value, option.annotation), required=False))
    return tuple(found)


def _literal(value: object, annotation: str) -> str:
    """Command-line text as source of the annotated type."""
    if isinstance(value, list):
        inner = annotation.partition("[")[2].rpartition("]")[0] or "str"
        return "[" + ", ".join(_literal(v, inner) for v in value) + "]"
    if isinstance(value, bool):
        return repr(value)
    text = str(value)
    kinds = {part.strip() for part in annotation.split("|")}
    try:
        if "int" in kinds:
            return repr(int(text))
        if "float" in kinds:
            return repr(float(text))
    except ValueError:
        return repr(text)
    if "bool" in kinds:
        return repr(bool(text))
    if "Path" in kinds:
        return f"Path({text!r})"
    return repr(text)


def arguments_option(program: str, arguments: Sequence[str], option_place: Option | None = None) -> str:
    """The text of a whole command line as a Python literal."""
    return repr(shlex.join(arguments))


def choose_settings_file(data: Iterable[str], name: str) -> str:
    """The project's settings file: `configs/default.yaml`, unless the research code has a file of that name."""
    taken = set(data)
    candidates = (
        SETTINGS_FILE,
        "configs/settings.yaml",
        f"configs/{name}.yaml",
        f"configs/{name}_settings.yaml",
    )
    return next((path for path in candidates if path not in taken), SETTINGS_FILE)


def render_settings(title: str, fields: Iterable[tuple[str, Option]], file: str = SETTINGS_FILE) -> str:
    """The text of the settings module; `fields` are (field name, option), each name once."""
    lines = [
        f'"""The settings of {title}: {file}, then environment variables, then the command line."""',
        "",
        "from __future__ import annotations",
        "",
    ]
    unique: dict[str, Option] = {}
    for name, option in fields:
        unique.setdefault(name, option)
    body = [
        line
        for name, option in zip(unique, with_own_flags(unique.values()), strict=True)
        for line in _field(name, option)
    ]
    annotations = " ".join(body)
    if "Path" in annotations:
        lines += ["from pathlib import Path", ""]
    if "Literal[" in annotations or "Any" in annotations:
        needed = [n for n in ("Any", "Literal") if n in annotations]
        lines += [f"from typing import {', '.join(needed)}", ""]
    imported = "ProjectSettings, option" if body else "ProjectSettings"
    lines += [f"from ..utils.configuration import {imported}", "", ""]
    lines += ["class Settings(ProjectSettings):"]
    if body:
        lines += [
            '    """What can be changed without touching the code; the names are those of the research code."""',
            "",
        ]
        lines += body
    else:
        lines += ['    """The research code has no constants or options that could be settings."""']
    given = "" if file == SETTINGS_FILE else f'"{file}"'
    lines += ["", "", f"settings = Settings.load({given})", ""]
    return "\n".join(lines)


def _field(name: str, option: Option) -> list[str]:
    arguments = ["..." if option.required else option.default]
    if option.help:
        arguments.append(f"help={option.help!r}")
    if option.flags:
        flags = ", ".join(f'"{f}"' for f in option.flags)
        arguments.append(f"flags=({flags}{',' if len(option.flags) == 1 else ''})")
    if option.action != "store":
        arguments.append(f'action="{option.action}"')
    if option.nargs:
        arguments.append(f"nargs={option.nargs}")
    if option.choices:
        arguments.append(f"choices=({', '.join(option.choices)},)")
    if option.kind == "environment":
        arguments.append(f'variable="{option.keys[0]}"')
    if option.kind == "file":
        arguments.append(f"within={(option.place.path, *option.keys)!r}")
    for flag in ("positional", "required", "secret"):
        if getattr(option, flag):
            arguments.append(f"{flag}=True")
    line = f"    {name}: {option.annotation} = option({', '.join(arguments)})"
    if len(line) <= 110:
        return [line]
    inner = [f"        {a}," for a in arguments]
    return [f"    {name}: {option.annotation} = option(", *inner, "    )"]
