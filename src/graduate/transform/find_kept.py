"""Definitions that something keeps, so that they are found though no code names them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from graduate.model.source import Sources
from graduate.syntax.movable import Definition, keepers
from graduate.syntax.nodes import dotted
from graduate.transform.draft import ProgramDraft

_KNOW_SUBCLASSES = ("__init_subclass__", "__subclasses__", "metaclass")


def find_kept(draft: ProgramDraft, sources: Sources) -> dict[str, list[str]]:
    """For each decorator that may keep what it decorates, and each base class of the author's that may know its
    subclasses, the definitions that it keeps, in the order of the program."""
    knows = any(word in module.text for module in sources.modules for word in _KNOW_SUBCLASSES)
    kept: dict[str, list[str]] = {}
    for name, definition in draft.syntax.definitions.items():
        found = [*keepers(definition.node), *(_own_bases(draft, definition) if knows else ())]
        for keeper in dict.fromkeys(found):
            kept.setdefault(keeper, []).append(name)
    return kept


def _own_bases(draft: ProgramDraft, definition: Definition) -> Iterator[str]:
    """The base classes that are not a library's."""
    node = definition.node
    for base in node.bases if isinstance(node, ast.ClassDef) else ():
        name = dotted(base)
        top = draft.syntax.qualified.get(name.partition(".")[0], "").partition(".")[0]
        if name in draft.syntax.definitions or (top and draft.local.find(top, draft.module.path)):
            yield name
