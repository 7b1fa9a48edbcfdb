"""The folder that one file belongs to, where somebody names a file of a larger project."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from graduate.syntax.nodes import list_nodes

_MOST_ABOVE = 3
_UPWARD = re.compile(r"(\.\./+)+")
_PLACEHOLDER = re.compile(r"[*?{%\n]")


def find_root(file: Path, tree: ast.Module) -> Path:
    """The folder of a file, or the one above it from which it names things (`../data/x.csv`) or imports packages.

    It is never above the folder of a repository, nor far up where there is none.
    """
    top = next((n for n, folder in enumerate(file.parents) if (folder / ".git").exists()), _MOST_ABOVE)
    reach = max((n for n in _reaches(file, tree) if n <= top), default=0)
    usable = [f for f in list(file.parents)[: reach + 1] if f not in (Path.home(), Path(f.anchor))]
    return usable[-1] if usable else file.parent


def _reaches(file: Path, tree: ast.Module) -> Iterator[int]:
    """How many folders up the code reaches, for each thing that it reaches."""
    for node in list_nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _UPWARD.match(f"{node.value}/")
            if match and _exists(file.parent, node.value):
                yield len(match[0]) // 3
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _find_package(file, alias.name)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield node.level
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from _find_package(file, node.module)


def _exists(folder: Path, name: str) -> bool:
    """Whether a path, up to its first placeholder, leads to something."""
    try:
        return (folder / _PLACEHOLDER.split(name)[0]).exists()
    except (OSError, ValueError):
        return False


def _find_package(file: Path, module: str) -> Iterator[int]:
    """How far above the file the package lies that an import means, as if its project was installed."""
    name = module.partition(".")[0]
    if name in sys.stdlib_module_names:
        return
    for n, folder in enumerate(list(file.parents)[: _MOST_ABOVE + 1]):
        if (folder / f"{name}.py").is_file() or next((folder / name).glob("*.py"), None) is not None:
            yield n
            return
