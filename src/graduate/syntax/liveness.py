"""Backwards through statements: which names may be read later."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graduate.syntax.flow import Flow


@dataclass(frozen=True, slots=True)
class LoopLiveness:
    """The names live at the head of a loop (its iterable already evaluated), and after the loop."""

    head: frozenset[str]
    after: frozenset[str]


class Backwards:
    """Goes through statements from the end, with the names that are live; notes those of loops on the way."""

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
                    live |= plain(handler.body, final, on_break, on_continue) - {handler.name}
                    if handler.type is not None:
                        live |= loads(handler.type)
                return live
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
            case ast.Expr() | ast.Assert():
                return (after - set(self.flow.certain(node))) | loads(node)
            case _:
                return (after - self.flow.stores(node)) | loads(node)

    def _deleted(self, node: ast.Delete) -> frozenset[str]:
        return frozenset(t.id for t in node.targets if isinstance(t, ast.Name))
