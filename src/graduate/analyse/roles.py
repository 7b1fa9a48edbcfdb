"""Evidence for the role of a statement, a function or a class, from its syntax tree alone.

Rules live in `role_rules.py`; here they are applied. Every piece of evidence says what was seen and where,
so that a person can see why code was put where it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from graduate.analyse.role_rules import (
    DOWNLOAD_COMMAND,
    Score,
    find_base_scores,
    find_call_scores,
    find_heading_role,
    find_method_scores,
    find_name_score,
)
from graduate.model.facts import Evidence, Role
from graduate.model.source import Place
from graduate.syntax.nodes import list_nodes

PlaceOf = Callable[[ast.AST], Place]

HEADING_WEIGHT = 0.5
COMPUTATION_WEIGHT = 1.0
DECISION_THRESHOLD = 0.75

# Calling a local function speaks for the role of that function; a metric is called to evaluate.
_CALLED_WEIGHT: dict[Role, Score] = {
    "download": ("download", 4.0),
    "preprocess": ("preprocess", 3.0),
    "validate": ("validate", 3.0),
    "dataset": ("dataset", 3.0),
    "loader": ("loader", 3.0),
    "model": ("model", 4.0),
    "loss": ("loss", 1.5),
    "train": ("train", 3.0),
    "evaluate": ("evaluate", 2.5),
    "metric": ("evaluate", 1.5),
}
_SHELLS = {
    "shell",
    "os.system",
    "os.popen",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.Popen",
}
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def find_statement_role(
    node: ast.stmt,
    *,
    imports: Mapping[str, str],
    definitions: Mapping[str, Role],
    heading: str,
    place: PlaceOf,
) -> tuple[Evidence, ...]:
    """The evidence in one spine statement; () when nothing speaks for any role.

    `imports` maps local names to qualified names, `definitions` names of local functions and classes to
    their roles, `heading` is the notebook heading above the statement ("" if none).
    """
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return ()
    found = _Found(place)
    _collect(node, imports, definitions, found)
    if isinstance(node, ast.Assert) and "version" not in ast.unparse(node.test):
        found.add("validate", 0.7, "an assertion", node)
    _add_computation(node, found)
    if heading and (role := find_heading_role(heading)) is not None:
        found.add(role, HEADING_WEIGHT, f"under the heading {heading!r}", node)
    return found.evidence()


def find_definition_role(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    *,
    imports: Mapping[str, str],
    definitions: Mapping[str, Role],
    place: PlaceOf,
) -> tuple[Role, tuple[Evidence, ...]]:
    """The role of a function or class and why: its name, its base classes, what it calls."""
    found = _Found(place)
    score = find_name_score(node.name)
    if score is not None and score[1]:
        found.add(*score, f"named {node.name}", node)
    if isinstance(node, ast.ClassDef):
        _add_class(node, imports, definitions, found)
    for child in node.body:
        _collect(child, imports, definitions, found, scale=0.5)
        _add_computation(child, found)
    evidence = found.evidence()
    return choose_role(evidence), evidence


def choose_role(evidence: tuple[Evidence, ...]) -> Role:
    """The role that most speaks for; "other" when little speaks for any."""
    totals: dict[Role, float] = {}
    for piece in evidence:
        totals[piece.role] = totals.get(piece.role, 0.0) + piece.weight
    if not totals:
        return "other"
    best = max(totals, key=lambda role: totals[role])
    return best if totals[best] >= DECISION_THRESHOLD else "other"


class _Found:
    """Collects evidence; the same observation counts once, however often it is made."""

    def __init__(self, place: PlaceOf) -> None:
        self._place = place
        self._pieces: dict[tuple[Role, str], tuple[float, ast.AST]] = {}

    def add(self, role: Role, weight: float, what: str, node: ast.AST) -> None:
        known = self._pieces.get((role, what))
        if known is None or known[0] < weight:
            self._pieces[role, what] = (weight, node)

    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(
            Evidence(role, weight, what, self._place(node))
            for (role, what), (weight, node) in self._pieces.items()
        )


def find_qualified_name(node: ast.expr, imports: Mapping[str, str]) -> str:
    """The qualified name of an expression like `plt.plot`; "" when its base is not an import."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in imports:
        return ""
    return ".".join([imports[node.id], *reversed(parts)])


def _collect(
    node: ast.AST,
    imports: Mapping[str, str],
    definitions: Mapping[str, Role],
    found: _Found,
    scale: float = 1.0,
) -> None:
    for child in list_nodes(node):
        if not isinstance(child, ast.Call):
            continue
        for (role, weight), what in _call_scores(child, imports, definitions):
            found.add(role, weight * scale, what, child)


