"""Pass: what keeps a program to one process is said in the pipeline, so that a run of several can be refused."""

from __future__ import annotations

from functools import lru_cache

from graduate.model.source import Sources
from graduate.syntax import runs_alone
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import parse
from graduate.syntax.runs_alone import SourceTree

_MOST = 5


def find_alone(sources: Sources, entry: str) -> tuple[str, ...]:
    """The reasons as "file:line: why", in the author's files; () when several processes can run the program."""
    found = runs_alone.find_alone(_modules(sources, entry))
    places = [f"{sources.module(each.path).place(each.line)}: {each.why}" for each in found]
    return tuple(dict.fromkeys(places))[:_MOST]


def _modules(sources: Sources, entry: str) -> list[SourceTree]:
    """The program's own module and the local ones that it imports, directly or not."""
    paths = tuple(module.path for module in sources.modules)
    found: dict[str, SourceTree] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop(0)
        if path in found:
            continue
        found[path], imported = _look_at(path, sources.module(path).text, paths)
        waiting += imported
    return list(found.values())


@lru_cache(maxsize=4096)
def _look_at(path: str, text: str, paths: tuple[str, ...]) -> tuple[SourceTree, tuple[str, ...]]:
    """A module, and the local ones that it imports: programs share many."""
    tree = parse(text)
    return SourceTree(path, tree), LocalModules(paths).find_imports(path, text, tree)[0]
