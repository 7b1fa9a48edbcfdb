"""Whether the turns of a loop need nothing of each other: what a turn reads, changes and calls, callees included.

Each value has a level: how much of it other turns may know. What cannot be told counts as shared, and what may change
something shared ends the search with its place and reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graduate.syntax.code import Code, Function, ModuleCode
from graduate.syntax.scopes import bound_names
from graduate.syntax.turn_calls import Calls
from graduate.syntax.turn_values import NEW, PLAIN, SHARED, Carries, Level

__all__ = ["ADDING", "Carries", "Judge"]

ADDING = frozenset({"append", "extend", "add"})
"""Methods by which turns may add to what the loop fills; beside them, `x[key] = value`."""


@dataclass(eq=False)
class Judge:
    """Looks at loops of one program. What it found out about functions is kept."""

    code: Code
    results: dict[tuple[int, tuple[Level, ...]], Level | None] = field(default_factory=dict)
    read: set[tuple[str, str]] = field(default_factory=set)
    """(Module, name) of the global variables that functions read."""

    def check_loop(
        self, module: ModuleCode, loop: ast.For, outer: Iterable[str], targets: Iterable[str]
    ) -> None:
        """Raise `Carries` when a turn may need something of another one. `outer` are the names of the function around
        the loop, `targets` the expressions that the turns may add to."""
        self.read = set()
        self.results = {}
        stored = bound_names([ast.For(loop.target, ast.Constant(None), loop.body, [])])
        turn = Turn(self, module, stored, frozenset(outer) - stored, frozenset(targets), is_loop=True)
        turn.assign(loop.target, turn.element(turn.items_of(loop.iter)))
        turn.run(loop.body)
        for method in self.code.operators:
            self.call(method, tuple(SHARED for _ in method.parameters), loop, module.path)
        clash = sorted(name for path, name in self.read if path == module.path and name in stored)
        roots = {each.partition(".")[0] for each in targets}
        clash += sorted(name for path, name in self.read if path == module.path and name in roots)
        if clash:
            raise Carries(module.path, loop.lineno, f"a function that it calls reads {clash[0]}")

    def call(self, function: Function, levels: tuple[Level, ...], node: ast.AST, path: str) -> Level:
        """The level of what a function gives for arguments of these levels, one for each parameter."""
        key = id(function.node), levels
        if key in self.results:
            found = self.results[key]
            if found is None:
                raise Carries(path, getattr(node, "lineno", 1), f"{function.name} calls itself")
            return found
        if why := function.why_not:
            raise Carries(function.module.path, function.node.lineno, f"{function.name} {why}")
        self.results[key] = None
        arguments = function.node.args
        names = {*function.parameters, *(a.arg for a in (arguments.vararg, arguments.kwarg) if a)}
        turn = Turn(self, function.module, bound_names(function.node.body) | names, frozenset(), frozenset())
        turn.levels = dict.fromkeys(names, SHARED) | dict(zip(function.parameters, levels, strict=True))
        turn.run(function.node.body)
        is_made = function.name.endswith("__init__") and bool(function.parameters)
        given = turn.levels[function.parameters[0]] if is_made else turn.returned
        self.results[key] = given
        return given


class Turn(Calls):
    """The body of a loop or a function, statement by statement."""

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Levels only rise, so this ends."""
        while True:
            before = dict(self.levels), self.returned
            self.block(body)
            if before == (self.levels, self.returned):
                return

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(ast.Call(ast.Attribute(target, method)) as call) if self.is_target(target):
                if method not in ADDING or call.keywords or len(call.args) != 1:
                    raise self.fail(node, f"{ast.unparse(target)}.{method}() is more than adding to it")
                self.value(call.args[0])
            case ast.Expr(value):
                self.value(value)
            case ast.Assign(targets, value):
                level = self.value(value)
                for target in targets:
                    self.assign(target, level)
            case ast.AnnAssign(target, _, value):
                if value is not None:
                    self.assign(target, self.value(value))
            case ast.AugAssign(target, _, value):
                self.augment(node, target, self.value(value))
            case ast.For(target, iterable, body, orelse):
                self.assign(target, self.element(self.items_of(iterable)))
                self.block([*body, *orelse])
            case ast.While(test, body, orelse) | ast.If(test, body, orelse):
                self.value(test)
                self.block([*body, *orelse])
            case ast.With(items, body):
                for item in items:
                    self.enter(item)
                self.block(body)
            case ast.Try(body, handlers, orelse, finalbody):
                self.block(body)
                for handler in handlers:
                    if handler.name:
                        self.raise_level(handler.name, NEW)
                    self.block(handler.body)
                self.block([*orelse, *finalbody])
            case ast.Return(value) if not self.is_loop:
                if value is not None:
                    self.returned = max(self.returned, self.value(value))
            case ast.Delete(targets):
                for each in targets:
                    if not isinstance(each, ast.Name):
                        self.change(each)
            case ast.Import() | ast.ImportFrom():
                self.bound -= {(a.asname or a.name).partition(".")[0] for a in node.names}
            case ast.Assert() | ast.Raise():
                self.parts(node)
            case ast.Pass() | ast.Continue() | ast.Break():
                pass
            case _:
                raise self.fail(node, f"it has a {type(node).__name__.lower()} statement")

    def enter(self, item: ast.withitem) -> None:
        level = self.value(item.context_expr)
        if level is SHARED:
            raise self.fail(
                item.context_expr, f"it enters {ast.unparse(item.context_expr)}, which all turns share"
            )
        if item.optional_vars is not None:
            self.assign(item.optional_vars, level)

    def augment(self, node: ast.AugAssign, target: ast.expr, level: Level) -> None:
        if not isinstance(target, ast.Name):
            self.change(target, level)
            return
        if self.levels.get(target.id, PLAIN) is SHARED:
            raise self.fail(node, f"{target.id} may be changed in place, and other turns may know it")
        self.raise_level(target.id, max(level, NEW) if level is not PLAIN else PLAIN)
