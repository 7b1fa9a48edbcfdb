"""What statements read and write of one scope: definite assignment forwards, liveness backwards.

Both err on the safe side: a name read by a nested function or lambda counts as read where that is
written; an assignment that may not happen never counts as happening.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from graduate.syntax.scopes import Names, Occurrence, Scope
from graduate.syntax.text import SourceText

NEVER_RETURN = frozenset({"exit", "quit", "sys.exit", "os._exit", "os.abort"})

State = frozenset[str] | None
"""The names that are certainly assigned; None where control never arrives."""


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of attributes on a name, "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _meet(states: Iterable[State]) -> State:
    reached = [s for s in states if s is not None]
    if not reached:
        return None
    return frozenset.intersection(*reached)


@dataclass
class Uses:
    """The names of a scope that a run of statements reads before writing, and writes."""

    exposed: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class LoopLiveness:
    """The names live at the head of a loop (its iterable already evaluated), and after the loop."""

    head: frozenset[str]
    after: frozenset[str]


class Flow:
    """Flow analysis over the names of `scopes` in one module.

    `extra(start, end)` gives names that are read in a span besides those written there (what a
    lifted function needs at its calls). With `loops_run`, every loop is taken to run at least once.
    """

    def __init__(
        self,
        source: SourceText,
        names: Names,
        scopes: Sequence[Scope],
        extra: Callable[[int, int], Iterable[str]] | None = None,
        *,
        loops_run: bool = False,
    ) -> None:
        self.source = source
        self.names = names
        self.scopes = {id(s) for s in scopes}
        self.extra = extra
        self.loops_run = loops_run

    def occurrences(self, node: ast.AST) -> list[Occurrence]:
        found = self.names.within(self.source.start(node), self.source.end(node))
        return [o for o in found if id(o.scope) in self.scopes]

    def loads(self, node: ast.AST) -> set[str]:
        """Names read in an expression or statement, deferred reads included."""
        start, end = self.source.start(node), self.source.end(node)
        found = {o.name for o in self.occurrences(node) if o.use in ("load", "del")}
        if self.extra is not None:
            found.update(self.extra(start, end))
        return found

    def stores(self, node: ast.AST) -> set[str]:
        return {o.name for o in self.occurrences(node) if o.use == "store" and o.form != "global"}

    # Forwards: what is read before it is certainly assigned.

    def assigned(
        self,
        statements: Sequence[ast.stmt],
        state: State,
        uses: Uses,
        before: dict[ast.stmt, State] | None = None,
    ) -> State:
        """The names certainly assigned after `statements`; reads and writes are added to `uses`.

        `before` receives what is certainly assigned before each loop.
        """
        return _Forwards(self, uses, before).run(statements, state)

    # Backwards: what is read later.

    def live(
        self,
        statements: Sequence[ast.stmt],
        after: frozenset[str],
        loops: dict[ast.stmt, LoopLiveness] | None = None,
    ) -> frozenset[str]:
        """The names whose value may be read at or after the start of `statements`.

        `loops` receives what is live at the head of each loop and after it.
        """
        return _Backwards(self, loops).run(statements, after, after, after)


class _Forwards:
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
        stores = self.flow.stores(node)
        self.uses.written |= stores
        known = (state or frozenset()) | stores
        loads = self.flow.loads(node)
        self.uses.loaded |= loads
        self.uses.exposed |= loads - known
        return state if state is None else known

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
            case ast.Global() | ast.Nonlocal():
                pass
            case _:
                # Definitions, imports, asserts: what they read, then what they bind.
                loads = self.flow.loads(node)
                self.uses.loaded |= loads
                stores = self.flow.stores(node)
                self.uses.exposed |= loads - (state or frozenset()) - stores
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


class _Backwards:
    def __init__(self, flow: Flow, loops: dict[ast.stmt, LoopLiveness] | None = None) -> None:
        self.flow = flow
        self.loops = loops if loops is not None else {}

    def run(
        self,
        statements: Sequence[ast.stmt],
        after: frozenset[str],
        on_break: frozenset[str],
        on_continue: frozenset[str],
    ) -> frozenset[str]:
        for statement in reversed(statements):
            after = self.step(statement, after, on_break, on_continue)
        return after

    def step(
        self, node: ast.stmt, after: frozenset[str], on_break: frozenset[str], on_continue: frozenset[str]
    ) -> frozenset[str]:
        loads, plain = self.flow.loads, self.run
        match node:
            case ast.For() | ast.AsyncFor():
                done = plain(node.orelse, after, on_break, on_continue)
                head = done
                while True:
                    inside = plain(node.body, head, after, head) - self.flow.stores(node.target)
                    grown = head | inside | loads(node.target)
                    if grown == head:
                        break
                    head = grown
                self.loops[node] = LoopLiveness(head, after)
                return head | loads(node.iter)
            case ast.While():
                done = plain(node.orelse, after, on_break, on_continue)
                head = done | loads(node.test)
                while True:
                    grown = head | plain(node.body, head, after, head)
                    if grown == head:
                        break
                    head = grown
                self.loops[node] = LoopLiveness(head, after)
                return head
            case ast.If():
                body = plain(node.body, after, on_break, on_continue)
                return body | plain(node.orelse, after, on_break, on_continue) | loads(node.test)
            case ast.With() | ast.AsyncWith():
                live = plain(node.body, after, on_break, on_continue)
                for item in node.items:
                    if item.optional_vars is not None:
                        live = (live - self.flow.stores(item.optional_vars)) | loads(item.optional_vars)
                    live |= loads(item.context_expr)
                return live
            case ast.Try() | ast.TryStar():
                final = plain(node.finalbody, after, on_break, on_continue)
                live = plain(
                    node.body, plain(node.orelse, final, on_break, on_continue), on_break, on_continue
                )
                # Any statement of the body may be the last one: nothing that it assigns is surely assigned.
                live |= final
                for handler in node.handlers:
                    live |= plain(handler.body, final, on_break, on_continue)
                    if handler.type is not None:
                        live |= loads(handler.type)
                return live | self._all_loads(node.body)
            case ast.Match():
                live = after
                for case in node.cases:
                    inside = plain(case.body, after, on_break, on_continue)
                    live |= inside | loads(case.pattern) | (loads(case.guard) if case.guard else frozenset())
                return live | loads(node.subject)
            case ast.Return() | ast.Raise():
                return frozenset(loads(node))
            case ast.Break():
                return on_break
            case ast.Continue():
                return on_continue
            case ast.AugAssign():
                return after | loads(node) | self.flow.stores(node.target)
            case ast.Assign(targets=targets, value=value):
                live = after
                for target in targets:
                    live = (live - self.flow.stores(target)) | loads(target)
                return live | loads(value)
            case ast.Delete():
                return (after - self._deleted(node)) | loads(node)
            case ast.AnnAssign(value=None):
                return after
            case _:
                return (after - self.flow.stores(node)) | loads(node)

    def _all_loads(self, statements: Sequence[ast.stmt]) -> frozenset[str]:
        return frozenset(name for s in statements for name in self.flow.loads(s))

    def _deleted(self, node: ast.Delete) -> frozenset[str]:
        return frozenset(t.id for t in node.targets if isinstance(t, ast.Name))
