"""Settings that shrink a run, applied to both sides: `epochs=1`."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from graduate.errors import VerifyError
from graduate.model.source import Program, SourceModule
from graduate.syntax.config_classes import find_config_fields
from graduate.syntax.config_values import find_format, find_values, replace_value
from graduate.verify.conversion_record import Conversion, ProjectOption


@dataclass(frozen=True, slots=True)
class Override:
    """A field of the project's settings and the value given for it, as text."""

    option: ProjectOption
    value: str


def read_overrides(settings: Sequence[str], conversion: Conversion) -> tuple[Override, ...]:
    """The overrides in `NAME=VALUE` texts. Raises VerifyError for a name that is no setting."""
    found = []
    for text in settings:
        name, equals, value = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        options = [o for o in conversion.options if name in o.names()]
        exact = [o for o in options if o.field == name]
        if not equals or not options:
            known = sorted({o.field for o in conversion.options})
            raise VerifyError(
                f"{text!r} does not set a setting of this project.",
                why="write NAME=VALUE" if not equals else f"there is no setting {name!r}",
                fix="one of: " + ", ".join(known) if known else "the project has no settings",
            )
        found += [Override(option, value) for option in exact or options]
    # In the order in which the project puts them on a command line: a program may print what it is given.
    return tuple(sorted(found, key=lambda override: conversion.options.index(override.option)))


def project_arguments(overrides: Iterable[Override]) -> tuple[str, ...]:
    """The command line of the project with these settings, but for switches."""
    given = {o.option.field: o for o in overrides if not o.option.is_switch}
    arguments: list[str] = []
    for name, override in given.items():
        arguments += _given(f"--{name}", override.option, override.value)
    return tuple(arguments)


def project_variables(overrides: Iterable[Override], package: str) -> dict[str, str]:
    """The environment variables for switches, whose flags could only be turned one way."""
    switches = [o for o in overrides if o.option.is_switch]
    return {f"{package}_{o.option.field}".upper(): o.value for o in switches}


def program_variables(overrides: Iterable[Override]) -> dict[str, str]:
    """The environment variables of the research programs that are set."""
    return {o.option.keys[0]: o.value for o in overrides if o.option.kind == "environment"}


def program_arguments(program: Program, overrides: Iterable[Override]) -> tuple[str, ...]:
    """The command line of a research program with these settings; what is given last wins."""
    arguments = list(program.arguments)
    for override in overrides:
        option = override.option
        if option.program not in ("", program.name):
            continue
        if option.kind == "argument" and option.keys:
            arguments.append(f"{'.'.join(option.keys)}={override.value}")
        elif option.kind == "argument":
            if option.is_switch:
                arguments = [each for each in arguments if each not in option.flags]
            arguments += _flags(option, override.value)
        elif option.names()[-1] == "arguments":
            arguments = shlex.split(override.value)
    return tuple(arguments)


def _flags(option: ProjectOption, value: str) -> list[str]:
    long = [flag for flag in option.flags if flag.startswith("--")]
    flag = (long or list(option.flags) or [""])[0]
    if option.positional or not flag:
        raise VerifyError(
            f"{option.field} is given by position, so it cannot be set for the verification.",
            fix="leave it as the research code has it",
        )
    if option.action == "count":
        return [flag] * int(value) if value.isdecimal() else []
    if option.is_switch:
        wanted = value.lower() in ("true", "1", "yes", "on")
        return [flag] if wanted == (option.action == "store_true") else []
    return _given(flag, option, value)


def _given(flag: str, option: ProjectOption, value: str) -> list[str]:
    """A flag with its value, or with its values where it takes several."""
    if option.takes_several:
        return [flag, *shlex.split(value)]
    return [f"{flag}={value}"] if flag.startswith("--") else [flag, value]


def rewrite_module(module: SourceModule, overrides: Iterable[Override]) -> str:
    """The text of a local module with its constants and fields set to the given values."""
    text = module.text
    for override in overrides:
        option = override.option
        if option.kind == "constant" and not option.program and option.path == module.path:
            tree = ast.parse(text)
            values = {n.lineno: n.value for n in _statements(tree) if n.value is not None}
            values |= {field.statement.lineno: field.default for field in find_config_fields(tree.body)}
            line = next((n for n in values if module.place(n).line == option.line), 0)
            if not line:
                raise _not_found(option, module.path)
            text = _replace(text, values[line], _literal(values[line], override.value))
    return text


def rewrite_files(root: Path, overrides: Iterable[Override]) -> None:
    """Set the values of configuration files below `root`. Raises VerifyError when a file has no such value."""
    for override in overrides:
        option = override.option
        if option.kind != "file":
            continue
        path = root / option.path
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
        kind = find_format(option.path)
        found = next((each for each in find_values(text, kind) if each.keys == option.keys), None)
        if found is None:
            raise _not_found(option, option.path)
        value = override.value if isinstance(found.value, str) else yaml.safe_load(override.value)
        if isinstance(found.value, float) and type(value) is int:
            value = float(value)
        path.write_text(replace_value(text, found, value, kind), encoding="utf-8")


def rewrite_constants(module: SourceModule, program: Program, overrides: Iterable[Override]) -> str:
    """The text of an entry module with its constants set to the given values."""
    text = module.text
    for override in overrides:
        option = override.option
        if option.kind == "constant" and option.program == program.name:
            text = _rewrite(text, option, override.value, module.path)
    return text


def _rewrite(text: str, option: ProjectOption, value: str, path: str) -> str:
    tree = ast.parse(text)
    for name in option.names():
        constants = [n.value for n in _statements(tree) if _target(n) == name and n.value is not None]
        fields = [
            field.default
            for field in find_config_fields(tree.body)
            if name in (field.attribute, f"{field.owner.rpartition('.')[2]}_{field.attribute}")
        ]
        for old in (*constants, *fields):
            return _replace(text, old, _literal(old, value))
        if name == "arguments":
            return text
    raise _not_found(option, path)


def _not_found(option: ProjectOption, path: str) -> VerifyError:
    return VerifyError(
        f"The {'value' if option.keys else 'constant'} {option.field} was not found in the research code.",
        where=path,
        fix="convert again, so that the project fits the source",
    )


def _statements(tree: ast.Module) -> list[ast.Assign | ast.AnnAssign]:
    """Assignments at the top level, and in the blocks and the functions whose body is the spine."""
    bodies = [tree.body]
    bodies += [n.body for n in tree.body if isinstance(n, (ast.If, ast.FunctionDef))]
    return [n for body in bodies for n in body if isinstance(n, (ast.Assign, ast.AnnAssign)) and n.value]


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def _literal(old: ast.expr, value: str) -> str:
    """The value as source: text stays text where the constant was text."""
    if isinstance(old, ast.Constant) and isinstance(old.value, str):
        return repr(value)
    try:
        return repr(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        words = {"true": "True", "false": "False", "none": "None", "null": "None"}
        return words.get(value.lower(), repr(value))


def _replace(text: str, node: ast.expr, new: str) -> str:
    lines = text.splitlines(keepends=True)
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before = lines[first].encode()[: node.col_offset].decode()
    after = lines[last].encode()[node.end_col_offset :].decode()
    # A value over several lines leaves its lines empty, so that all other lines keep their number.
    blank = "".join("\n" for _ in range(last - first))
    return "".join([*lines[:first], before, new, after.rstrip("\n"), "\n", blank, *lines[last + 1 :]])
