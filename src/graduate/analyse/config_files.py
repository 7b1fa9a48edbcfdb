"""The values of the configuration files that the code loads, as settings."""

from __future__ import annotations

import ast
import keyword
import math
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graduate.analyse.literals import infer_annotation
from graduate.analyse.settings import MAX_STRING, OPTIONAL_SCALAR, is_secret
from graduate.model.facts import DataFile, Option
from graduate.model.source import Place, Sources
from graduate.syntax.config_loads import find_config_loads, is_configuration, may_load
from graduate.syntax.config_values import ConfigValue, find_format, find_values
from graduate.syntax.imports import qualified_names
from graduate.syntax.nodes import list_nodes, parse

_MOST_VALUES = 300
_LONGEST_LIST = 30


def find_file_options(sources: Sources, files: Iterable[DataFile]) -> tuple[Option, ...]:
    """The scalars and flat lists of the configuration files that some module loads and that the code names.

    A file with very many values is data, and one that is only found by a pattern is one of many.
    """
    loads, words = [], set(_words_of_arguments(sources))
    for module in sources.modules:
        nodes = list_nodes(parse(module.text))
        loads += [
            (posixpath.dirname(module.path), load)
            for load in find_config_loads(nodes, qualified_names(nodes[:1]))
        ]
        words |= {
            _plain(base, node.value)
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and find_format(node.value)
            for base in ("", posixpath.dirname(module.path))
        }
    texts = dict(sources.texts)
    found: list[Option] = []
    for file in files:
        text = texts.get(file.path)
        if text is None or not file.copied or not is_configuration(file.path):
            continue
        known = [load for _, load in loads if may_load(load, file.path)]
        is_named = file.path in words or _ends_one_path(file.path, texts, words)
        if any(load.path for load in known) or (known and is_named):
            found += _options(file.path, text, {option.name for option in found})
    return tuple(found)


def _ends_one_path(path: str, paths: Iterable[str], words: set[str]) -> bool:
    """Whether a word is the end of this path and of no other: code may put a folder before it."""
    ends = {path[at + 1 :] for at, character in enumerate(path) if character == "/"} & words
    return any(sum(other.endswith(f"/{end}") or other == end for other in paths) == 1 for end in ends)


def _words_of_arguments(sources: Sources) -> Iterator[str]:
    for program in sources.programs:
        for argument in program.arguments:
            for word in (argument, argument.partition("=")[2]):
                yield from (_plain(base, word) for base in ("", program.folder) if word)


def _plain(base: str, path: str) -> str:
    path = posixpath.normpath(posixpath.join(base, path))
    while path.startswith("../"):
        path = path[3:]
    return path


def _options(path: str, text: str, taken: set[str]) -> list[Option]:
    values = find_values(text, find_format(path))
    if len(values) > _MOST_VALUES:
        return []
    owner = posixpath.splitext(path)[0]
    options = [each for value in values if (each := make_option(path, owner, value)) is not None]
    if taken.intersection(option.name for option in options):
        options = [each for value in values if (each := make_option(path, path, value)) is not None]
    names = [option.name for option in options]
    return [option for option in options if names.count(option.name) == 1]


def make_option(path: str, owner: str, value: ConfigValue) -> Option | None:
    """The setting that a value of the file `path` is, called by `owner` and its keys; None when it can be none."""
    names = [re.sub(r"\W", "_", key) for key in value.keys]
    annotation = _annotation(value.value)
    if annotation is None or not names[-1].isidentifier() or names[-1].startswith("_"):
        return None
    names[-1] += "_" if keyword.iskeyword(names[-1]) else ""
    parts = [re.sub(r"\W", "_", part) for part in owner.split("/")]
    return Option(
        name=".".join([*parts, *names]),
        annotation=annotation,
        default=repr(value.value),
        place=Place(path, value.line, value.line),
        kind="file",
        help=value.comment,
        secret=isinstance(value.value, str) and is_secret(names[-1], value.value),
        keys=value.keys,
    )


def _annotation(value: Any) -> str | None:
    items: Sequence[Any] = value if isinstance(value, list) else [value]
    if len(items) > _LONGEST_LIST or any(
        not isinstance(item, (bool, int, float, str, type(None))) for item in items
    ):
        return None
    if any(isinstance(item, float) and not math.isfinite(item) for item in items):
        return None
    if any(isinstance(item, str) and (len(item) > MAX_STRING or "\n" in item) for item in items):
        return None
    return OPTIONAL_SCALAR if value is None else infer_annotation(value)
