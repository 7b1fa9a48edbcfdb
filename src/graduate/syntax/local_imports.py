"""Which modules of the source folder a module imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from posixpath import dirname, join

from graduate.syntax.nodes import list_nodes
from graduate.syntax.search_path import Folders, find_search_folders

LIBRARIES = frozenset(
    {
        "chainer", "cupy", "flax", "jax", "keras", "lightgbm", "lightning", "matplotlib", "mlx", "mxnet", "numba",
        "numpy", "onnx", "optax", "paddle", "pandas", "plotly", "polars", "pytorch_lightning", "scipy", "seaborn",
        "sklearn", "sympy", "tensorflow", "tensorflow_probability", "torch", "torchvision", "transformers", "xgboost",
    }
)  # fmt: skip


_STANDARD = sys.stdlib_module_names - {"code", "profile", "test", "this"}
"""Modules that come with Python, without those that research code means its own by."""


def is_part_for_library(name: str, base: str, paths: Collection[str]) -> bool:
    """Whether `name` in the folder `base` is the part of a package for that library (`mypackage/torch/`,
    `mypackage/logging.py`): a plain `import torch` means the library there."""
    return name in LIBRARIES | _STANDARD and f"{base}/__init__.py" in paths


@dataclass(frozen=True)
class LocalModules:
    """The Python files of a source folder, to look imports up in."""

    paths: tuple[str, ...]

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(path for path in self.paths if path.endswith(".py"))

    @cached_property
    def _folders(self) -> frozenset[str]:
        found: set[str] = set()
        for path in self._files:
            while path := dirname(path):
                found.add(path)
        return frozenset(found)

    def find_imports(self, path: str, text: str, tree: ast.Module) -> tuple[tuple[str, ...], frozenset[str]]:
        """The files that the module at `path` imports, packages' `__init__.py` included, and the
        top-level names that it imports from elsewhere."""
        found: set[str] = set()
        foreign: set[str] = set()
        folders = find_search_folders(path, text, tree)
        for level, module, members in _imports(tree):
            targets = self._resolve(path, level, module, members, folders)
            found.update(targets)
            if not targets and not level and module:
                foreign.add(module.partition(".")[0])
        return tuple(sorted(found - {path})), frozenset(foreign)

    def find_module(self, path: str, level: int, module: str) -> str:
        """The file of the module that an import in `path` names; "" when it is not a local one."""
        found = self._resolve(path, level, module, ("",), ((), ()))
        last = module.rpartition(".")[2]
        matches = [
            f for f in found if not last or f.removesuffix("/__init__.py").removesuffix(".py").endswith(last)
        ]
        return matches[-1] if matches else ""

    def _resolve(
        self, path: str, level: int, module: str, members: Collection[str], folders: Folders
    ) -> list[str]:
        parts = module.split(".") if module else []
        if level:
            base = path
            for _ in range(level):
                base = dirname(base)
            return self._below(base, parts, members)
        # As Python looks: the folder of the script that runs, then folders that people put on the path.
        above = [dirname(path)]
        while above[-1]:
            above.append(dirname(above[-1]))
        first, last = folders
        usual = [base for base in ("src", "lib") if base in self._folders]
        for base in (*first, above[0], *last, *above[1:], *usual):
            if parts and is_part_for_library(parts[0], base, self._files):
                continue
            if found := self._below(base, parts, members):
                return found
        return []

    def _below(self, base: str, parts: list[str], members: Collection[str]) -> list[str]:
        found: list[str] = []
        for number, part in enumerate(parts, 1):
            base = join(base, part)
            is_package = f"{base}/__init__.py" in self._files
            if f"{base}.py" in self._files and not is_package:
                return [*found, f"{base}.py"] if number == len(parts) else []
            if base not in self._folders:
                return []
            found += [f"{base}/__init__.py"] if is_package else []
        inside = [join(base, member) for member in members]
        for member in inside:
            found += [f for f in (f"{member}.py", f"{member}/__init__.py") if f in self._files]
        return found


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    for node in list_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_module(node.func) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield 0, first.value, ()


def _is_import_module(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in {"import_module", "__import__"}
