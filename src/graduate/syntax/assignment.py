"""Forwards through statements: which names are certainly assigned, and which are read before they are."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graduate.syntax.nodes import dotted

if TYPE_CHECKING:
    from graduate.syntax.flow import Flow

NEVER_RETURN = frozenset({"exit", "quit", "sys.exit", "os._exit", "os.abort"})

State = frozenset[str] | None
"""The names that are certainly assigned; None where control never arrives."""


@dataclass
class Uses:
    """The names of a scope that a run of statements reads before writing, and writes."""

    exposed: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)


def _meet(states: Iterable[State]) -> State:
    reached = [s for s in states if s is not None]
    if not reached:
        return None
    return frozenset.intersection(*reached)


class Forwards:
    """Goes through statements with the names that are certainly assigned; notes uses on the way."""

    def __init__(self, flow: Flow, uses: Uses, before: dict[ast.stmt, State] | None = None) -> None:
        self.flow = flow
        self.uses = uses
        self.before = before if before is not None else {}
        self.breaks: list[list[State]] = []

    def run(self, statements: Sequence[ast.stmt], state: State) -> State:
        for statement in statements:
            state = self.step(statement, state)
        return state

    def read(self, node: ast.AST | None, state: State) -> State:
        """Evaluate an expression: its walrus targets are assigned, its reads recorded."""
        if node is None:
            return state
        known = state or frozenset()
        loads = self.flow.loads(node)
        self.uses.loaded |= loads
        stores = self.flow.stores(node)
        if not stores:
            self.uses.exposed |= loads - known
            return state
        self.uses.written |= stores
        certain = self.flow.certain(node)
        extra = loads - {o.name for o in self.flow.occurrences(node)}
        self.uses.exposed |= extra - known
        for o in self.flow.occurrences(node):
            if o.use in ("load", "del") and o.name not in known and o.start < certain.get(o.name, math.inf):
                self.uses.exposed.add(o.name)
        return state if state is None else known | set(certain)

    def write(self, target: ast.AST, state: State) -> State:
        loads = self.flow.loads(target)
        self.uses.loaded |= loads
        self.uses.exposed |= loads - (state or frozenset())
        stores = self.flow.stores(target)
        self.uses.written |= stores
        return state if state is None else state | stores

    def loop(
        self,
        body: Sequence[ast.stmt],
        orelse: Sequence[ast.stmt],
        before: State,
        inside: State,
        endless: bool,
    ) -> State:
        self.breaks.append([])
        ran = self.run(body, inside)
        broken = self.breaks.pop()
        if self.flow.loops_run and not endless:
            before = ran if ran is not None else before
        after = None if endless else self.run(orelse, before)
        return _meet([after, *broken])

    def step(self, node: ast.stmt, state: State) -> State:
        if isinstance(node, ast.For | ast.While):
            self.before[node] = state
        match node:
            case ast.Assign(targets=targets, value=value):
                state = self.read(value, state)
                for target in targets:
                    state = self.write(target, state)
            case ast.AugAssign(target=target, value=value):
                state = self.read(value, state)
                if isinstance(target, ast.Name):
                    names = self.flow.stores(target)
                    self.uses.loaded |= names
                    self.uses.exposed |= names - (state or frozenset())
                state = self.write(target, state)
            case ast.AnnAssign(target=target, value=value):
                self.read(node.annotation, state)
                state = self.read(value, state)
                if value is not None:
                    state = self.write(target, state)
            case ast.For() | ast.AsyncFor():
                state = self.read(node.iter, state)
                state = self.loop(node.body, node.orelse, state, self.write(node.target, state), False)
            case ast.While():
                state = self.read(node.test, state)
                endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
                state = self.loop(node.body, node.orelse, state, state, endless)
            case ast.If():
                state = self.read(node.test, state)
                state = _meet([self.run(node.body, state), self.run(node.orelse, state)])
            case ast.With() | ast.AsyncWith():
                before = state
                suppresses = False
                for item in node.items:
                    state = self.read(item.context_expr, state)
                    called = (
                        item.context_expr.func
                        if isinstance(item.context_expr, ast.Call)
                        else item.context_expr
                    )
                    suppresses |= "suppress" in dotted(called)
                    if item.optional_vars is not None:
                        state = self.write(item.optional_vars, state)
                inside = self.run(node.body, state)
                state = before if suppresses else inside
            case ast.Try() | ast.TryStar():
                state = self._try(node, state)
            case ast.Match():
                state = self._match(node, state)
            case ast.Return() | ast.Raise():
                for child in ast.iter_child_nodes(node):
                    self.read(child, state)
                return None
            case ast.Break():
                if self.breaks:
                    self.breaks[-1].append(state)
                return None
            case ast.Continue():
                return None
            case ast.Delete():
                for target in node.targets:
                    self.read(target, state)
                    if isinstance(target, ast.Name) and state is not None:
                        self.uses.written.add(target.id)
                        state = state - {target.id}
            case ast.Expr(value=value):
                state = self.read(value, state)
                if isinstance(value, ast.Call) and dotted(value.func) in NEVER_RETURN:
                    return None
            case ast.Assert(test=test, msg=message):
                state = self.read(test, state)
                self.read(message, state)
            case ast.Global() | ast.Nonlocal():
                pass
            case _:
                # Definitions and imports: what they read, then what they bind.
                loads = self.flow.loads(node)
                self.uses.loaded |= loads
                stores = self.flow.stores(node)
                first = {name for part in _read_before_bound(node) for name in self.flow.loads(part)}
                self.uses.exposed |= (loads - stores | first) - (state or frozenset())
                self.uses.written |= stores
                state = state if state is None else state | stores
        return state

    def _try(self, node: ast.Try | ast.TryStar, state: State) -> State:
        after_body = self.run(node.orelse, self.run(node.body, state))
        ends = [after_body]
        for handler in node.handlers:
            if handler.type is not None:
                self.read(handler.type, state)
            named = state
            if handler.name and state is not None:
                named = state | {handler.name}
            end = self.run(handler.body, named)
            ends.append(end if end is None or not handler.name else end - {handler.name})
        end = _meet(ends)
        if node.finalbody:
            final = self.run(node.finalbody, state)
            end = None if end is None or final is None else end | final
        return end

    def _match(self, node: ast.Match, state: State) -> State:
        state = self.read(node.subject, state)
        ends: list[State] = []
        total = False
        for case in node.cases:
            inside = self.write(case.pattern, state)
            inside = self.read(case.guard, inside)
            ends.append(self.run(case.body, inside))
            total |= (
                case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            )
        return _meet(ends if total else [*ends, state])


def _read_before_bound(node: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a definition that are evaluated before its name has its new value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield from node.decorator_list
    if isinstance(node, ast.ClassDef):
        yield from (*node.bases, *(keyword.value for keyword in node.keywords))
        yield from (
            each for each in node.body if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        )
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None))
