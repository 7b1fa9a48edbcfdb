"""The names of the finished modules of a package: what each defines, and where a name that it imports comes from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.scopes import bound_names
from graduate.transform.local_modules import dotted_home

_FIXED = frozenset(
    {
        "ArgumentParser", "Namespace", "NewType", "Path", "PurePath", "TypeVar", "abspath", "basename", "bool", "bytes",
        "compile", "cpu_count", "device", "dirname", "expanduser", "field", "float", "frozenset", "getLogger", "getcwd",
        "getenv", "get_logger", "int", "is_available", "join", "len", "literal_eval", "max", "min", "namedtuple",
        "parse_args", "partial", "perf_counter", "property", "realpath", "resolve", "round", "str", "strftime", "sum",
        "time", "tuple", "wraps",
    }
)  # fmt: skip
"""Calls whose results do not change, or stand for something outside."""


@dataclass
class PackageModule:
    home: str
    tree: ast.Module

    @cached_property
    def definitions(self) -> dict[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
        return {
            node.name: node
            for node in list_nodes(self.tree)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node in self.tree.body
        }

    @cached_property
    def imports(self) -> dict[str, tuple[str, int, str]]:
        """For each name that an import within the package binds: the module's name, its level, the name in it."""
        found = {}
        for node in list_nodes(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                for alias in node.names:
                    found[alias.asname or alias.name] = node.module or "", node.level, alias.name
        return found

    @cached_property
    def variables(self) -> dict[str, ast.expr | None]:
        """The names that the module's own statements bind, with the value where it is one."""
        names: dict[str, ast.expr | None] = dict.fromkeys(bound_names(self.tree.body))
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            for target in targets:
                if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign):
                    names[target.id] = node.value
        imports = [n for n in list_nodes(self.tree) if isinstance(n, ast.Import | ast.ImportFrom)]
        others = self.definitions.keys() | bound_names(list(imports))
        return {name: value for name, value in names.items() if name not in others}


@dataclass
class PackageNames:
    modules: dict[str, PackageModule]
    class_wide: set[tuple[str, str, str]] = field(default_factory=set)
    """Attributes that methods set on the class of their instance: the home and class of the method, the name."""
    mutated: set[str] = field(default_factory=set)
    """Attributes whose values are changed in place."""

    def resolve(self, module: PackageModule, name: str) -> tuple[PackageModule, str] | None:
        """Where a name of a module is defined: the module and the name there, "" for the module itself."""
        for _ in self.modules:
            if name not in module.imports:
                return (module, name) if name in module.definitions or name in module.variables else None
            inner, level, original = module.imports[name]
            folder = PurePosixPath(module.home).parent
            for _ in range(level - 1):
                folder = folder.parent
            base = folder.joinpath(*inner.split(".")) if inner else folder
            if target := self._at(base / original):
                return target, ""
            origin = self._at(base)
            if origin is None:
                return None
            module, name = origin, original
        return None

    def _at(self, path: PurePosixPath) -> PackageModule | None:
        return self.modules.get(f"{path}.py") or self.modules.get(str(path / "__init__.py"))

    def class_places(self, module: PackageModule) -> Iterator[str]:
        """The attributes of a module's classes that the methods of any class may change."""
        for name, node in module.definitions.items():
            if not isinstance(node, ast.ClassDef):
                continue
            own = set(_instance_attributes(node))
            for attribute, value in _class_attributes(node):
                shared = attribute in self.mutated and attribute not in own and can_change(value)
                if shared:
                    yield f"{dotted_home(module.home)}:{name}.{attribute}"
            classes = set(self._lineage(module, node))
            for home, above, attribute in self.class_wide:
                if (home, above) in classes:
                    yield f"{dotted_home(module.home)}:{name}.{attribute}"

    def _lineage(
        self, module: PackageModule, node: ast.ClassDef, depth: int = 0
    ) -> Iterator[tuple[str, str]]:
        """A class and those that it inherits from."""
        yield module.home, node.name
        for base in node.bases:
            found = self.resolve(module, dotted(base)) if depth < 10 else None
            above = found and found[0].definitions.get(found[1])
            if found and isinstance(above, ast.ClassDef):
                yield from self._lineage(found[0], above, depth + 1)


def _class_attributes(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None]]:
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            yield from ((t.id, statement.value) for t in statement.targets if isinstance(t, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, statement.value


def _instance_attributes(node: ast.ClassDef) -> Iterator[str]:
    """What `__init__` sets on the instance, which hides an attribute of the class."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for statement in method.body:
                for child in list_nodes(statement):
                    if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
                        yield child.attr


def can_change(value: ast.expr | None) -> bool:
    """Whether the value of an expression may be changed in place, or change when it is used."""
    if isinstance(value, ast.Call):
        return dotted(value.func).rpartition(".")[2] not in _FIXED
    return isinstance(
        value,
        ast.List
        | ast.Dict
        | ast.Set
        | ast.ListComp
        | ast.DictComp
        | ast.SetComp
        | ast.GeneratorExp
        | ast.BinOp,
    )
