"""Classes and objects that hold the configuration of a program: `class Config: lr = 0.1`, dataclasses, attrs classes;
`cfg.lr = 0.1` where `cfg` is made by yacs, EasyDict and their like.

A class is one by its name and its shape: besides a docstring and methods it has only fields. The class attributes and
defaults of others belong to the code, and nobody would look for them in the settings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from graduate.syntax.imports import qualify
from graduate.syntax.nodes import dotted

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAMED = re.compile(
    r"config(uration)?s?|cfgs?|conf|args?|arguments?|h?params?|parameters?|hyper\w*|settings?|opts?|options?|flags?|constants?"
)
_PARSERS = frozenset({"tyro", "simple_parsing", "pyrallis", "draccus", "jsonargparse", "datargs", "dargs"})
_BASES = frozenset({"object", "NamedTuple", "typing.NamedTuple", "BaseModel", "pydantic.BaseModel"})
_OBJECTS = frozenset(
    {
        *("CfgNode", "CN", "EasyDict", "edict", "ConfigDict", "SimpleNamespace", "Namespace"),
        *("AttrDict", "DotMap", "Box", "Munch"),
    }
)
"""What makes an object that only holds values, by the last part of its name."""
_FIELD_CALLS = frozenset(
    {"field", "dataclasses.field", "attr.ib", "attrs.field", "attr.field", "Field", "pydantic.Field"}
)


@dataclass(frozen=True, slots=True)
class ConfigField:
    """A field with its default: the statement, and the expression of the default in it.

    `help` is what `metadata={"help": …}` says. `name` is what code writes: `Config.lr`.
    """

    owner: str
    attribute: str
    statement: ast.Assign | ast.AnnAssign
    default: ast.expr
    help: str = ""

    @property
    def name(self) -> str:
        return f"{self.owner}.{self.attribute}"


def find_config_fields(body: Sequence[ast.stmt]) -> Iterator[ConfigField]:
    """The fields with a default of the configuration classes and objects among these statements, that are assigned
    once."""
    yield from _find_object_fields(body)
    for node in body:
        if not isinstance(node, ast.ClassDef) or not _is_configuration(node):
            continue
        fields = [
            field for statement in node.body if (field := _read_field(node.name, statement)) is not None
        ]
        names = [field.attribute for field in fields]
        yield from (field for field in fields if names.count(field.attribute) == 1)


def _find_object_fields(body: Sequence[ast.stmt]) -> Iterator[ConfigField]:
    assigned = [
        (dotted(node.targets[0]), node)
        for node in body
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and dotted(node.targets[0])
    ]
    names = [name for name, _ in assigned]
    objects = {
        name
        for name, node in assigned
        if isinstance(node.value, ast.Call) and dotted(node.value.func).rpartition(".")[2] in _OBJECTS
    }
    for name, node in assigned:
        owner, _, attribute = name.rpartition(".")
        is_once = names.count(name) == 1 and names.count(name.partition(".")[0]) == 1
        if owner in objects and is_once and name not in objects:
            yield ConfigField(owner, attribute, node, node.value)


def find_parsed_classes(nodes: Iterable[ast.AST], imports: dict[str, str]) -> dict[str, str]:
    """The classes that a library reads the command line into, each with that library: `tyro.cli(Args)`.

    Their values come from that line, so that a default has no say where the line has one.
    """
    found: dict[str, str] = {}
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        called = qualify(dotted(node.func), imports)
        library = called.partition(".")[0]
        is_parser = library in _PARSERS or called.endswith((".HfArgumentParser", ".add_arguments"))
        for value in (*node.args, *(keyword.value for keyword in node.keywords)) if is_parser else ():
            names = [each.id for each in ast.walk(value) if isinstance(each, ast.Name)]
            found.update(dict.fromkeys(names, library))
    return found


def _is_configuration(node: ast.ClassDef) -> bool:
    if not any(_NAMED.fullmatch(word.lower()) for word in _WORDS.findall(node.name)) or node.keywords:
        return False
    if any(dotted(base) not in _BASES for base in node.bases):
        return False
    kinds = (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.Pass)
    return all(isinstance(each, kinds) or _is_docstring(each) for each in node.body)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _read_field(owner: str, statement: ast.stmt) -> ConfigField | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    if not isinstance(target, ast.Name) or target.id.startswith("_") or statement.value is None:
        return None
    value = statement.value
    if not isinstance(value, ast.Call):
        return ConfigField(owner, target.id, statement, value)
    if dotted(value.func) not in _FIELD_CALLS:
        return None
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    default = given.get("default")
    return None if default is None else ConfigField(owner, target.id, statement, default, _find_help(given))


def _find_help(given: dict[str | None, ast.expr]) -> str:
    for name in ("help", "description"):
        if isinstance(given.get(name), ast.Constant):
            return str(getattr(given[name], "value", ""))
    match given.get("metadata"):
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "help":
                    return str(value.value) if isinstance(value, ast.Constant) else ""
    return ""
