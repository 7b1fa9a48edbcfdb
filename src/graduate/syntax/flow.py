"""What statements read and write of one scope: definite assignment forwards, liveness backwards.

Both err on the safe side: a name read by a nested function or lambda counts as read where that is
written; an assignment that may not happen never counts as happening.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence

from graduate.syntax.assignment import Forwards, State, Uses
from graduate.syntax.liveness import Backwards, LoopLiveness
from graduate.syntax.scopes import Names, Occurrence, Scope
from graduate.syntax.text import SourceText


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

    def certain(self, node: ast.AST) -> dict[str, int]:
        """The names that an expression assigns whatever happens, with the byte from which on they are assigned."""
        found: dict[str, int] = {}
        stack = [node]
        while stack:
            part = stack.pop()
            match part:
                case ast.NamedExpr(target=target, value=value):
                    end = self.source.end(part)
                    found[target.id] = min(end, found.get(target.id, end))
                    stack.append(value)
                case ast.BoolOp(values=values):
                    stack.append(values[0])
                case ast.IfExp(test=test):
                    stack.append(test)
                case ast.Compare(left=left, comparators=comparators):
                    stack += [left, comparators[0]]
                case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                    stack.append(part.generators[0].iter)
                case ast.Lambda():
                    pass
                case _:
                    stack += ast.iter_child_nodes(part)
        return found

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
        return Forwards(self, uses, before).run(statements, state)

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
        return Backwards(self, loops).run(statements, after, after, after)
