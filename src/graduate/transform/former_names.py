"""The names that local modules had in the research code, where code makes such names up, or reads them from a file."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from graduate.model.plan import Plan
from graduate.model.source import SourceModule, Sources
from graduate.syntax.local_imports import is_part_for_library
from graduate.syntax.nodes import list_nodes, parse
from graduate.transform.local_modules import LocalModules, dotted_home

_IMPORTS = frozenset({"import_module", "__import__"})
_BY_NAME = {
    "CLI": "jsonargparse",
    "LightningCLI": "LightningCLI",
    "call": "hydra",
    "exec": "exec",
    "exec_module": "importlib",
    "get_class": "hydra",
    "get_method": "hydra",
    "get_object": "hydra",
    "instantiate": "hydra",
    "locate": "pydoc",
    "parse_config_file": "gin",
    "parse_config_files_and_bindings": "gin",
    "patch": "mock",
    "resolve_name": "pkgutil",
    "run_module": "runpy",
    "run_path": "runpy",
    "unsafe_load": "yaml",
}
"""Functions that import what a text names, by the last part of their names, and the library that they are of."""
_UNPICKLES = frozenset({"load", "loads", "read_pickle"})
_PICKLERS = ("pickle", "dill", "joblib", "torch")
_PICKLES = (".ckpt", ".joblib", ".p", ".pickle", ".pkl", ".pt", ".pth", ".sav")


def find_former_names(
    sources: Sources, plan: Plan, local: LocalModules, data_files: Iterable[str]
) -> dict[str, str]:
    """The name of each local module for the programs, and its dotted home; "" for folders that are no packages.

    Empty where no code could ask for a module by a name that is not in the code.
    """
    has_pickles = any(path.endswith(_PICKLES) for path in data_files)
    if not any(_may_compute_names(module, has_pickles) for module in sources.modules):
        return {}
    entries = {program.path for program in plan.programs}
    homes = {path: home for path, home in local.homes.items() if path not in entries}
    found: dict[str, set[str]] = {}
    for base in _bases(entries, local):
        for path, home in homes.items():
            name = _name_below(base, path)
            if name and not is_part_for_library(name.partition(".")[0], base, homes):
                found.setdefault(name, set()).add(dotted_home(home))
    names = {name: each.pop() for name, each in found.items() if len(each) == 1}
    folders = {name.rpartition(".")[0] for name in names} - {""}
    while missing := folders - found.keys():
        names |= dict.fromkeys(missing, "")
        found |= {name: {""} for name in missing}
        folders = {name.rpartition(".")[0] for name in missing} - {""}
    return dict(sorted(names.items()))


def _bases(entries: Iterable[str], local: LocalModules) -> list[str]:
    """The folders in which programs look for modules."""
    bases: dict[str, None] = {}
    for entry in sorted(entries):
        bases[_folder(PurePosixPath(entry).parent)] = None
    for first, last in local.folders.values():
        bases |= {_folder(PurePosixPath(each)): None for each in (*first, *last)}
    return [*bases, *({"": None, "src": None}.keys() - bases.keys())]


def _folder(path: PurePosixPath) -> str:
    return "" if str(path) == "." else str(path)


def _name_below(base: str, path: str) -> str:
    """The dotted name by which a module is imported from a folder; "" where it is not below it."""
    inside = path.removeprefix(f"{base}/") if base and path.startswith(f"{base}/") else "" if base else path
    parts = inside.removesuffix("/__init__.py").removesuffix(".py").split("/")
    is_name = inside.endswith(".py") and all(each.isidentifier() for each in parts) and parts != ["__init__"]
    return ".".join(parts) if is_name else ""


def _may_compute_names(module: SourceModule, has_pickles: bool) -> bool:
    for node in list_nodes(parse(module.text)):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="modules"), slice=key):
                if not (isinstance(key, ast.Name) and key.id == "__name__"):
                    return True
            case ast.Call(func=ast.Name(id=last) | ast.Attribute(attr=last)):
                if last in _IMPORTS and not _is_plain(last, node):
                    return True
                if last in _BY_NAME and _BY_NAME[last] in module.text:
                    return True
                if has_pickles and last in _UNPICKLES and any(each in module.text for each in _PICKLERS):
                    return True
    return False


def _is_plain(function: str, call: ast.Call) -> bool:
    """Whether what is imported is written as one text, which is changed there."""
    is_text = bool(call.args) and isinstance(call.args[0], ast.Constant)
    return is_text and function == "import_module" and len(call.args) + len(call.keywords) == 1


def identity_uses(tree: ast.AST) -> Iterator[ast.Name]:
    """Where `__name__` stands for the module itself: `sys.modules[__name__]`, `each.__module__ == __name__`."""
    for node in list_nodes(tree):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="modules"), slice=ast.Name(id="__name__") as name):
                yield name
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
                if any(isinstance(each, ast.Attribute) and each.attr == "__module__" for each in sides):
                    yield from (
                        each for each in sides if isinstance(each, ast.Name) and each.id == "__name__"
                    )
