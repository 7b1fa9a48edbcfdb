"""Imports of local modules that stand below statements which change what those modules look at when they are made.

Imports go to the top of the modules that use them, so such a module would be made before the change.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from graduate.analyse.hazards import hazard
from graduate.model.facts import Hazard
from graduate.model.source import SourceModule, Sources
from graduate.syntax.imports import bindings
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import dotted, parse
from graduate.syntax.program import ProgramSyntax
from graduate.syntax.scopes import walk_same_scope

_ENVIRONMENT = "os.environ"
_IMPORTS = (ast.Import, ast.ImportFrom)


def find_late_imports(sources: Sources, module: SourceModule, syntax: ProgramSyntax) -> list[Hazard]:
    """A hazard for the first such import of a program."""
    local = _Local(sources)
    names: dict[str, tuple[str, bool]] = {}
    changed: dict[str, str] = {}
    for statement in syntax.spine.statements:
        for node in walk_same_scope(statement.node):
            if isinstance(node, _IMPORTS):
                bound = local.bound(module.path, node)
                for path in dict.fromkeys(path for path, _ in bound.values()):
                    seen = local.looks_at(path, changed.keys(), set())
                    if seen:
                        what = f"{ast.unparse(node)} looks at {changed[seen]}, which was changed above it"
                        return [hazard("G119", what, module, node.lineno, "wrapped")]
                names |= bound
            elif root := _changed(node):
                if root == _ENVIRONMENT:
                    changed[root] = root
                elif root.partition(".")[0] in names:
                    path, is_module = names[root.partition(".")[0]]
                    if not is_module or "." in root or not isinstance(node, ast.Call):
                        changed[path] = root
    return []


def _changed(node: ast.AST) -> str:
    """What a statement changes: `a.b` in `a.b.append(1)` and `a.b[0] = 1`, `a` in `a.b = 1` and `a.update(…)`."""
    match node:
        case ast.Call(func=ast.Attribute(value=value)):
            return dotted(value)
        case ast.Attribute(value=value, ctx=ast.Store()) | ast.Subscript(value=value, ctx=ast.Store()):
            return dotted(value)
    return ""


class _Local:
    """The local modules: what they import, and what they read when they are made."""

    def __init__(self, sources: Sources) -> None:
        self.texts = {module.path: module.text for module in sources.modules if module.path.endswith(".py")}
        self.modules = LocalModules(tuple(self.texts))

    def bound(self, path: str, node: ast.Import | ast.ImportFrom) -> dict[str, tuple[str, bool]]:
        """The names that an import binds, each with the local module that it is of, and whether it is that module."""
        found = {}
        for each in bindings(node):
            whole = f"{each.module}.{each.member}".strip(".") if each.member else each.module
            target = self.modules.find_module(path, each.level, whole)
            is_module = bool(target)
            target = target or self.modules.find_module(path, each.level, each.module)
            if target:
                found[each.name] = target, is_module
        return found

    def looks_at(self, path: str, changed: Collection[str], done: set[str]) -> str:
        """Which of what was `changed` a module, or one that it imports, reads when it is made; "" for none."""
        if path in done or path not in self.texts or not changed:
            return ""
        done.add(path)
        names: dict[str, str] = {}
        for node in _at_import(parse(self.texts[path])):
            if isinstance(node, _IMPORTS):
                for name, (target, _) in self.bound(path, node).items():
                    names[name] = target
                    if found := self.looks_at(target, changed, done):
                        return found
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                target = names.get(node.id, "")
                if target in changed:
                    return target
            elif dotted(node) in (_ENVIRONMENT, "os.getenv") and _ENVIRONMENT in changed:
                return _ENVIRONMENT
        return ""


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when a module is made, in order: not those of functions, but defaults and decorators."""
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
            waiting += [*reversed(defaults), *reversed(node.decorator_list)]
        elif not isinstance(node, ast.Lambda):
            waiting += reversed(list(ast.iter_child_nodes(node)))
