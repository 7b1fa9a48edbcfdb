"""One program: its spine and what each name of it is (import, definition, variable)."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from graduate.syntax.file_uses import find_file_uses
from graduate.syntax.flow import Flow
from graduate.syntax.imports import bindings, is_import_only, qualified_names, qualify
from graduate.syntax.movable import Definition, find_movable
from graduate.syntax.nodes import dotted, list_nodes, shows_locals
from graduate.syntax.scopes import Names, Occurrence, Scope, Use, resolve_names
from graduate.syntax.spine import Spine, SpineStatement, find_spine
from graduate.syntax.text import SourceText

BUILTINS = frozenset(dir(builtins)) | {
    "__name__",
    "__file__",
    "__doc__",
    "__builtins__",
    "__package__",
    "__spec__",
}
DYNAMIC = frozenset({"exec", "eval", "globals", "locals", "vars", "dir"})


@dataclass(eq=False)
class ProgramSyntax:
    """The entry module of a program, taken apart.

    `imports`, `definitions` and `statements` together are the spine, each in its order.
    """

    source: SourceText
    names: Names
    spine: Spine
    imports: list[SpineStatement]
    definitions: dict[str, Definition]
    statements: list[SpineStatement]
    docstring: ast.Expr | None
    spine_ids: set[int] = field(default_factory=set)

    @cached_property
    def import_names(self) -> dict[str, list[SpineStatement]]:
        """Name → the import statements that bind it, in order."""
        found: dict[str, list[SpineStatement]] = {}
        for statement in self.imports:
            for name in dict.fromkeys(_bound_by_import(statement.node)):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def qualified(self) -> dict[str, str]:
        """Local name → qualified name of what it was imported as, anywhere in the module."""
        return qualified_names(self.source.tree.body)

    @cached_property
    def stars(self) -> list[SpineStatement]:
        return [s for s in self.imports if any(b.name == "*" for b in bindings(s.node))]

    def is_from_star(self, name: str) -> bool:
        """Whether nothing but an import of `*` can bind a name."""
        bound = name in self.import_names or name in self.definitions or name in self.variables
        return bool(self.stars) and not bound and name not in BUILTINS

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of the spine that statements assign."""
        found: set[str] = set()
        for o in self.spine_occurrences:
            if o.use != "load":
                found.add(o.name)
        return frozenset(found - set(self.import_names) - set(self.definitions))

    @cached_property
    def spine_occurrences(self) -> list[Occurrence]:
        """Every use, anywhere in the module, of a name of the spine."""
        return [o for o in self.names.occurrences if id(o.scope) in self.spine_ids]

    def is_spine_scope(self, scope: Scope) -> bool:
        return id(scope) in self.spine_ids

    def flow(self) -> Flow:
        return Flow(self.source, self.names, self.spine.scopes)

    def rebound(self) -> frozenset[str]:
        """Names that are more than a constant: assigned twice, in compound statements or by functions, deleted."""
        counts: dict[str, int] = {}
        found: set[str] = set()
        simple = {
            t.id
            for s in self.statements
            if isinstance(s.node, ast.Assign | ast.AnnAssign)
            for t in (s.node.targets if isinstance(s.node, ast.Assign) else [s.node.target])
            if isinstance(t, ast.Name)
        }
        for o in self.spine_occurrences:
            if o.use == "store":
                counts[o.name] = counts.get(o.name, 0) + 1
                if o.form != "name":
                    found.add(o.name)
            elif o.use == "del":
                found.add(o.name)
        found |= {name for name, count in counts.items() if count > 1 or name not in simple}
        return frozenset(found)

    def dynamic_names(self) -> ast.Call | None:
        """A call by which code reaches its names dynamically (`exec`, `globals()`); None if there is none.

        `globals()["name"]` is that name, and what a function asks for its own local names stays as it is. Text that is
        run with names of its own (`eval(text, names)`) reaches no others.
        """
        stack: list[tuple[ast.AST, bool]] = [(self.source.tree, True)]
        while stack:
            node, in_spine = stack.pop()
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DYNAMIC:
                is_lookup = node.func.id in {"vars", "dir"} and bool(node.args)
                is_lookup |= node.func.id in {"eval", "exec"} and _has_table(node)
                if not is_lookup and node not in self.names.items and (in_spine or not shows_locals(node)):
                    return node
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                in_spine = self.is_spine_scope(self.names.scopes[node])
            elif isinstance(node, ast.ClassDef):
                in_spine = True
            stack += [(child, in_spine) for child in ast.iter_child_nodes(node)]
        return None


def _has_table(call: ast.Call) -> bool:
    return len(call.args) > 1 and not any(isinstance(each, ast.Starred) for each in call.args[:2])


