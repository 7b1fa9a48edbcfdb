"""The calls that load a configuration file: `yaml.safe_load(f)`, `json.load(f)`, `parser.read("run.ini")`."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graduate.syntax.config_values import find_format
from graduate.syntax.file_uses import evaluate_path, find_constants
from graduate.syntax.imports import qualify
from graduate.syntax.nodes import dotted

_LOADERS = {
    **dict.fromkeys(("yaml.safe_load", "yaml.load", "yaml.full_load", "yaml.unsafe_load"), "yaml"),
    **dict.fromkeys(("omegaconf.OmegaConf.load", "omegaconf.omegaconf.OmegaConf.load"), "yaml"),
    **dict.fromkeys(("json.load", "json.loads"), "json"),
    **{f"{name}.{load}": "toml" for name in ("toml", "tomli", "tomllib", "tomlkit") for load in ("load", "loads")},
}  # fmt: skip
_PARSERS = frozenset(
    f"configparser.{name}" for name in ("ConfigParser", "RawConfigParser", "SafeConfigParser")
)
_NAMED = re.compile(
    r"(^|[^a-z])(config(uration)?s?|cfgs?|conf|args?|h?params?|parameters?|hyper\w*|settings?|opts?|options?)($|[^a-z])",
    re.IGNORECASE,
)
_READS_JSON = re.compile(r"_?(read|load|parse|get|open)_?json(_?file)?", re.IGNORECASE)
"""A function of this name reads any file, a configuration too."""


@dataclass(frozen=True, slots=True)
class ConfigLoad:
    """A call that loads a file of `format`. `path` is the file where the code names it, "" where it does not."""

    call: ast.Call
    format: str
    path: str = ""


def is_configuration(path: str) -> bool:
    """Whether a file of settings, by its name. JSON holds data too, so there the name has to say it."""
    kind = find_format(path)
    return bool(kind) and (kind != "json" or bool(_NAMED.search(path.replace("_", " "))))


def may_load(load: ConfigLoad, path: str) -> bool:
    """Whether a call can load the file: it has its format, and names no other one."""
    named = posixpath.basename(load.path)
    return load.format == find_format(path) and (
        not named or "*" in named or named == posixpath.basename(path)
    )


def find_config_loads(nodes: Sequence[ast.AST], imports: dict[str, str]) -> Iterator[ConfigLoad]:
    """The loading calls among these nodes, but for those of JSON that nothing calls a configuration."""
    constants = find_constants(nodes)
    opened = _find_opened(nodes)
    parsers = {
        dotted(node.targets[0])
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and qualify(dotted(node.value.func), imports) in _PARSERS
    }
    named = {id(call) for node in nodes for call in _configuration_calls(node)}
    for node in nodes:
        if not isinstance(node, ast.Call) or not node.args or isinstance(node.args[0], ast.Starred):
            continue
        called = dotted(node.func)
        kind = _LOADERS.get(qualify(called, imports), "")
        owner, _, method = called.rpartition(".")
        if method == "read" and owner in parsers:
            kind = "ini"
        elif method == "merge_from_file":  # yacs: over the values of the object
            kind = "yaml"
        if not kind:
            continue
        path = _find_path(node.args[0], opened, constants)
        if kind != "json" or (is_configuration(path) if path else id(node) in named):
            yield ConfigLoad(node, kind, path)


def _find_opened(nodes: Sequence[ast.AST]) -> dict[str, ast.expr]:
    """Name → the expression that opened the file of this name, where it is always the same."""
    found: dict[str, ast.expr] = {}
    for node in nodes:
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, (ast.With, ast.AsyncWith)):
            pairs = [(item.optional_vars, item.context_expr) for item in node.items]
        elif isinstance(node, ast.Assign):
            pairs = [(node.targets[0], node.value)]
        for target, value in pairs:
            if isinstance(target, ast.Name):
                same = target.id not in found or ast.dump(found[target.id]) == ast.dump(value)
                found[target.id] = value if same else ast.Constant(None)
    return found


def _find_path(node: ast.expr, opened: Mapping[str, ast.expr], constants: Mapping[str, str]) -> str:
    """The file that an argument stands for, as far as it is written down."""
    if isinstance(node, ast.Name) and node.id in opened:
        return _find_path(opened[node.id], {}, constants)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in (
            "read",
            "read_text",
            "read_bytes",
            "open",
        ):
            return _find_path(node.func.value, opened, constants)
        if dotted(node.func) == "open" and node.args:
            return _find_path(node.args[0], opened, constants)
    path = evaluate_path(node, constants)
    return path if path is not None and find_format(path) else ""


def _configuration_calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls in a function or a statement that calls what it is about a configuration."""
    names: list[str] = []
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        names = [node.name]
    elif isinstance(node, ast.Assign):
        names = [ast.unparse(target) for target in node.targets]
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        opened = [item.context_expr for item in node.items]
        paths = [call.args[0] for call in opened if isinstance(call, ast.Call) and call.args]
        names = [dotted(path) for path in paths]
    elif isinstance(node, ast.Return) and node.value is not None:
        names = [ast.unparse(node.value)]
    if any(_NAMED.search(name.replace("_", " ")) or _READS_JSON.fullmatch(name) for name in names):
        yield from (each for each in ast.walk(node) if isinstance(each, ast.Call))