def _call_scores(
    call: ast.Call, imports: Mapping[str, str], definitions: Mapping[str, Role]
) -> Iterator[tuple[Score, str]]:
    function = call.func
    qualified = find_qualified_name(function, imports)
    name = qualified or (function.id if isinstance(function, ast.Name) else "")
    if name in _SHELLS:
        if DOWNLOAD_COMMAND.search(" ".join(_strings(call))):
            yield ("download", 4.0), "a download command"
    elif qualified:
        scores = find_call_scores(qualified)
        for score in scores:
            yield score, f"calls {qualified}"
        # A function of a local module is known by its own name.
        own = qualified.rsplit(".", 1)[-1]
        if not scores and (role := definitions.get(own, "other")) in _CALLED_WEIGHT:
            yield _CALLED_WEIGHT[role], f"calls {own}"
    elif isinstance(function, ast.Attribute):
        for score in find_method_scores(function.attr, _receiver(function.value)):
            yield score, f"calls .{function.attr}()"
    elif name == "print":
        yield ("evaluate", 0.6 if _shows_values(call) else 0.1), "prints"
    elif name == "display":
        yield ("evaluate", 0.2), "displays a value"
    elif name in definitions:
        if (role := definitions[name]) in _CALLED_WEIGHT:
            yield _CALLED_WEIGHT[role], f"calls {name}"
    elif name:
        for score in find_call_scores(name):
            yield score, f"calls {name}"


def _receiver(node: ast.expr) -> str:
    """The last name of what a method is called on: `scaler` in `self.scaler.fit`."""
    if isinstance(node, ast.Call):
        return _receiver(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _strings(node: ast.AST) -> Iterator[str]:
    for child in list_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value


def _shows_values(call: ast.Call) -> bool:
    return any(not isinstance(argument, ast.Constant) for argument in call.args)


def _add_class(
    node: ast.ClassDef, imports: Mapping[str, str], definitions: Mapping[str, Role], found: _Found
) -> None:
    methods = {
        child.name for child in node.body if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for base in node.bases:
        qualified = find_qualified_name(base, imports)
        for role, weight in find_base_scores(qualified) if qualified else ():
            found.add(role, weight, f"is a {qualified}", node)
        if isinstance(base, ast.Name) and (role := definitions.get(base.id, "other")) != "other":
            found.add(role, 4.0, f"is a {base.id}", node)
    if node.bases and node.name.lower().endswith("loss"):
        found.add("loss", 4.0, "a class of losses by its name", node)
    if {"__getitem__", "__len__"} <= methods:
        found.add("dataset", 1.5, "has __getitem__ and __len__", node)
    if {"fit", "predict"} <= methods:
        found.add("model", 3.0, "has fit and predict", node)
    elif "forward" in methods:
        found.add("model", 2.0, "has forward", node)
    if any(_is_dataclass(decorator, imports) for decorator in node.decorator_list):
        found.add("settings", 0.5, "a dataclass", node)


def _is_dataclass(decorator: ast.expr, imports: Mapping[str, str]) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return find_qualified_name(target, imports).endswith("dataclass")


def _add_computation(node: ast.stmt, found: _Found) -> None:
    """A loop that accumulates over many rounds is the main computation where there is no learning."""
    for child in list_nodes(node):
        if isinstance(child, _LOOPS) and _is_long(child) and _accumulates(child):
            nested = any(isinstance(inner, _LOOPS) for part in child.body for inner in list_nodes(part))
            weight = COMPUTATION_WEIGHT if nested or isinstance(node, _LOOPS) else COMPUTATION_WEIGHT / 2
            found.add("train", weight, "a loop that accumulates", child)
            return


def _is_long(loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Whether a loop may run for many rounds: `while`, or `for` over a range or a generator of them."""
    if isinstance(loop, ast.While):
        return True
    called = loop.iter
    while isinstance(called, ast.Call):
        name = called.func.attr if isinstance(called.func, ast.Attribute) else getattr(called.func, "id", "")
        if name in {"range", "trange", "count"}:
            return True
        if not called.args:
            return False
        called = called.args[0]
    return False


def _accumulates(loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    for part in loop.body:
        for child in list_nodes(part):
            if isinstance(child, ast.AugAssign):
                return True
            if isinstance(child, ast.Assign) and isinstance(child.targets[0], ast.Subscript):
                return True
            if (
                isinstance(child, ast.Call)
                and isinstance(child.func, ast.Attribute)
                and child.func.attr in {"append", "extend", "add", "update"}
            ):
                return True
    return False
