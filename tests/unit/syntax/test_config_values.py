"""Values of configuration files: what they are, where they stand, and another one in their place."""

from __future__ import annotations

import ast
import configparser
import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from graduate.syntax.config_loads import find_config_loads, may_load
from graduate.syntax.config_values import find_values, replace_value
from graduate.syntax.imports import qualified_names
from graduate.syntax.nodes import list_nodes

YAML = """\
# all of it
model: {width: 8, act: relu}   # a mapping
train:
  lr: 1e-2   # text, to YAML 1.1
  sizes:
    - 1
    - 2
  name: 'a: "b" # c'
  none:
base: &base {x: 1}
other:
  <<: *base
3: ignored
"""
JSON = '{\n\t"a": {"b": [1, 2.5], "c": "x\\ty"},\n\t"d": 1e-3, "e": null, "é": true\n}\n'
TOML = 'a = 1_000  # many\n"b c" = "x # y"\n[t.u]\nlist = [1, 2]\nlong = [\n 1,\n 2]\nday = 2020-01-01\n'
INI = "[one]\n  Lr = 5e-4\nname: a = b\n# c = 3\nempty =\n[two]\nflag=yes\n"


def _ini(text: str) -> Any:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


LOADS: dict[str, Callable[[str], Any]] = {
    "yaml": yaml.safe_load, "json": json.loads, "toml": tomllib.loads, "ini": _ini
}  # fmt: skip


def _get(loaded: Any, keys: tuple[str, ...], kind: str) -> Any:
    for key in keys[:-1]:
        loaded = loaded[key]
    return loaded[keys[-1].lower() if kind == "ini" else keys[-1]]


@pytest.mark.parametrize(
    ("kind", "text", "count"), [("yaml", YAML, 7), ("json", JSON, 5), ("toml", TOML, 4), ("ini", INI, 4)]
)
def test_each_value_is_what_the_library_reads_and_can_be_replaced(kind: str, text: str, count: int) -> None:
    load = LOADS[kind]
    found = find_values(text, kind)
    assert len(found) == count
    for value in found:
        assert _get(load(text), value.keys, kind) == value.value
        assert text.split("\n")[value.line - 1].strip()
        changed = load(replace_value(text, value, "new", kind))
        assert _get(changed, value.keys, kind) == "new"
        for other in found:
            if other.keys != value.keys:
                assert _get(changed, other.keys, kind) == other.value


def test_comments_behind_values_are_kept_as_help() -> None:
    assert [v.comment for v in find_values(YAML, "yaml") if v.keys[-1] == "lr"] == ["text, to YAML 1.1"]
    assert [v.comment for v in find_values(TOML, "toml") if v.keys[-1] == "a"] == ["many"]


@pytest.mark.parametrize(
    ("kind", "text"), [("yaml", "a: [1"), ("json", "{'a': 1}"), ("toml", "a ="), ("ini", "x")]
)
def test_what_is_not_of_the_format_has_no_values(kind: str, text: str) -> None:
    assert find_values(text, kind) == ()


CODE = """\
import configparser, json, yaml
from omegaconf import OmegaConf as oc
with open("data/labels.json") as f:
    labels = json.load(f)
with open("config.json") as g:
    options = json.load(g)
config = yaml.load(open(path), Loader=yaml.FullLoader)
more = oc.load("more.yaml")
parser = configparser.ConfigParser()
parser.read("run.ini")
other.read("run.ini")
def read_json(path):
    return json.load(open(path))
def points(path):
    return json.load(open(path))
"""


def test_loads_of_configurations_are_told_from_those_of_data() -> None:
    nodes = list_nodes(ast.parse(CODE))
    found = {
        (load.call.lineno, load.format, load.path)
        for load in find_config_loads(nodes, qualified_names(nodes))
    }
    assert found == {
        (6, "json", "config.json"), (7, "yaml", ""), (8, "yaml", "more.yaml"), (10, "ini", "run.ini"), (13, "json", ""),
    }  # fmt: skip


def test_a_load_that_names_a_file_loads_no_other() -> None:
    nodes = list_nodes(ast.parse('import yaml\nyaml.safe_load(open("conf/a.yaml"))\n'))
    (load,) = find_config_loads(nodes, qualified_names(nodes))
    assert [may_load(load, path) for path in ("conf/a.yaml", "conf/b.yaml", "a.json")] == [True, False, False]