def _bound_by_import(node: ast.stmt) -> list[str]:
    names = [b.name for b in bindings(node) if b.name != "*"]
    for child in ast.walk(node):
        if isinstance(child, ast.Assign):
            names += [t.id for t in child.targets if isinstance(t, ast.Name)]
    return names


def take_apart(path: str, text: str, constants: frozenset[str] = frozenset()) -> ProgramSyntax:
    """Take an entry module apart. `constants` are names that become settings: definitions may use
    them where they are defined."""
    source = SourceText(path, text)
    names = resolve_names(source)
    spine = find_spine(source, names)
    ids = {id(s) for s in spine.scopes}
    docstring = None
    body = source.tree.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        docstring = body[0] if isinstance(body[0].value.value, str) else None
    stores: dict[str, int] = {}
    for o in names.occurrences:
        if id(o.scope) in ids and o.use != "load":
            stores[o.name] = stores.get(o.name, 0) + 1
    made = _find_made_modules(source)
    qualified = qualified_names(body)
    replaced: set[str] = set()
    imports, rest = [], []
    for statement in spine.statements:
        if statement.node is docstring:
            continue
        is_early = is_import_only(statement.node) and _imports_once(statement.node, spine, stores)
        is_late = bool(replaced & {b.qualified for b in bindings(statement.node)}) if is_early else False
        if is_early and not is_late and not made.intersection(_imported_modules(statement.node)):
            imports.append(statement)
        else:
            rest.append(statement)
            replaced |= set(_find_replaced(statement.node, qualified))
    if any(isinstance(s.node, ast.If) for s in imports):
        imports, rest = _keep_conditional(spine, imports, rest, names, ids)
    imported = {name for s in imports for name in _bound_by_import(s.node)}
    definitions = find_movable(names, rest, ids, stores, imported | constants, qualified)
    moved = {id(d.statement) for d in definitions.values()}
    statements = [s for s in rest if id(s) not in moved]
    return ProgramSyntax(source, names, spine, imports, definitions, statements, docstring, ids)


def _find_replaced(node: ast.stmt, qualified: dict[str, str]) -> Iterator[str]:
    """What a statement puts in place of a module's own (`tools.load = faster`): imports take that from then on."""
    for child in ast.walk(node):
        if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
            yield qualify(dotted(child), qualified)


def _find_made_modules(source: SourceText) -> set[str]:
    """The modules that a program makes itself, like `%%writefile helper.py`: they can be imported from then on."""
    found = set()
    if "sys.modules[" in source.text:
        for node in list_nodes(source.tree):
            match node:
                case ast.Subscript(
                    value=ast.Attribute(attr="modules"), slice=ast.Constant(str(name)), ctx=ast.Store()
                ):
                    found.add(name.partition(".")[0])
    if re.search(r"""\.py["']""", source.text):
        written = (use.pattern for use in find_file_uses(source.tree) if use.mode == "write")
        found |= {path.removesuffix(".py").split("/")[0] for path in written if path.endswith(".py")}
    return found


def _imported_modules(node: ast.stmt) -> set[str]:
    return {binding.module.partition(".")[0] for binding in bindings(node) if not binding.level}


def _keep_conditional(
    spine: Spine, imports: list[SpineStatement], rest: list[SpineStatement], names: Names, ids: set[int]
) -> tuple[list[SpineStatement], list[SpineStatement]]:
    """Imports, and the rest: an import on a condition that the program computes happens where it stands."""

    def used(statement: SpineStatement, use: Use) -> set[str]:
        inside = names.within(statement.start, statement.end)
        return {o.name for o in inside if id(o.scope) in ids and o.use == use}

    computed = {name for statement in rest for name in used(statement, "store")}
    moved = {id(s) for s in imports if isinstance(s.node, ast.If) and used(s, "load") & computed}
    kept = {id(s) for s in rest} | moved
    return [s for s in imports if id(s) not in moved], [s for s in spine.statements if id(s) in kept]


def _imports_once(node: ast.stmt, spine: Spine, stores: dict[str, int]) -> bool:
    """Whether every name that an import statement binds is bound by imports of the same thing alone."""
    for name in set(_bound_by_import(node)):
        own = 0
        seen = set()
        for statement in spine.statements:
            if is_import_only(statement.node):
                bound = [b for b in bindings(statement.node) if b.name == name]
                fallbacks = _bound_by_import(statement.node).count(name) - len(bound)
                own += len(bound) + fallbacks
                if bound:
                    seen.add(tuple(b.qualified for b in bound))
        if own != stores.get(name, 0) or len(seen) > 1:
            return False
    return True
