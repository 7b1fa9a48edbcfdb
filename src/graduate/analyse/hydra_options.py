"""The values of the configuration that hydra composes, which its command line sets by their keys: `model.width=8`."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator
from dataclasses import replace

from graduate.analyse.config_files import make_option
from graduate.model.facts import Option
from graduate.model.source import Place, SourceModule, Sources
from graduate.syntax.config_values import ConfigValue, find_values
from graduate.syntax.imports import qualified_names, qualify
from graduate.syntax.nodes import dotted, list_nodes, parse

_YAML = (".yaml", ".yml")
_MULTIRUN = Option(
    name="multirun",
    annotation="bool",
    default="False",
    place=Place(""),
    kind="argument",
    help="hydra runs every combination of the values that are given with commas",
    flags=("-m", "--multirun"),
    action="store_true",
)


def find_hydra_options(sources: Sources, module: SourceModule) -> tuple[Option, ...]:
    """What the primary configuration of a program chooses of its groups, and the plain values of it and of these."""
    texts = dict(sources.texts)
    found: dict[str, Option] = {}
    for path, line in _find_primary(module):
        for choice in _find_choices(texts, path):
            found.setdefault(choice.name, choice)
        for file, prefix, value in _values(texts, path):
            is_open = isinstance(value.value, str) and ("${" in value.value or value.value == "???")
            option = make_option(
                file, posixpath.splitext(path)[0], replace(value, keys=(*prefix, *value.keys))
            )
            if option is not None and not is_open and value.keys[0] not in ("defaults", "hydra"):
                found.setdefault(option.name, replace(option, kind="argument"))
        # The last one, since hydra's parser takes all values at once: before its flags or after them.
        found.setdefault("multirun", replace(_MULTIRUN, place=Place(module.path, line, line)))
    return tuple(found.values())


def _find_primary(module: SourceModule) -> Iterator[tuple[str, int]]:
    """The file, and the line, that `@hydra.main(config_path="conf", config_name="config")` names."""
    nodes = list_nodes(parse(module.text))
    imports = qualified_names(nodes[:1])
    for node in nodes:
        if isinstance(node, ast.Call) and qualify(dotted(node.func), imports) == "hydra.main":
            given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
            folder, name = given.get("config_path"), given.get("config_name")
            if isinstance(name, str):
                file = name if name.endswith(_YAML) else f"{name}.yaml"
                path = posixpath.join(posixpath.dirname(module.path), str(folder or "."), file)
                yield posixpath.normpath(path), node.lineno


def _find_choices(texts: dict[str, str], path: str) -> Iterator[Option]:
    """A setting for each group of which the defaults list chooses one file: `model=big` chooses another."""
    for line, group, choice in _list_defaults(texts.get(path, "")):
        folder = posixpath.join(posixpath.dirname(path), group.partition("@")[0])
        files = (file for file in texts if posixpath.dirname(file) == folder)
        names = sorted(posixpath.splitext(posixpath.basename(f))[0] for f in files if f.endswith(_YAML))
        if choice not in names:
            continue
        value = ConfigValue(tuple(group.split("/")), choice, 0, 0, line)
        option = make_option(path, posixpath.splitext(path)[0], value)
        if option is not None:
            spelt = replace(option, kind="argument", keys=(group,), choices=tuple(map(repr, names)))
            yield replace(spelt, help=f"the file of {folder} that is used")


def _list_defaults(text: str) -> Iterator[tuple[int, str, str]]:
    """The line, the group and the choice of each entry of the defaults list; hydra's own groups are left out."""
    for value in find_values(text, "yaml"):
        if value.keys != ("defaults",) or not isinstance(value.value, list):
            continue
        for entry in value.value:
            for group, choice in entry.items() if isinstance(entry, dict) else ():
                name = str(group).removeprefix("optional ").removeprefix("override ").removeprefix("/")
                if isinstance(choice, str) and name.partition("/")[0] != "hydra":
                    yield value.line, name, choice


def _values(texts: dict[str, str], path: str) -> Iterator[tuple[str, tuple[str, ...], ConfigValue]]:
    """The values of the file and of its groups, each with its file and the keys that lead to the group."""
    text = texts.get(path, "")
    for value in find_values(text, "yaml"):
        yield path, (), value
    for _, group, choice in _list_defaults(text):
        file = posixpath.join(posixpath.dirname(path), group, f"{choice}.yaml")
        if "@" in group or "_global_" in texts.get(file, "").split("\n")[0]:
            continue
        for inner in find_values(texts.get(file, ""), "yaml"):
            yield file, tuple(group.split("/")), inner
