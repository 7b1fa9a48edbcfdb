"""Which loops can be continued from a checkpoint, and what they carry from one iteration to the next."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from graduate.syntax.assignment import State, Uses
from graduate.syntax.flow import Flow
from graduate.syntax.liveness import LoopLiveness
from graduate.syntax.nodes import dotted, shows_locals
from graduate.syntax.scopes import Occurrence, Scope, walk_same_scope

LoopNode = ast.For | ast.While
TRAINING_CALLS = frozenset(
    {"backward", "step", "partial_fit", "train_on_batch", "apply_gradients", "train_step", "training_step"}
)
PURE_CALLS = frozenset(
    {"len", "abs", "any", "all", "max", "min", "sum", "int", "float", "bool", "round", "isinstance"}
)
PLAIN_MAKERS = frozenset(
    {"len", "int", "float", "str", "bool", "range", "round", "torch.device", "time.time"}
)
PLAIN_SINKS = frozenset({"to", "range", "len", "print"})


@dataclass(frozen=True, eq=False, slots=True)
class LoopPlan:
    """How one outermost loop of a unit is made resumable.

    `state` are the names that live on the state object; `initial` those of them that have a value
    before the loop; `objects` the other names whose objects the loop may mutate; `perhaps` those of both
    that may have no value before it; `iterators` those that the loop only advances by `next`; `after` the names
    that later code reads, `guarded` those of them that may be missing when the loop ran no iteration.
    `scopes` are those whose names the unit holds.
    `why_not` is the reason why it is left as it is ("" when it is not).
    """

    node: LoopNode
    inner: tuple[LoopNode, ...] = ()
    state: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    iterators: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    why_not: str = ""


@dataclass(eq=False, slots=True)
class Unit:
    """A function body or segment in which loops are looked for.

    `scopes` are the scopes whose names are local to it, `is_local` tells which of their names are;
    `assigned` those that have a value at its start, `live_after` those read after its end.
    """

    flow: Flow
    body: Sequence[ast.stmt]
    scopes: Sequence[Scope]
    is_local: Callable[[str], bool]
    assigned: frozenset[str]
    live_after: frozenset[str]


def calls_in(node: ast.AST) -> Iterator[ast.Call]:
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            yield child


def has_training(node: ast.AST, training_functions: frozenset[str] = frozenset()) -> bool:
    """Whether code takes training steps, itself or through a function known to do so."""
    for call in calls_in(node):
        name = dotted(call.func)
        last = name.rpartition(".")[2] or (call.func.attr if isinstance(call.func, ast.Attribute) else "")
        if last in TRAINING_CALLS and isinstance(call.func, ast.Attribute):
            return True
        if name in training_functions or (
            isinstance(call.func, ast.Attribute) and last in training_functions
        ):
            return True
    return False


def outermost_loops(body: Sequence[ast.stmt]) -> Iterator[LoopNode]:
    """The loops of a body that stand in no other loop, in order; nested functions are not entered."""
    for node in body:
        match node:
            case ast.For() | ast.While():
                yield node
            case ast.If():
                yield from outermost_loops([*node.body, *node.orelse])
            case ast.With():
                yield from outermost_loops(node.body)
            case ast.Try():
                yield from outermost_loops([*node.body, *node.orelse, *node.finalbody])
            case _:
                pass


def does_work(loop: LoopNode) -> bool:
    """Whether a loop accumulates something (it does more than print)."""
    for node in walk_same_scope(ast.Module(loop.body, [])):
        if isinstance(node, ast.Assign | ast.AugAssign):
            return True
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
        ):
            return True
    return False


def is_long(loop: LoopNode, in_training: bool, trainers: frozenset[str]) -> bool:
    """Whether a loop trains, or is part of what takes long in the program (`in_training`)."""
    if has_training(loop, trainers):
        return True
    if not in_training or not does_work(loop):
        return False
    return not (isinstance(loop, ast.For) and isinstance(loop.iter, ast.Tuple | ast.List | ast.Dict))


def plan_loops(unit: Unit, in_training: bool, trainers: frozenset[str]) -> list[LoopPlan]:
    """A plan for every outermost loop of the unit that takes long.

    `trainers` are the functions known to train; `in_training` says that the unit itself does.
    """
    wanted = [loop for loop in outermost_loops(unit.body) if is_long(loop, in_training, trainers)]
    if not wanted:
        return []
    before: dict[ast.stmt, State] = {}
    liveness: dict[ast.stmt, LoopLiveness] = {}
    uses = Uses()
    unit.flow.assigned(unit.body, unit.assigned, uses, before)
    captured = _captured(unit)
    unit.flow.live(unit.body, unit.live_after | frozenset(captured), liveness)
    unit_yields = any(
        isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for s in unit.body for n in walk_same_scope(s)
    )
    plans = []
    for loop in wanted:
        if unit_yields:
            plans.append(LoopPlan(loop, why_not="it stands in a generator or coroutine"))
            continue
        state = before.get(loop)
        plans.append(_plan(unit, loop, state or frozenset(), uses.written, liveness, captured))
    return plans


def _plan(
    unit: Unit,
    loop: LoopNode,
    certain: frozenset[str],
    written: set[str],
    liveness: dict[ast.stmt, LoopLiveness],
    captured: dict[str, list[Occurrence]],
) -> LoopPlan:
    local = [o for o in unit.flow.occurrences(loop) if unit.is_local(o.name)]
    stored = {o.name for o in local if o.use == "store"}
    inner = _inner_loops(loop)
    live = {n for n in liveness[loop].after if unit.is_local(n)}
    on_state = find_carried(unit, loop, liveness, inner)
    why_not = _why_not(unit, loop, local, on_state, captured)
    perhaps = {n for n in on_state if n not in certain and _assigned_before(unit, loop, n)}
    if why_not:
        return LoopPlan(loop, inner, why_not=why_not)
    used = unit.flow.loads(loop) | {o.name for o in local}
    objects = {
        n for n in (used | live) if unit.is_local(n) and n not in stored and not _is_plain(unit, n, loop)
    }
    perhaps |= {n for n in objects - certain if _assigned_before(unit, loop, n)}
    after = on_state & live
    return LoopPlan(
        node=loop,
        inner=inner,
        state=_ordered(on_state, local),
        initial=_ordered({n for n in on_state if n in certain}, local),
        perhaps=tuple(sorted(perhaps)),
        objects=tuple(sorted(objects & certain)),
        iterators=tuple(sorted(_advanced(loop) & (on_state | objects) & certain - captured.keys())),
        after=_ordered(after, local),
        guarded=_ordered({n for n in after if n not in certain and not _read_anyway(unit, loop, n)}, local),
        scopes=tuple(unit.scopes),
    )


def find_carried(
    unit: Unit,
    loop: LoopNode,
    liveness: dict[ast.stmt, LoopLiveness],
    inner: tuple[LoopNode, ...] = (),
) -> set[str]:
    """The names that a loop assigns and that a later iteration, of it or of `inner` ones, or later code may read."""
    local = [o for o in unit.flow.occurrences(loop) if unit.is_local(o.name)]
    stored = {o.name for o in local if o.use == "store"}
    carried = {n for n in stored & liveness[loop].after if unit.is_local(n)}
    for each in (loop, *inner):
        carried |= (stored & liveness[each].head) - _only_targets(local, each, loop, inner, unit)
    return carried


def _advanced(loop: LoopNode) -> set[str]:
    """The names that a loop reads in `next(name)` and nowhere else."""
    taken = {
        id(call.args[0]): call.args[0].id
        for call in calls_in(loop)
        if dotted(call.func) == "next" and call.args and isinstance(call.args[0], ast.Name)
    }
    read = {
        n.id
        for n in ast.walk(loop)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in taken
    }
    return set(taken.values()) - read


def _ordered(chosen: set[str], occurrences: list[Occurrence]) -> tuple[str, ...]:
    """The chosen names in the order in which the loop first mentions them."""
    seen = dict.fromkeys(o.name for o in occurrences if o.name in chosen)
    return (*seen, *sorted(chosen - set(seen)))


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _captured(unit: Unit) -> dict[str, list[Occurrence]]:
    """Local names that nested functions and lambdas use, with those uses."""
    found: dict[str, list[Occurrence]] = {}
    own = {id(s) for s in unit.scopes}
    for statement in unit.body:
        for o in unit.flow.occurrences(statement):
            if unit.is_local(o.name) and id(o.at.function) not in own:
                found.setdefault(o.name, []).append(o)
    return found


def _assigned_before(unit: Unit, loop: LoopNode, name: str) -> bool:
    start = unit.flow.source.start(loop)
    for statement in unit.body:
        for o in unit.flow.occurrences(statement):
            if o.name == name and o.use == "store" and o.start < start:
                return True
    return False


def _read_anyway(unit: Unit, loop: LoopNode, name: str) -> bool:
    """Whether code after a loop reads a name in any case, so that it fails anyhow when the loop did not run."""
    if name in unit.live_after:
        return True
    start = unit.flow.source.end(loop)
    simple = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return)
    after = [s for s in unit.body if unit.flow.source.start(s) >= start and isinstance(s, simple)]
    return any(name in unit.flow.loads(s) for s in after)


def _only_targets(
    local: list[Occurrence], head: LoopNode, outer: LoopNode, inner: tuple[LoopNode, ...], unit: Unit
) -> set[str]:
    """Targets of the wrapped loops around `head` that nothing else in the loop assigns: entering
    the loops again gives them their values."""
    around = [outer] if head is outer else [outer, head]
    targets: set[str] = set()
    spans = []
    for each in around:
        if isinstance(each, ast.For):
            targets |= unit.flow.stores(each.target)
            spans.append((unit.flow.source.start(each.target), unit.flow.source.end(each.target)))
    elsewhere = {
        o.name for o in local if o.use != "load" and not any(start <= o.start < end for start, end in spans)
    }
    return targets - elsewhere


def _inner_loops(outer: LoopNode) -> tuple[LoopNode, ...]:
    """The training loops directly in the body of another, where what precedes them runs straight through."""
    found: list[LoopNode] = []

    def search(body: Sequence[ast.stmt]) -> bool:
        for node in body:
            if isinstance(node, ast.For | ast.While):
                if has_training(node) and not node.orelse and not _impure_test(node):
                    found.append(node)
            elif isinstance(node, ast.With) and all(i.optional_vars is None for i in node.items):
                if not search(node.body):
                    return False
                continue
            if any(isinstance(n, ast.Continue | ast.Break | ast.Return) for n in _jumps(node)):
                return False
        return True

    search(outer.body)
    return tuple(found)


def _jumps(node: ast.stmt) -> Iterator[ast.AST]:
    """The jumps in a statement that leave it."""
    if isinstance(node, ast.For | ast.While):
        yield from (n for n in walk_same_scope(node) if isinstance(n, ast.Return))
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Continue | ast.Break | ast.Return):
            yield child
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _jumps(child)  # type: ignore[arg-type]
    if isinstance(node, ast.Continue | ast.Break | ast.Return):
        yield node


def _impure_test(loop: LoopNode) -> str:
    """Why the condition of a `while` cannot be tested once more after a resume; "" when it can."""
    if not isinstance(loop, ast.While):
        return ""
    for node in ast.walk(loop.test):
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield):
            return "its condition assigns"
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name not in PURE_CALLS and not name.startswith(("np.", "numpy.", "math.", "torch.")):
                return f"its condition calls {name or 'something'}()"
    return ""


def _why_not(
    unit: Unit,
    loop: LoopNode,
    local: list[Occurrence],
    on_state: set[str],
    captured: dict[str, list[Occurrence]],
) -> str:
    impure = _impure_test(loop)
    if impure:
        return impure
    shown = next(
        (n for s in unit.body for n in walk_same_scope(s) if shows_locals(n) and n.lineno >= loop.lineno),
        None,
    )
    if shown is not None:
        return f"line {shown.lineno} shows the names of the function ({ast.unparse(shown)})"
    for o in local:
        if o.name in on_state and o.form not in {"name"} and o.use == "store":
            return f"{o.name} is bound by a {o.form} statement in it"
    start, end = unit.flow.source.start(loop), unit.flow.source.end(loop)
    for name in on_state:
        if any(not start <= o.start < end for o in captured.get(name, ())):
            return f"{name} is also used by a nested function"
    if isinstance(loop, ast.For):
        clash = unit.flow.loads(loop.iter) & on_state
        if clash:
            return f"it iterates over {_listed(clash)}, which it assigns"
    return ""


def _is_plain(unit: Unit, name: str, loop: LoopNode) -> bool:
    """Whether a name surely refers to something that no code can mutate."""
    values: list[ast.expr] = []
    for statement in unit.body:
        for node in walk_same_scope(statement):
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == name for t in node.targets
            ):
                values.append(node.value)
            elif isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
                values.append(node)
    assigned = [v for v in values if not isinstance(v, ast.Name) or v.id != name]
    if assigned and len(values) == 2 * len(assigned) and all(_makes_plain(v) for v in assigned):
        return True
    return _only_in_plain_places(loop, name)


def _makes_plain(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant | ast.JoinedStr | ast.Compare):
        return True
    return isinstance(value, ast.Call) and dotted(value.func) in PLAIN_MAKERS


def _only_in_plain_places(loop: LoopNode, name: str) -> bool:
    """Whether the loop uses a name only where its object cannot change (`x.to(name)`, `i < name`)."""
    allowed: set[int] = set()
    for node in ast.walk(loop):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)
            if called in PLAIN_SINKS:
                allowed.update(id(a) for a in node.args)
                allowed.update(id(k.value) for k in node.keywords)
        elif isinstance(node, ast.Compare | ast.BinOp | ast.FormattedValue):
            allowed.update(id(c) for c in ast.iter_child_nodes(node))
    uses = [n for n in ast.walk(loop) if isinstance(n, ast.Name) and n.id == name]
    return bool(uses) and all(id(u) in allowed for u in uses)
