"""`from module import *` with the names spelt out that it brings and that the text uses, where they can be known."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace

from graduate.model.source import SourceModule, Sources
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import list_nodes
from graduate.syntax.scopes import bound_names
from graduate.syntax.text import Edit, SourceText

_TALKATIVE = frozenset({"antigravity", "idlelib", "this", "tkinter", "turtle"})
_WORD = re.compile(r"[^\W\d]\w*")


def expand_stars(sources: Sources) -> Sources:
    """The sources with such imports of local modules and of the standard library spelt out.

    So it can be seen which names they bind. Others stay as they are: what they bind is only known where they are
    installed.
    """
    stars = _Stars(sources)
    return replace(sources, modules=tuple(map(stars.expand, sources.modules)))


class _Stars:
    def __init__(self, sources: Sources) -> None:
        self.texts = {module.path: module.text for module in sources.modules if module.path.endswith(".py")}
        self.local = LocalModules(tuple(self.texts))
        self.made: dict[str, str] = {}
        """The texts of the modules that the program writes itself, by name."""

    def expand(self, module: SourceModule) -> SourceModule:
        if not re.search(r"import\s*\(?\s*\*", module.text):
            return module
        source = SourceText(module.path, module.text)
        self.made = dict(_find_made(source))
        words = set(_WORD.findall(module.text))
        edits = []
        for node in source.imports:
            names = self._brought(module.path, node, ())
            used = sorted((names or set()) & words)
            if used:
                at = source.data.index(b"*", source.start(node))
                edits.append(Edit(at, at + 1, ", ".join(used)))
        return replace(module, text=source.edited(0, len(source.data), edits))

    def _brought(
        self, path: str, node: ast.Import | ast.ImportFrom, around: tuple[str, ...]
    ) -> set[str] | None:
        """The names that an import of `*` binds; None for another import, or where they cannot be known."""
        if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*":
            return None
        found = self.local.find_module(path, node.level, node.module or "")
        if found:
            return None if found in around else self._exported(found, self.texts[found], around)
        if not node.level and node.module in self.made:
            text = self.made[node.module]
            return None if node.module in around else self._exported(node.module, text, around)
        top = (node.module or "").partition(".")[0]
        if node.level or top not in sys.stdlib_module_names or top in _TALKATIVE:
            return None
        try:
            module = importlib.import_module(node.module or "")
        except ImportError:
            return None
        return set(getattr(module, "__all__", [name for name in vars(module) if name[0] != "_"]))

    def _exported(self, path: str, text: str, around: tuple[str, ...]) -> set[str] | None:
        try:
            tree = ast.parse(text)
        except SyntaxError:
            return None
        nodes = list_nodes(tree)
        if any(isinstance(n, ast.Name) and n.id in ("globals", "exec", "vars") for n in nodes):
            return None
        names = bound_names(tree.body)
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                inner = self._brought(path, node, (*around, path))
                if inner is None:
                    return None
                names |= inner
        if "__all__" not in names:
            return {name for name in names if name[0] != "_"}
        listed = [
            n for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"
        ]
        uses = [n for n in nodes if isinstance(n, ast.Name) and n.id == "__all__"]
        try:
            return set(ast.literal_eval(listed[0].value)) if len(uses) == len(listed) == 1 else None
        except (ValueError, TypeError):
            return None


def _find_made(source: SourceText) -> Iterator[tuple[str, str]]:
    """The modules that a program writes from a text in its code, as `%%writefile helper.py` does: name and text."""
    for call in source.calls:
        match call:
            case ast.Call(
                func=ast.Attribute(ast.Call(args=[ast.Constant(str(path))]), "write_text"),
                args=[ast.Constant(str(text)), *_],
            ) if path.endswith(".py"):
                yield path.removesuffix(".py").removeprefix("./"), text
