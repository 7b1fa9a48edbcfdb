"""The environment variables that the modules read, as settings."""

from __future__ import annotations

import ast
from collections.abc import Callable

from graduate.analyse.settings import find_variables
from graduate.model.facts import Option
from graduate.model.source import Place, SourceModule, Sources
from graduate.syntax.environment import find_environment_reads, find_written_variables
from graduate.syntax.imports import qualified_names
from graduate.syntax.nodes import list_nodes, parse


def find_variable_options(
    sources: Sources, place_of: Callable[[SourceModule], Callable[[ast.AST], Place]]
) -> dict[str, tuple[Option, ...]]:
    """Those of each module, by its path. A variable that any module sets is the code's own, and no setting."""
    found: dict[str, tuple[Option, ...]] = {}
    written: set[str] = set()
    for module in sources.modules:
        if "environ" not in module.text and "env" not in module.text:
            continue
        nodes = list_nodes(parse(module.text))
        imports = qualified_names(nodes[:1])
        written |= find_written_variables(nodes, imports)
        found[module.path] = find_variables(list(find_environment_reads(nodes, imports)), place_of(module))
    if "" in written:
        return {}
    return {path: tuple(o for o in options if o.name not in written) for path, options in found.items()}
