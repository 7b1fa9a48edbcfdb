"""Calls that hand a whole training to a library (`model.fit`, `trainer.train`, `xgb.train`), found by what is called.

What a receiver is follows from what is assigned to it; where that cannot be told, the library is looked up when the
call is made, so the call counts when a library that it could belong to is imported somewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from graduate.syntax.imports import bindings, qualified_names, qualify
from graduate.syntax.nodes import dotted, list_nodes, parse
from graduate.syntax.text import SourceText

FIT_LIBRARIES = frozenset(
    {"keras", "tensorflow", "tf_keras", "pytorch_lightning", "lightning", "xgboost", "lightgbm", "skorch"}
)
"""Packages whose objects train by `fit`."""
TRAIN_LIBRARIES = frozenset({"transformers", "trl", "sentence_transformers", "setfit"})
"""Packages whose objects train by `train`."""
FUNCTIONS = frozenset({"xgboost.train", "lightgbm.train"})
WARM_STARTERS = frozenset(
    {
        f"sklearn.ensemble.{kind}{task}"
        for kind in ("RandomForest", "ExtraTrees", "GradientBoosting")
        for task in ("Classifier", "Regressor")
    }
)
"""The estimators of scikit-learn that can go on with a fit."""


def imported_libraries(texts: Iterable[str]) -> frozenset[str]:
    """The libraries with a `fit` that any of these modules imports, estimators of scikit-learn by their names."""
    return frozenset().union(*map(_imported_by, texts))


@lru_cache(maxsize=4096)
def _imported_by(text: str) -> frozenset[str]:
    found: set[str] = set()
    for binding in bindings(parse(text)):
        top = binding.qualified.partition(".")[0]
        if top in FIT_LIBRARIES | TRAIN_LIBRARIES:
            found.add(top)
        elif binding.qualified in WARM_STARTERS or binding.qualified in ("sklearn", "sklearn.ensemble"):
            found.add("sklearn")
    return frozenset(found)


def find_fit_calls(source: SourceText, libraries: frozenset[str]) -> Iterator[ast.Call]:
    """The calls in a module that can be made resumable; `libraries` are those that the project imports."""
    if not libraries:
        return
    imports = qualified_names([source.tree])
    classes = {n.name: n for n in list_nodes(source.tree) if isinstance(n, ast.ClassDef)}
    made = _made(source.tree)
    for call in _plain_calls(source.tree):
        if qualify(dotted(call.func), imports) in FUNCTIONS:
            yield call
        elif isinstance(call.func, ast.Attribute) and call.func.attr in ("fit", "train"):
            origins = _origins(call.func.value, made, imports, classes)
            if _can_train(call.func.attr, origins, libraries):
                yield call


def _plain_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """All calls but those in f-strings, whose places are not known, and in decorators."""
    hidden = {
        id(inner)
        for node in list_nodes(tree)
        if isinstance(node, ast.JoinedStr)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call)
    }
    return (n for n in list_nodes(tree) if isinstance(n, ast.Call) and id(n) not in hidden)


def _made(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """What is assigned to each name or attribute chain, anywhere in a module."""
    found: dict[str, list[ast.expr]] = {}
    for node in list_nodes(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if dotted(target):
                    found.setdefault(dotted(target), []).append(node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            found.setdefault(dotted(node.target), []).append(node.value)
    return found


def _origins(
    receiver: ast.expr,
    made: dict[str, list[ast.expr]],
    imports: dict[str, str],
    classes: dict[str, ast.ClassDef],
) -> set[str]:
    """The qualified names of what a receiver is made by; "" among them for what cannot be told."""
    if isinstance(receiver, ast.Call):
        return _qualified_bases(dotted(receiver.func), imports, classes)
    values = made.get(dotted(receiver), [])
    found: set[str] = set()
    for value in values:
        is_call = isinstance(value, ast.Call) and dotted(value.func)
        found |= _qualified_bases(dotted(value.func), imports, classes) if is_call else {""}  # type: ignore[attr-defined]
    return found or {""}


def _qualified_bases(
    name: str, imports: dict[str, str], classes: dict[str, ast.ClassDef], depth: int = 0
) -> set[str]:
    """What a class of the module is made of, by its bases; for an imported name the qualified one."""
    node = classes.get(name)
    if node is not None and depth < 5:
        bases = [dotted(base) for base in node.bases if dotted(base)]
        found = {each for base in bases for each in _qualified_bases(base, imports, classes, depth + 1)}
        return found or {"object"}
    first = name.partition(".")[0]
    return {qualify(name, imports)} if first in imports and not imports[first].startswith(".") else {""}


def _can_train(method: str, origins: set[str], libraries: frozenset[str]) -> bool:
    wanted = FIT_LIBRARIES if method == "fit" else TRAIN_LIBRARIES
    known = origins - {""}
    if any(each.partition(".")[0] in wanted for each in known):
        return True
    if method == "fit" and known & WARM_STARTERS:
        return True
    could_be = libraries & (wanted | ({"sklearn"} if method == "fit" else set()))
    return "" in origins and bool(could_be)
