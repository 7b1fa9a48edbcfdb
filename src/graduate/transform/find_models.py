"""Pass: which names of the spine hold a trained model at the end, so that the pipeline keeps it for serving.

From the evidence for roles: a statement that constructs a model binds one; so does what takes one out of another
(`model = models[best]`, `model.to(device)`, `search.best_estimator_`, `for name, model in models.items()`). Too many
are no harm: what a name really holds is looked at when it is to be served.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from graduate.transform.draft import ProgramDraft

_ENOUGH = 2.0
"""The weight of evidence that a statement constructs a model."""
_SAME = frozenset(
    {"fit", "to", "cuda", "cpu", "float", "double", "half", "eval", "train", "compile", "items", "values"}
)
"""Methods of a model, or of a collection of models, that give it back."""
_INSIDE = frozenset({"best_estimator_", "estimator", "model", "module", "net", "network"})
"""Attributes that hold a model, of what holds one."""


def find_models(draft: ProgramDraft) -> None:
    """Fill `draft.models`, in the order of assignment."""
    made = {
        fact.line
        for fact in draft.facts.spine
        if sum(each.weight for each in fact.evidence if each.role == "model") >= _ENOUGH
    }
    source = draft.syntax.source
    found: dict[str, None] = {}
    for statement in draft.syntax.spine.statements:
        constructs = source.line(source.start(statement.node)) in made
        for name, value in _bindings(statement.node):
            if (constructs and _may_construct(value)) or _root(value) in found:
                # The last assignment counts.
                found.pop(name, None)
                found[name] = None
    usable = set(draft.syntax.variables) - set(draft.facts.unstorable)
    draft.models = tuple(name for name in found if name in usable)


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names that a statement binds, each with the expression that it comes from."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign):
            for target in inner.targets:
                yield from _names(target, inner.value)
        elif isinstance(inner, ast.AnnAssign | ast.NamedExpr) and inner.value is not None:
            yield from _names(inner.target, inner.value)
        elif isinstance(inner, ast.For):
            yield from _names(inner.target, inner.iter)


def _names(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value] * len(target.elts)
        for each, part in zip(target.elts, parts, strict=False):
            yield from _names(each, part)


def _may_construct(value: ast.expr) -> bool:
    """A call, or a collection with calls in it."""
    return any(isinstance(each, ast.Call) for each in ast.walk(value))


def _root(value: ast.expr) -> str:
    """The name that an expression takes its value out of; "" when it makes something else of it."""
    while True:
        if isinstance(value, ast.Name):
            return value.id
        if isinstance(value, ast.Subscript) or (isinstance(value, ast.Attribute) and value.attr in _INSIDE):
            value = value.value
        elif (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _SAME
        ):
            value = value.func.value
        elif (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Name)
            and value.func.id == "enumerate"
            and value.args
        ):
            value = value.args[0]
        else:
            return ""
