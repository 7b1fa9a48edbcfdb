"""Where a module makes Python look for modules, beside its own folder."""

from __future__ import annotations

import ast
from posixpath import dirname, isabs, join, normpath

from graduate.syntax.file_uses import HERE, evaluate_path, find_constants
from graduate.syntax.nodes import dotted, list_nodes

Folders = tuple[tuple[str, ...], tuple[str, ...]]


def find_search_folders(path: str, text: str, tree: ast.Module | None = None) -> Folders:
    """The folders that the module at `path` puts first and last on `sys.path`, relative to the source folder.

    What is relative to the working directory is given from the module's folder and from the source folder.
    """
    first: list[str] = []
    last: list[str] = []
    if "sys.path" not in text:
        return (), ()
    nodes = list_nodes(tree or ast.parse(text))
    names = find_constants(nodes)
    for node in nodes:
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = dotted(node.func)
        if called in ("sys.path.append", "sys.path.insert"):
            found = evaluate_path(node.args[-1], names)
            if found is not None:
                (last if called.endswith("append") else first).extend(_places(path, found))
    return tuple(dict.fromkeys(first)), tuple(dict.fromkeys(last))


def _places(path: str, found: str) -> list[str]:
    own = dirname(path)
    is_here = found.startswith(HERE)
    found = found.removeprefix(HERE).lstrip("/") if is_here else found
    if "*" in found or isabs(found):
        return []
    bases = [own] if is_here else [own, ""]
    places = [normpath(join(base, found)) for base in bases]
    return ["" if place == "." else place for place in places if not place.startswith("..")]
