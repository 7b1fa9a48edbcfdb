"""Loops over data whose turns can run in several processes, and why others cannot."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from graduate.syntax import known_calls
from graduate.syntax.code import Function, ModuleCode
from graduate.syntax.independence import ADDING, Carries, Judge
from graduate.syntax.liveness import LoopLiveness
from graduate.syntax.loops import Unit, calls_in, find_carried, has_training
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.scopes import bound_names

_LAZY = frozenset({"walk", "iglob", "scandir", "rglob", "glob", "fwalk"})
_NO_TARGETS = frozenset({"loc", "iloc", "at", "iat"})


@dataclass(frozen=True, eq=False)
class DataLoop:
    """A loop that takes long over its items: what its turns add to, or why they cannot run apart from each other."""

    node: ast.For
    targets: tuple[str, ...] = ()
    why_not: Carries | None = None


def find_data_loops(
    unit: Unit, judge: Judge, module: ModuleCode, outer: Collection[str], skipped: Collection[ast.AST]
) -> list[DataLoop]:
    """The loops of a unit over data, each as far out as it can be. `outer` are the names around the loops, `skipped`
    loops that are taken care of otherwise."""
    liveness: dict[ast.stmt, LoopLiveness] = {}
    captured = frozenset(
        o.name for s in unit.body for o in unit.flow.occurrences(s) if o.at.function not in unit.scopes
    )
    unit.flow.live(unit.body, unit.live_after | captured, liveness)
    return list(_search(unit.body, unit, judge, module, outer, skipped, liveness))


def _search(
    body: Sequence[ast.stmt],
    unit: Unit,
    judge: Judge,
    module: ModuleCode,
    outer: Collection[str],
    skipped: Collection[ast.AST],
    liveness: dict[ast.stmt, LoopLiveness],
) -> Iterator[DataLoop]:
    for node in body:
        if node in skipped or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        refused = None
        if isinstance(node, ast.For) and _is_over_data(node, judge, module):
            targets = _find_targets(node)
            try:
                _check(node, unit, judge, module, outer, liveness, targets)
            except Carries as why:
                refused = DataLoop(node, why_not=why)
            else:
                yield DataLoop(node, targets)
                continue
        inner = [each for part in _bodies(node) for each in part]
        found = list(_search(inner, unit, judge, module, outer, skipped, liveness))
        if refused is not None and not any(each.why_not is None for each in found):
            yield refused
        else:
            yield from found


def _bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(node, name, [])
    for handler in getattr(node, "handlers", []):
        yield handler.body


def _is_over_data(loop: ast.For, judge: Judge, module: ModuleCode) -> bool:
    """Whether turns read or write files, or compute for long, in a loop that is not a training."""
    if isinstance(loop.iter, ast.Tuple | ast.List | ast.Set | ast.Dict) or has_training(loop):
        return False
    return _is_heavy(loop.body, judge, module)


def _is_heavy(body: Sequence[ast.stmt], judge: Judge, module: ModuleCode) -> bool:
    for call in (each for statement in body for each in calls_in(statement)):
        name = dotted(call.func)
        known = judge.code.resolve(module, name) if name else ""
        if isinstance(known, Function):
            loops = any(isinstance(n, ast.For | ast.While) for n in list_nodes(known.node))
            if loops or _is_heavy_function(known, judge):
                return True
        elif known_calls.is_heavy(_called(call, known)):
            return True
        elif isinstance(call.func, ast.Attribute):
            methods = judge.code.methods.get(call.func.attr, ())
            if any(_is_heavy_function(each, judge) for each in methods):
                return True
    return False


def _is_heavy_function(function: Function, judge: Judge) -> bool:
    known = judge.code.heavy
    if function.node not in known:
        known[function.node] = False  # while it is looked at: one that calls itself is no heavier for that
        known[function.node] = _is_heavy(function.node.body, judge, function.module)
    return known[function.node]


def _called(call: ast.Call, known: ast.ClassDef | str) -> str:
    """The name of what is called: of a member of a library, of a method, or of a builtin."""
    if isinstance(known, str) and known:
        return known
    return f".{call.func.attr}" if isinstance(call.func, ast.Attribute) else dotted(call.func)


def _find_targets(loop: ast.For) -> tuple[str, ...]:
    """What turns only add to, by the look of it: it was there before the loop."""
    stored = bound_names([ast.For(loop.target, ast.Constant(None), loop.body, [])])
    found: dict[str, None] = {}
    for node in list_nodes(*loop.body):
        match node:
            case ast.Expr(ast.Call(ast.Attribute(base, method))) if method in ADDING:
                found[dotted(base)] = None
            case ast.Assign(targets):
                found |= {dotted(each.value): None for each in targets if isinstance(each, ast.Subscript)}
    return tuple(
        name
        for name in found
        if name
        and name.partition(".")[0] not in stored
        and name.count(".") <= (1 if name.startswith("self.") else 0)
        and name.rpartition(".")[2] not in _NO_TARGETS
    )


def _check(
    loop: ast.For,
    unit: Unit,
    judge: Judge,
    module: ModuleCode,
    outer: Collection[str],
    liveness: dict[ast.stmt, LoopLiveness],
    targets: tuple[str, ...],
) -> None:
    """Raise `Carries` when the turns of a loop may need something of each other."""

    def fail(node: ast.AST, why: str) -> Carries:
        return Carries(module.path, getattr(node, "lineno", loop.lineno), why)

    if loop.orelse:
        raise fail(loop, "it has an else")
    for leaving in _leaves(loop.body):
        raise fail(leaving, "it may end early")
    for node in list_nodes(loop):
        if isinstance(node, ast.Name) and node.id.startswith("__") and not node.id.endswith("__"):
            raise fail(node, "it uses a private name of a class")
    carried = find_carried(unit, loop, liveness)
    if carried:
        name = min(carried)
        later = name in liveness[loop].after
        raise fail(loop, f"{name} is {'read after it' if later else 'carried from one turn to the next'}")
    if name := _lazy_part(loop.iter):
        raise fail(
            loop, f"{name}() lists folders while its turns run; sorted() or list() around it would not"
        )
    judge.check_loop(module, loop, outer, targets)


def _leaves(body: Sequence[ast.stmt], *, in_loop: bool = False) -> Iterator[ast.stmt]:
    """The statements that end a loop before its last item."""
    for node in body:
        if isinstance(node, ast.Return) or (isinstance(node, ast.Break) and not in_loop):
            yield node
        inner = in_loop or isinstance(node, ast.For | ast.While)
        for part in _bodies(node):
            yield from _leaves(part, in_loop=inner and part is not getattr(node, "orelse", None))


def _is_one_folder(call: ast.Call) -> bool:
    """Whether `path.glob(pattern)` lists one folder, which it does at once."""
    match call:
        case ast.Call(ast.Attribute(attr="glob"), [ast.Constant(str(pattern))]):
            return "/" not in pattern and "**" not in pattern
        case _:
            return False


def _lazy_part(iterable: ast.expr) -> str:
    """What in an iterable looks at folders item by item; "" for nothing."""
    if isinstance(iterable, ast.Call):
        name = iterable.func.attr if isinstance(iterable.func, ast.Attribute) else dotted(iterable.func)
        if name in ("sorted", "list", "tuple", "set", "len"):
            return ""
        if name in _LAZY and dotted(iterable.func) != "glob.glob" and not _is_one_folder(iterable):
            return name
        return next((found for each in iterable.args if (found := _lazy_part(each))), "")
    return ""
