"""What the package imports beside what it declares, so that deptry passes on the first day and finds what is new."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from graduate.emit.requirements import (
    PARALLEL_MODULES,
    RUNTIME_MODULES,
    SERVICE_MODULES,
    SWEEP_MODULES,
    Requirement,
)
from graduate.model.facts import Dependency
from graduate.syntax.nodes import list_nodes, parse


@dataclass(frozen=True, slots=True)
class Imported:
    """`undeclared` modules are imported only where they are there: optional ones, those of the runtime's lazy imports.

    `unimported` distributions are declared and loaded by name, or by a library. `modules` are given for the
    distributions whose modules are called otherwise.
    """

    undeclared: tuple[str, ...]
    unimported: tuple[str, ...]
    modules: tuple[tuple[str, tuple[str, ...]], ...]


def compare_imports(
    texts: Mapping[str, str],
    package: str,
    dependencies: Iterable[Dependency],
    requirements: Iterable[Requirement],
    service: Iterable[str],
) -> Imported:
    """What differs between the imports of the package's files and what is declared, for the `service` too."""
    tops: dict[str, tuple[str, ...]] = {
        canonicalize_name(d.distribution): _tops(d.imports) for d in dependencies
    }
    # deptry knows a distribution by the name that it was asked for with, also where that has capital letters.
    spelled = {each.name: re.split(r"[^\w.-]", each.text, maxsplit=1)[0] for each in requirements}
    provided = {
        each.name: tops.get(each.name) or RUNTIME_MODULES.get(each.name) or (each.name.replace("-", "_"),)
        for each in requirements
    }
    files = [text for path, text in texts.items() if path.startswith(f"{package}/") and path.endswith(".py")]
    stated = {name for text in files for name in _imports(text)}
    called = {name for text in files for name in _imports_by_call(text)}
    undeclared = (stated | called) - set(sys.stdlib_module_names) - {package}
    extras = {*SERVICE_MODULES, *SWEEP_MODULES, *PARALLEL_MODULES}
    known = {module for modules in provided.values() for module in modules} | extras
    unimported = [spelled[name] for name, modules in provided.items() if not stated.intersection(modules)]
    # A program that is started (tensorboard), not imported.
    unimported += [each for each in service if each.isidentifier() and each not in SERVICE_MODULES]
    special = [(spelled[name], m) for name, m in sorted(provided.items()) if m != (name.replace("-", "_"),)]
    return Imported(tuple(sorted(undeclared - known)), tuple(sorted(unimported)), tuple(special))


def _tops(modules: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({module.partition(".")[0] for module in modules}))


def _imports(text: str) -> Iterator[str]:
    """The top-level modules that a file imports by a statement."""
    for node in list_nodes(parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _imports_by_call(text: str) -> Iterator[str]:
    """Those that it imports by `import_module("name")`, which deptry sees in some places."""
    for node in list_nodes(parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value.partition(".")[0]
