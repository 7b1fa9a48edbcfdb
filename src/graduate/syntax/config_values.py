"""The values of a configuration file, each with its keys and where it stands in the text: YAML, JSON, TOML, INI."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import yaml

FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml", ".ini": "ini", ".cfg": "ini"}
"""How the names of configuration files end, and the format that they have."""

_ENTRY = {
    "toml": re.compile(r"""^\s*(?:"([^"]+)"|'([^']+)'|([\w-]+))\s*=\s*(.+?)\s*$"""),
    "ini": re.compile(r"^\s*(?![\s#;\[])()()([^=:]+?)\s*[=:]\s*(.*?)\s*$"),
}
_SECTION = re.compile(r"^\s*\[([^\[\]]+)\]\s*(?:[#;].*)?$")


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """A value that is no mapping. `start` and `end` are offsets into the text; `line` counts from 1."""

    keys: tuple[str, ...]
    value: Any
    start: int
    end: int
    line: int
    comment: str = ""


def find_format(path: str) -> str:
    """The format of a file by its name, "" for what is no configuration."""
    return next((kind for ending, kind in FORMATS.items() if path.lower().endswith(ending)), "")


def find_values(text: str, kind: str) -> tuple[ConfigValue, ...]:
    """The values in the order in which they stand; () when the text is not of this format."""
    try:
        if kind in ("yaml", "json"):
            return tuple(_in_yaml(text, kind))
        return tuple(_in_lines(text, kind))
    except (yaml.YAMLError, ValueError, configparser.Error, RecursionError, AttributeError):
        return ()


def replace_value(text: str, found: ConfigValue, value: Any, kind: str) -> str:
    """The text with another value in the place of one that was found in it."""
    new = str(value) if kind == "ini" else json.dumps(value)
    if found.start == found.end and kind == "yaml":
        new = f" {new}"  # behind the colon of a key that has none
    return text[: found.start] + new + text[found.end :]


def _in_yaml(text: str, kind: str) -> Iterator[ConfigValue]:
    if kind == "json":
        json.loads(text)
    # JSON is YAML, but for tabs between its tokens.
    loader = yaml.SafeLoader(text.replace("\t", " ") if kind == "json" else text)
    root = loader.get_single_node()
    lines = text.split("\n")

    def walk(node: yaml.Node, keys: tuple[str, ...]) -> Iterator[ConfigValue]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag == "tag:yaml.org,2002:str":
                    yield from walk(value, (*keys, key.value))
            return
        try:
            value = loader.construct_object(node, deep=True)
        except yaml.constructor.ConstructorError:
            return  # a tag of the program's own
        start, end = node.start_mark, node.end_mark
        if kind == "json":
            value = json.loads(text[start.index : end.index])
        stop = start.index + len(text[start.index : end.index].rstrip())
        behind = lines[end.line][end.column :].strip() if end.line < len(lines) else ""
        comment = behind.lstrip("# ") if behind.startswith("#") and start.line == end.line else ""
        yield ConfigValue(keys, value, start.index, stop, start.line + 1, comment)

    if isinstance(root, yaml.MappingNode):
        yield from walk(root, ())


def _in_lines(text: str, kind: str) -> Iterator[ConfigValue]:
    """TOML and INI, whose libraries do not say where a value stands: the lines that hold a whole one."""
    parsed = _parse(text, kind)
    section: tuple[str, ...] = ()
    lines = text.split("\n")
    starts = accumulate((len(line) + 1 for line in lines), initial=0)
    for number, (line, begin) in enumerate(zip(lines, starts, strict=False), 1):
        if header := _SECTION.match(line):
            section = tuple(header[1].strip().split(".")) if kind == "toml" else (header[1],)
            continue
        entry = _ENTRY[kind].match(line)
        if entry is None:
            continue
        name = next(part for part in entry.groups()[:3] if part)
        keys = (*section, name)
        known = _look_up(parsed, (*section, name.lower()) if kind == "ini" else keys)
        raw, comment = _split_comment(entry[4], known, kind)
        if raw is not None:
            start = begin + entry.start(4)
            yield ConfigValue(keys, known, start, start + len(raw), number, comment)


def _parse(text: str, kind: str) -> dict[str, Any]:
    if kind == "toml":
        return tomllib.loads(text)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def _look_up(parsed: dict[str, Any], keys: tuple[str, ...]) -> Any:
    found: Any = parsed
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return found


def _split_comment(written: str, known: Any, kind: str) -> tuple[str | None, str]:
    """The part of a line that is the value `known`, and the comment behind it; None when there is no such part."""
    if kind == "ini":
        return (written, "") if known == written else (None, "")
    for hash_at in (*(m.start() for m in re.finditer("#", written)), len(written)):
        raw = written[:hash_at].rstrip()
        try:
            if tomllib.loads(f"x = {raw}")["x"] == known:
                return raw, written[hash_at:].lstrip("# ")
        except tomllib.TOMLDecodeError:
            continue
    return None, ""
