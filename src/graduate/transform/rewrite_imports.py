"""Edits by which code finds the modules of the research folder where they are now."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from graduate.syntax.nodes import dotted
from graduate.syntax.text import Edit, SourceText
from graduate.transform.local_modules import LocalModules, relative_module, rewrite_import


def import_edits(source: SourceText, start: int, end: int, local: LocalModules, home: str) -> Iterable[Edit]:
    """Edits of the imports of local modules that stand within a span; `home` is the file that it goes to."""
    for node in source.imports:
        node_start, node_end = source.start(node), source.end(node)
        if not (start <= node_start and node_end <= end):
            continue
        lines = rewrite_import(node, local, source.path, home)
        if lines is not None:
            separator = "\n" + source.indentation(node_start) if source.starts_line(node_start) else "; "
            yield Edit(node_start, node_end, separator.join(lines))
    for call in source.calls_within(start, end):
        if _imports_module(call):
            yield from _name_edits(source, call, local, home)


def _imports_module(call: ast.Call) -> bool:
    named = dotted(call.func) in ("importlib.import_module", "import_module")
    return named and len(call.args) == 1 and not call.keywords


def _name_edits(source: SourceText, call: ast.Call, local: LocalModules, home: str) -> Iterable[Edit]:
    """`import_module("nets." + name)` becomes `import_module("..models.nets." + name, __package__)`."""
    name = call.args[0]
    first = name
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Add):
        first = first.left
    if isinstance(first, ast.JoinedStr) and first.values:
        first, literal = first.values[0], first
    else:
        literal = first
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    old = first.value
    new = _module(old, local, source.path, home) if first is name else _package(old, local, source.path, home)
    at = source.data.find(old.encode(), source.start(literal), source.end(literal))
    if new and at >= 0:
        yield Edit(at, at + len(old.encode()), new)
        yield Edit(source.end(name), source.end(name), ", __package__")


def _module(name: str, local: LocalModules, importer: str, home: str) -> str:
    found = None if name.startswith(".") else local.find(name, importer)
    return "" if found is None else relative_module(local.homes[found], home)


def _package(prefix: str, local: LocalModules, importer: str, home: str) -> str:
    """What stands for the start of a dotted name, up to a dot; "" when its modules are not all in one place."""
    folder = prefix.removesuffix(".")
    if not prefix.endswith(".") or prefix.startswith("."):
        return ""
    inside = local.find_inside(folder, importer)
    packages = {local.homes[path].rpartition("/")[0] for path in inside}
    same_names = all(path.rpartition("/")[2] == local.homes[path].rpartition("/")[2] for path in inside)
    if len(packages) != 1 or not same_names:
        return ""
    return relative_module(f"{packages.pop()}/__init__.py", home) + "."
