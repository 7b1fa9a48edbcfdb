"""Which scope every name belongs to: the rules of the language reference §4.2, on `ast`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from graduate.syntax.fstrings import find_fields, parse_field
from graduate.syntax.nodes import named_global
from graduate.syntax.text import SourceText

ScopeKind = Literal["module", "function", "class", "comprehension"]
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(eq=False, slots=True)
class Scope:
    """A scope and the names bound in it. Compared by identity."""

    kind: ScopeKind
    node: ast.AST
    parent: Scope | None
    bound: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)

    def resolve(self, name: str) -> Scope:
        """The scope that `name`, used here, belongs to (the module's when it is bound nowhere)."""
        scope: Scope = self
        here = True
        while scope.parent is not None:
            if name in scope.global_names:
                return scope.module
            visible = here or scope.kind != "class"
            if visible and name in scope.bound and name not in scope.nonlocal_names:
                return scope
            here = False
            scope = scope.parent
        return scope

    @property
    def module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def function(self) -> Scope:
        """The nearest enclosing function or module scope, comprehensions skipped."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope

    def is_within(self, other: Scope) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if scope is other:
                return True
            scope = scope.parent
        return False


Use = Literal["load", "store", "del"]
Form = Literal["name", "def", "class", "import", "except", "global", "walrus", "match", "argument", "item"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One use of a name: bytes `start`..`end` of the identifier, where it is used and where it is bound.

    The form "item" is `globals()["name"]`, where that is the same as `name`.
    """

    name: str
    start: int
    end: int
    use: Use
    form: Form
    at: Scope
    scope: Scope


@dataclass(frozen=True, slots=True)
class DebugField:
    """An f-string field `{expression = }`: byte offsets; replacing a name in it must keep what is printed."""

    start: int
    expression_start: int
    expression_end: int
    debug_end: int
    tail: str


@dataclass(eq=False, slots=True)
class Names:
    """All occurrences of names in a module, sorted by offset, with the scopes by node."""

    module: Scope
    occurrences: list[Occurrence]
    scopes: dict[ast.AST, Scope]
    debug_fields: list[DebugField]
    quoted: list[tuple[int, int, str]] = field(default_factory=list)
    """The expressions inside f-strings: byte offsets, and what the string is written in."""
    items: set[ast.AST] = field(default_factory=set)
    """The calls of `globals()` that stand in an occurrence of the form "item"."""
    starts: list[int] = field(default_factory=list)

    def within(self, start: int, end: int) -> list[Occurrence]:
        """The occurrences in a span of bytes."""
        from bisect import bisect_left

        if not self.starts:
            self.starts.extend(o.start for o in self.occurrences)
        return self.occurrences[bisect_left(self.starts, start) : bisect_left(self.starts, end)]


def resolve_names(source: SourceText) -> Names:
    """Find every occurrence of every name in a module."""
    module = Scope("module", source.tree, None)
    visitor = _Resolver(source, module)
    _bind(module, source.tree.body)
    for statement in source.tree.body:
        visitor.visit(statement)
    visitor.occurrences.sort(key=lambda o: (o.start, o.end))
    return Names(
        module, visitor.occurrences, visitor.scopes, visitor.debug_fields, visitor.quoted, visitor.items
    )


def bound_names(statements: list[ast.stmt]) -> set[str]:
    """The names that statements bind in the scope that they stand in."""
    scope = Scope("module", ast.Module([], []), None)
    _bind(scope, statements)
    return scope.bound


def _bind(scope: Scope, statements: list[ast.stmt] | list[ast.expr]) -> None:
    """Record the names that statements bind in `scope` (nested scopes not entered, but for walrus)."""
    stack: list[ast.AST] = list(statements)
    while stack:
        node = stack.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                scope.bound.add(node.name)
                stack.extend(node.decorator_list)
                if isinstance(node, ast.ClassDef):
                    stack.extend([*node.bases, *(k.value for k in node.keywords)])
                else:
                    stack.extend([*node.args.defaults, *(d for d in node.args.kw_defaults if d)])
                continue
            case ast.Lambda():
                stack.extend([*node.args.defaults, *(d for d in node.args.kw_defaults if d)])
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                scope.bound.update(n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
                stack.append(node.generators[0].iter)
                continue
            case ast.Global():
                scope.global_names.update(node.names)
            case ast.Nonlocal():
                scope.nonlocal_names.update(node.names)
            case ast.Name(ctx=ast.Store() | ast.Del()):
                scope.bound.add(node.id)
            case ast.Import() | ast.ImportFrom():
                scope.bound.update(
                    (a.asname or a.name.partition(".")[0]) for a in node.names if a.name != "*"
                )
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                scope.bound.add(name)
            case ast.MatchMapping(rest=str(name)):
                scope.bound.add(name)
            case _:
                pass
        stack.extend(ast.iter_child_nodes(node))
    scope.bound -= scope.global_names


class _Resolver:
    def __init__(self, source: SourceText, module: Scope) -> None:
        self.source = source
        self.scope = module
        self.occurrences: list[Occurrence] = []
        self.scopes: dict[ast.AST, Scope] = {source.tree: module}
        self.debug_fields: list[DebugField] = []
        self.quoted: list[tuple[int, int, str]] = []
        self.items: set[ast.AST] = set()
        self.shift: tuple[SourceText, int] | None = None

    def offset(self, line: int, column: int) -> int:
        if self.shift is None:
            return self.source.offset(line, column)
        text, base = self.shift
        return text.offset(line, column) - 1 + base

    def add(self, name: str, start: int, use: Use, form: Form) -> None:
        scope = self.scope.resolve(name)
        if form == "walrus":
            scope = self.scope.function.resolve(name)
        end = self.source.name_end(name, start)
        self.occurrences.append(Occurrence(name, start, end, use, form, self.scope, scope))

    def visit(self, node: ast.AST) -> None:
        match node:
            case ast.Name():
                use: Use = {ast.Load: "load", ast.Store: "store", ast.Del: "del"}[type(node.ctx)]  # type: ignore[assignment]
                self.add(node.id, self.offset(node.lineno, node.col_offset), use, "name")
            case ast.Subscript() if self._is_item(node):
                self._item(node)
            case ast.NamedExpr():
                self.add(
                    node.target.id, self.offset(node.target.lineno, node.target.col_offset), "store", "walrus"
                )
                self.visit(node.value)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._definition(node, "def")
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Lambda():
                self._function(node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node)
            case ast.JoinedStr():
                self._fstring(node)
            case ast.Global() | ast.Nonlocal():
                self._declaration(node)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    if alias.name != "*":
                        name = alias.asname or alias.name.partition(".")[0]
                        self.add(name, self.offset(alias.lineno, alias.col_offset), "store", "import")
            case ast.ExceptHandler():
                if node.name:
                    self.add(node.name, self.offset(node.lineno, node.col_offset), "store", "except")
                self._children(node)
            case ast.MatchAs() | ast.MatchStar() | ast.MatchMapping():
                captured = node.rest if isinstance(node, ast.MatchMapping) else node.name
                if captured:
                    self.add(captured, self.offset(node.lineno, node.col_offset), "store", "match")
                self._children(node)
            case _:
                self._children(node)

    def _is_item(self, node: ast.Subscript) -> bool:
        """Whether `globals()["name"]` can be spelt `name` here."""
        name = named_global(node)
        return bool(name) and self.scope.resolve(name) is self.scope.module

    def _item(self, node: ast.Subscript) -> None:
        start = self.offset(node.lineno, node.col_offset)
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        module = self.scope.module
        self.items.add(node.value)
        self.occurrences.append(
            Occurrence(named_global(node), start, end, "load", "item", self.scope, module)
        )

    def _children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, form: Form) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        start = self.offset(node.lineno, node.col_offset)
        found = re.compile(rb"(?:async\s+def|def|class)[\s\\]+").match(self.source.data, start)
        self.add(node.name, found.end() if found else start, "store", form)

    def _enter(self, kind: ScopeKind, node: ast.AST) -> Scope:
        scope = Scope(kind, node, self.scope)
        self.scopes[node] = scope
        return scope

    def _function(self, node: Function) -> None:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        for default in [*arguments.defaults, *(d for d in arguments.kw_defaults if d)]:
            self.visit(default)
        for argument in every:
            if argument.annotation:
                self.visit(argument.annotation)
        if not isinstance(node, ast.Lambda) and node.returns:
            self.visit(node.returns)
        scope = self._enter("function", node)
        body: list[ast.stmt] | list[ast.expr] = [node.body] if isinstance(node, ast.Lambda) else node.body
        _bind(scope, body)
        scope.bound.update(a.arg for a in every)
        outer, self.scope = self.scope, scope
        for argument in every:
            self.add(argument.arg, self.offset(argument.lineno, argument.col_offset), "store", "argument")
        for child in body:
            self.visit(child)
        self.scope = outer

    def _class(self, node: ast.ClassDef) -> None:
        self._definition(node, "class")
        for child in [*node.bases, *(k.value for k in node.keywords)]:
            self.visit(child)
        scope = self._enter("class", node)
        _bind(scope, node.body)
        outer, self.scope = self.scope, scope
        for statement in node.body:
            self.visit(statement)
        self.scope = outer

    def _comprehension(self, node: Comprehension) -> None:
        self.visit(node.generators[0].iter)
        scope = self._enter("comprehension", node)
        for generator in node.generators:
            scope.bound.update(n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name))
        outer, self.scope = self.scope, scope
        for index, generator in enumerate(node.generators):
            self.visit(generator.target)
            if index:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for child in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self.visit(child)
        self.scope = outer

    def _declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        start = self.offset(node.lineno, node.col_offset)
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        text = self.source.data[start:end]
        written = list(re.finditer(rb"[^\s,\\]+", text))[1:]
        for name, found in zip(node.names, written, strict=True):
            self.add(name, start + found.start(), "store", "global")

    def _fstring(self, node: ast.JoinedStr) -> None:
        if self.shift is not None:
            # An f-string inside a field: its own fields are found with those of the outer string.
            start = self.offset(node.lineno, node.col_offset)
            end = self.offset(node.end_lineno or 0, node.end_col_offset or 0)
        else:
            start, end = self.source.start(node), self.source.end(node)
        text = self.source.slice(start, end)
        for found in find_fields(text):
            expression = text[found.expression_start : found.expression_end]
            base = start + len(text[: found.expression_start].encode())
            self.quoted.append((base, base + len(expression.encode()), found.quote))
            if found.debug:
                stop = base + len(expression.rstrip().encode())
                opening = start + len(text[: found.start].encode())
                self.debug_fields.append(
                    DebugField(
                        opening, base, stop, base + len((expression + found.debug).encode()), found.tail
                    )
                )
            before = self.shift
            self.shift = (SourceText(self.source.path, "(" + expression + "\n)"), base)
            self.visit(parse_field(expression))
            self.shift = before


def walk_same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below `node` (itself included) that run in its scope: nested functions are not entered."""
    stack: list[ast.AST] = [node]
    while stack:
        current = stack.pop()
        yield current
        for child in ast.iter_child_nodes(current):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                yield child
                continue
            stack.append(child)
