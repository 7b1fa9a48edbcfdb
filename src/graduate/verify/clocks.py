"""Which variables of a program come from a clock, so that they are another in each run by their nature."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_CALLS = {
    "time",
    "time_ns",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "monotonic",
    "default_timer",
    "now",
    "utcnow",
    "today",
    "ctime",
    "asctime",
    "localtime",
    "gmtime",
    "strftime",
    "getrusage",
    "cpu_percent",
    "memory_info",
    "getpid",
    "uuid1",
    "uuid4",
    "mkdtemp",
    "mkstemp",
    "gethostname",
}


def find_clock_names(text: str) -> frozenset[str]:
    """Names that get, directly or through other names or functions, what a clock or the process gives."""
    tree = ast.parse(text)
    flows = list(_flows(tree))
    tainted: set[str] = set()
    while True:
        more = {
            t for targets, value in flows for t in targets if t not in tainted and _is_tainted(value, tainted)
        }
        if not more:
            return frozenset(tainted)
        tainted |= more


def _flows(tree: ast.Module) -> Iterator[tuple[set[str], list[ast.AST]]]:
    """What flows where: assigned names, functions that give a value, objects whose methods are given one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None:
                yield {name for t in targets for name in _bound(t)}, [node.value]
        elif isinstance(node, ast.FunctionDef):
            returned = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
            yield {node.name}, list(returned)
        elif isinstance(node, ast.For):
            yield set(_bound(node.target)), [node.iter]
        elif isinstance(node, ast.With):
            for item in node.items:
                if item.optional_vars is not None:
                    yield set(_bound(item.optional_vars)), [item.context_expr]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            yield set(_bound(owner)), [*node.args, *(keyword.value for keyword in node.keywords)]


def _bound(target: ast.AST) -> Iterator[str]:
    """The variables that an assignment to `target` changes."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        yield from _bound(target.value)
    elif isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _bound(each)


def _is_tainted(values: list[ast.AST], tainted: set[str]) -> bool:
    for value in values:
        for node in ast.walk(value):
            if isinstance(node, ast.Name) and node.id in tainted:
                return True
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name in _CALLS:
                    return True
    return False
