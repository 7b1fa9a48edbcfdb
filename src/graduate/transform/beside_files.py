"""Edits by which libraries that look beside the file of their caller look where that file was."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from posixpath import dirname, isabs, join

from graduate.syntax.imports import qualify
from graduate.syntax.nodes import dotted
from graduate.syntax.text import Edit, SourceText
from graduate.transform.local_modules import LocalModules

_HYDRA = frozenset({"hydra.main", "hydra.initialize", "hydra.experimental.initialize"})


def uses_hydra(source: SourceText, imports: Mapping[str, str]) -> bool:
    """Whether a module has a function that hydra starts."""
    return any(qualify(dotted(call.func), dict(imports)) == "hydra.main" for call in source.calls)


def beside_edits(
    source: SourceText,
    start: int,
    end: int,
    imports: Mapping[str, str],
    source_path: str,
    local: LocalModules,
) -> Iterable[Edit]:
    """Edits of hydra's `config_path` within a span; `source_path` is the name of the function that finds files."""
    for call in source.calls_within(start, end):
        if qualify(dotted(call.func), dict(imports)) not in _HYDRA:
            continue
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        path = given.get("config_path", call.args[0] if call.args else None)
        if path is None and _looks_beside(given.get("version_base")):
            opening = source.data.index(b"(", source.end(call.func)) + 1
            rest = ", " if call.keywords else ""
            yield Edit(opening, opening, f'config_path={source_path}("{_folder(source, ".", local)}"){rest}')
        elif isinstance(path, ast.Constant) and _is_relative(path.value):
            place = f'{source_path}("{_folder(source, str(path.value), local)}")'
            yield Edit(source.start(path), source.end(path), place)


def _looks_beside(version: ast.expr | None) -> bool:
    """Whether this version of hydra's defaults takes the folder of the file when no path is given."""
    return version is None or (isinstance(version, ast.Constant) and version.value in ("1.0", "1.1"))


def _is_relative(path: object) -> bool:
    return isinstance(path, str) and not isabs(path) and "://" not in path


def _folder(source: SourceText, path: str, local: LocalModules) -> str:
    return local.path_in_project(join(dirname(source.path), path))
