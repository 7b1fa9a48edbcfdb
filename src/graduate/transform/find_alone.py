"""Pass: what keeps a program to one process is said in the pipeline, so that a run of several can be refused."""

from __future__ import annotations

import ast

from graduate.model.source import Sources
from graduate.syntax import runs_alone
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.runs_alone import SourceTree

_MOST = 5


def find_alone(sources: Sources, entry: str) -> tuple[str, ...]:
    """The reasons as "file:line: why", in the author's files; () when several processes can run the program."""
    found = runs_alone.find_alone(_modules(sources, entry))
    places = [f"{sources.module(each.path).place(each.line)}: {each.why}" for each in found]
    return tuple(dict.fromkeys(places))[:_MOST]


def _modules(sources: Sources, entry: str) -> list[SourceTree]:
    """The program's own module and the local ones that it imports, directly or not."""
    local = LocalModules(tuple(module.path for module in sources.modules))
    found: dict[str, SourceTree] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        text = sources.module(path).text
        tree = SourceTree(path, ast.parse(text))
        found[path] = tree
        waiting += local.find_imports(path, text, tree.tree)[0]
    return list(found.values())
