"""The values of the configuration that hydra composes, which its command line sets by their keys: `model.width=8`."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator
from dataclasses import replace

from graduate.analyse.config_files import make_option
from graduate.model.facts import Option
from graduate.model.source import SourceModule, Sources
from graduate.syntax.config_values import ConfigValue, find_values
from graduate.syntax.imports import qualified_names, qualify
from graduate.syntax.nodes import dotted, list_nodes, parse


def find_hydra_options(sources: Sources, module: SourceModule) -> tuple[Option, ...]:
    """The plain values of the primary configuration of a program and of the groups that its defaults list chooses."""
    texts = dict(sources.texts)
    found: dict[str, Option] = {}
    for path in _find_primary(module):
        for file, prefix, value in _values(texts, path):
            is_open = isinstance(value.value, str) and ("${" in value.value or value.value == "???")
            option = make_option(
                file, posixpath.splitext(path)[0], replace(value, keys=(*prefix, *value.keys))
            )
            if option is not None and not is_open and value.keys[0] not in ("defaults", "hydra"):
                found.setdefault(option.name, replace(option, kind="argument"))
    return tuple(found.values())


def _find_primary(module: SourceModule) -> Iterator[str]:
    """The file that `@hydra.main(config_path="conf", config_name="config")` names."""
    nodes = list_nodes(parse(module.text))
    imports = qualified_names(nodes[:1])
    for node in nodes:
        if isinstance(node, ast.Call) and qualify(dotted(node.func), imports) == "hydra.main":
            given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
            folder, name = given.get("config_path"), given.get("config_name")
            if isinstance(name, str):
                file = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
                yield posixpath.normpath(
                    posixpath.join(posixpath.dirname(module.path), str(folder or "."), file)
                )


def _values(texts: dict[str, str], path: str) -> Iterator[tuple[str, tuple[str, ...], ConfigValue]]:
    """The values of the file and of its groups, each with its file and the keys that lead to the group."""
    text = texts.get(path, "")
    for value in find_values(text, "yaml"):
        yield path, (), value
        if value.keys != ("defaults",) or not isinstance(value.value, list):
            continue
        for entry in value.value:
            for group, choice in entry.items() if isinstance(entry, dict) else ():
                name = str(group).removeprefix("optional ").removeprefix("override ")
                file = posixpath.join(posixpath.dirname(path), name, f"{choice}.yaml")
                if "@" in name or "_global_" in texts.get(file, "").split("\n")[0]:
                    continue
                for inner in find_values(texts.get(file, ""), "yaml"):
                    yield file, tuple(name.split("/")), inner
