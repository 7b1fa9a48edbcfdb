"""Console scripts: commands that an installed project would have, each a call of a function of one of its modules."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graduate.model.source import Place, SourceModule
from graduate.read.parsing import parse_python
from graduate.read.programs import Seen
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.scopes import bound_names

_ENTRY = re.compile(r"\s*([\w.-]+)\s*=\s*([\w.]+)\s*:\s*(\w+)\s*(\[.*\])?\s*")


@dataclass(frozen=True, slots=True)
class Script:
    """The command `name` calls `function` of `module`; `place` is where that is said."""

    name: str
    module: str
    function: str
    place: Place


def find_scripts(texts: Sequence[tuple[str, str]]) -> list[Script]:
    """Those that pyproject.toml, setup.cfg and setup.py at the top declare."""
    found: dict[str, Script] = {}
    for path, text in texts:
        for name, module, function in _READERS.get(path, _read_nothing)(text):
            line = next(
                (n for n, each in enumerate(text.split("\n"), 1) if f"{module}:{function}" in each), 1
            )
            found.setdefault(name, Script(name, module, function, Place(path, line, line)))
    return list(found.values())


def make_modules(
    scripts: Sequence[Script], modules: Sequence[SourceModule], seen: Sequence[Seen], files: Collection[str]
) -> dict[str, SourceModule]:
    """A module for each script that is no program already, by its name: it imports the function and calls it."""
    local = LocalModules(tuple(module.path for module in modules))
    by_path = {module.path: module for module in modules}
    programs = {one.path: one for one in seen if one.guarded or one.drives}
    started = {path for one in programs.values() for path in one.imports}
    made = {}
    for script in scripts:
        target = local.find_module("setup.py", 0, script.module) or local.find_module(
            "src/x.py", 0, script.module
        )
        if not target or target in programs or target in started or target not in by_path:
            continue
        if script.function in bound_names(parse_python(by_path[target].text).body):
            path = _free_path(script.name, {*by_path, *files})
            text = f"from {script.module} import {script.function}\n\n{script.function}()\n"
            places = (script.place,) * (text.count("\n") + 1)
            made[script.name] = SourceModule(path, "script", text, places)
    return made


def _free_path(name: str, files: Collection[str]) -> str:
    stem = re.sub(r"\W", "_", name)
    tops = {path.split("/")[0].removesuffix(".py") for path in files}
    while stem in tops:
        stem = f"run_{stem}"
    return f"{stem}.py"


def _read_nothing(_: str) -> Iterator[tuple[str, str, str]]:
    return iter(())


def _entries(lines: Collection[str]) -> Iterator[tuple[str, str, str]]:
    for line in lines:
        if match := _ENTRY.fullmatch(line):
            yield match[1], match[2], match[3]


def _read_pyproject(text: str) -> Iterator[tuple[str, str, str]]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    for keys in (("project", "scripts"), ("tool", "poetry", "scripts")):
        table: Any = data
        for key in keys:
            table = table.get(key, {}) if isinstance(table, dict) else {}
        if isinstance(table, dict):
            yield from _entries([f"{name}={value}" for name, value in table.items()])


def _read_setup_config(text: str) -> Iterator[tuple[str, str, str]]:
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(text)
    except configparser.Error:
        return
    yield from _entries(config.get("options.entry_points", "console_scripts", fallback="").split("\n"))


def _read_setup(text: str) -> Iterator[tuple[str, str, str]]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    if "console_scripts" in text:
        texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
        yield from _entries([line for each in texts for line in each.split("\n")])


_READERS = {
    "pyproject.toml": _read_pyproject,
    "setup.cfg": _read_setup_config,
    "setup.py": _read_setup,
}
