"""Where the modules and the files of the research folder went, and how imports of them are written now."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import join, normpath

from graduate.syntax.local_imports import is_part_for_library
from graduate.syntax.search_path import Folders


@dataclass(frozen=True, slots=True)
class LocalModules:
    """`homes` maps the path of a source module to its path in the package, `folders` those that change
    `sys.path` to the folders that they put first and last on it, `workspace` is the folder of the project that
    holds the files of the research folder."""

    homes: Mapping[str, str]
    folders: Mapping[str, Folders] = field(default_factory=dict)
    workspace: str = ""

    def path_in_project(self, path: str) -> str:
        """Where the project has what the research folder had at `path`."""
        return normpath(join(self.workspace, path))

    def find(self, dotted: str, importer: str, level: int = 0) -> str | None:
        """The source path of the module that `dotted` names in a file `importer`; None when it is not local.

        Looked for beside the importer and in the folders that it puts on the path, in its folders upwards, then
        under `src`, then anywhere by its full tail.
        """
        parts = [p for p in dotted.split(".") if p]
        folder = PurePosixPath(importer).parent
        if level:
            for _ in range(level - 1):
                folder = folder.parent
            return self._at(folder, parts)
        for base in self._bases(importer):
            found = None if self._is_library(parts, str(base)) else self._at(base, parts)
            if found is not None:
                return found
        tails = ["/" + "/".join(parts) + ".py", "/" + "/".join(parts) + "/__init__.py"]
        matches = [
            path
            for path in self.homes
            for tail in tails
            if path.endswith(tail) and not self._is_library(parts, path.removesuffix(tail))
        ]
        return matches[0] if len(matches) == 1 else None

    def find_inside(self, dotted: str, importer: str) -> list[str]:
        """The source paths of the modules that stand directly in the folder that `dotted` names."""
        for base in self._bases(importer):
            folder = base.joinpath(*dotted.split("."))
            found = [
                p for p in self.homes if PurePosixPath(p).parent == folder and not p.endswith("/__init__.py")
            ]
            if found:
                return found
        return []

    def _is_library(self, parts: list[str], base: str) -> bool:
        return bool(parts) and is_part_for_library(parts[0], base, self.homes)

    def _bases(self, importer: str) -> list[PurePosixPath]:
        folder = PurePosixPath(importer).parent
        first, last = (map(PurePosixPath, each) for each in self.folders.get(importer, ((), ())))
        return [*first, folder, *last, *folder.parents, PurePosixPath("src")]

    def _at(self, base: PurePosixPath, parts: list[str]) -> str | None:
        if not parts:
            package = str(base / "__init__.py")
            return package if package in self.homes else None
        path = base.joinpath(*parts)
        # As Python has it: a package hides a module of its name.
        for candidate in (str(path / "__init__.py"), f"{path}.py"):
            if candidate in self.homes:
                return candidate
        return None


def dotted_home(home: str) -> str:
    """`models/resnet.py` → `models.resnet`; `models/pkg/__init__.py` → `models.pkg`."""
    path = PurePosixPath(home)
    parts = path.parent.parts if path.name == "__init__.py" else (*path.parent.parts, path.stem)
    return ".".join(parts)


def relative_module(target: str, importer_home: str) -> str:
    """The dotted module of a relative import of `target` (a home) in the file `importer_home`.

    `models/resnet.py` in `training/trainer.py` is `..models.resnet`.
    """
    own = PurePosixPath(importer_home).parent.parts
    parts = tuple(dotted_home(target).split("."))
    if own and parts[:-1] == own:
        return "." + parts[-1]
    return "." * (len(own) + 1) + ".".join(parts)


def rewrite_import(
    node: ast.Import | ast.ImportFrom, local: LocalModules, importer: str, home: str
) -> list[str] | None:
    """The statements that an import becomes in the file `home`; None when it stays as it is."""
    if isinstance(node, ast.ImportFrom):
        return _rewrite_from(node, local, importer, home)
    lines, changed = [], False
    for alias in node.names:
        found = local.find(alias.name, importer)
        if found is None:
            lines.append(f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else ""))
            continue
        changed = True
        if alias.asname or "." not in alias.name:
            lines.append(_import_module(found, alias.asname or alias.name, local, home))
            continue
        # `import a.b` binds `a`, and makes `a.b` there.
        top = local.find(alias.name.partition(".")[0], importer)
        if top is None:
            lines.append(_import_module(found, alias.name.replace(".", "_"), local, home))
            continue
        lines.append(_import_module(top, alias.name.partition(".")[0], local, home))
        lines.append(_import_module(found, "_" + alias.name.replace(".", "_"), local, home))
    return lines if changed else None


def _import_module(path: str, name: str, local: LocalModules, home: str) -> str:
    module = relative_module(local.homes[path], home)
    package, _, last = module.rpartition(".")
    # `..models.resnet` → from ..models import resnet; `.resnet` → from . import resnet
    package = package if package.strip(".") else "." * (len(module) - len(module.lstrip(".")))
    return f"from {package} import {last}" + (f" as {name}" if name != last else "")


def _rewrite_from(node: ast.ImportFrom, local: LocalModules, importer: str, home: str) -> list[str] | None:
    module = node.module or ""
    found = local.find(module, importer, node.level) if (module or node.level) else None
    plain: list[ast.alias] = []
    lines: list[str] = []
    for alias in node.names:
        member = f"{module}.{alias.name}" if module else alias.name
        inner = None if alias.name == "*" else local.find(member, importer, node.level)
        if inner is not None and (found is None or found.endswith("__init__.py")):
            lines.append(_import_module(inner, alias.asname or alias.name, local, home))
        else:
            plain.append(alias)
    if found is None and not lines:
        return None
    if plain and found is not None:
        names = ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in plain)
        lines.insert(0, f"from {relative_module(local.homes[found], home)} import {names}")
    elif plain:
        names = ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in plain)
        lines.insert(0, f"from {'.' * node.level}{module} import {names}")
    return lines
