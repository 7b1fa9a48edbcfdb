"""Pass: names of the spine reach the code that uses them.

Between segments they are arguments and returns. A function that reads one gets it as a
parameter, and so do its callers, to a fixed point. Where that is not surely the same (methods, `global`,
functions used as values, names that may have no value) the name lives on the project's `context`.
"""

from __future__ import annotations

import ast

from graduate.syntax.assignment import Uses
from graduate.syntax.movable import Definition
from graduate.syntax.nodes import shows_locals
from graduate.syntax.scopes import Occurrence, Scope
from graduate.transform.caught_names import find_caught_names
from graduate.transform.draft import Blocked, ProgramDraft, SegmentDraft

ASSIGNABLE = frozenset({"name", "global", "def", "class", "import"})


def lift_globals(draft: ProgramDraft) -> None:
    """Fill `draft.context`, `draft.lifted` and the segments' arguments and returns."""
    owners = _owners(draft)
    _force_written(draft, owners)
    while True:
        before = len(draft.context)
        _lift_reads(draft, owners)
        _force_closures(draft, owners)
        _thread_segments(draft)
        if len(draft.context) == before:
            break
    for o in draft.syntax.spine_occurrences:
        if o.name in draft.context and o.use == "store" and o.form not in ASSIGNABLE:
            line = draft.syntax.source.line(o.start)
            raise Blocked(f"{o.name} is shared with functions and bound by a {o.form} expression", line)


Owner = Definition | SegmentDraft | None


def _owners(draft: ProgramDraft) -> list[tuple[Occurrence, Owner]]:
    """Every use of a spine name with the definition or segment that it stands in."""
    spans: list[tuple[int, int, Owner]] = []
    for definition in draft.syntax.definitions.values():
        spans.append((definition.statement.start, definition.statement.end, definition))
    for segment in draft.segments:
        for statement in segment.statements:
            spans.append((statement.start, statement.end, segment))
            if statement.synthetic and isinstance(statement.node, ast.Assign):
                target = statement.node.targets[0]
                spans.append((draft.syntax.source.start(target), draft.syntax.source.end(target), segment))
    spans.sort(key=lambda span: span[0])
    found: list[tuple[Occurrence, Owner]] = []
    at = 0
    for o in draft.syntax.spine_occurrences:
        while at < len(spans) and spans[at][1] <= o.start:
            at += 1
        owner = spans[at][2] if at < len(spans) and spans[at][0] <= o.start else None
        found.append((o, owner))
    return found


def _is_direct(draft: ProgramDraft, scope: Scope) -> bool:
    """Whether code in `scope` runs where it stands (not later, in a function)."""
    return draft.syntax.is_spine_scope(scope.function) and scope.function.kind != "class"


def _force_written(draft: ProgramDraft, owners: list[tuple[Occurrence, Owner]]) -> None:
    """Names that functions assign live on the context."""
    for o, owner in owners:
        if not draft.is_variable(o.name):
            continue
        inside = isinstance(owner, Definition) or not _is_direct(draft, o.at)
        if o.use != "load" and inside and o.form != "argument":
            draft.context.add(o.name)


def _lift_reads(draft: ProgramDraft, owners: list[tuple[Occurrence, Owner]]) -> None:
    """Decide which names each function is passed."""
    while True:
        needs = _needs(draft, owners)
        bad = _unliftable(draft, owners, needs)
        forced = {name for function in bad for name in needs[function]}
        for o, owner in owners:
            if not draft.is_variable(o.name):
                continue
            if isinstance(owner, Definition) and owner.is_class:
                forced.add(o.name)
        forced |= _shadowed(draft, owners, needs)
        if not forced - draft.context:
            draft.lifted = {f: tuple(sorted(n)) for f, n in needs.items() if n}
            return
        draft.context |= forced


def _needs(draft: ProgramDraft, owners: list[tuple[Occurrence, Owner]]) -> dict[str, set[str]]:
    needs: dict[str, set[str]] = {d.name: set() for d in draft.syntax.definitions.values() if not d.is_class}
    calls: dict[str, set[str]] = {name: set() for name in needs}
    for o, owner in owners:
        if not isinstance(owner, Definition) or owner.is_class:
            continue
        if draft.is_variable(o.name):
            needs[owner.name].add(o.name)
        elif o.name in needs and o.use == "load":
            calls[owner.name].add(o.name)
    changed = True
    while changed:
        changed = False
        for name, called in calls.items():
            for other in called:
                if not needs[other] <= needs[name]:
                    needs[name] |= needs[other]
                    changed = True
    return needs


def _unliftable(
    draft: ProgramDraft, owners: list[tuple[Occurrence, Owner]], needs: dict[str, set[str]]
) -> set[str]:
    """Functions that are used in another way than by a plain call from a segment or function."""
    bad: set[str] = set()
    source = draft.syntax.source
    for o, owner in owners:
        if not needs.get(o.name) or o.use != "load":
            continue
        called = source.data[o.end : o.end + 200].lstrip()[:1] == b"("
        in_class = isinstance(owner, Definition) and owner.is_class
        if not called or in_class or owner is None or _is_decorator(source.data, o.start):
            bad.add(o.name)
    for name in needs:
        node = draft.syntax.definitions[name].node
        if needs[name] and any(
            isinstance(n, ast.Yield | ast.YieldFrom) or shows_locals(n) for n in ast.walk(node)
        ):
            # A generator reads its globals while it is consumed, perhaps after they changed; and a further
            # parameter would be seen by `locals()`.
            bad.add(name)
    return bad


def _is_decorator(data: bytes, start: int) -> bool:
    return data[:start].rstrip(b" \t")[-1:] == b"@"


def _shadowed(
    draft: ProgramDraft, owners: list[tuple[Occurrence, Owner]], needs: dict[str, set[str]]
) -> set[str]:
    """Names that mean something else where a function that needs them is called."""
    found: set[str] = set()
    for o, _ in owners:
        if o.use == "load" and o.name in needs:
            for name in needs[o.name]:
                if not draft.syntax.is_spine_scope(o.at.resolve(name)):
                    found.add(name)
    return found


def _force_closures(draft: ProgramDraft, owners: list[tuple[Occurrence, Owner]]) -> None:
    """Names that lambdas and nested functions of a segment read, when they may change after the segment."""
    index = {id(s): i for i, s in enumerate(draft.segments)}
    last_store: dict[str, int] = {}
    first_store: dict[str, int] = {}
    for o, owner in owners:
        if isinstance(owner, SegmentDraft) and o.use != "load":
            position = index[id(owner)]
            last_store[o.name] = max(position, last_store.get(o.name, position))
            first_store[o.name] = min(position, first_store.get(o.name, position))
    for o, owner in owners:
        if not isinstance(owner, SegmentDraft) or o.use != "load" or _is_direct(draft, o.at):
            continue
        names = draft.lifted.get(o.name, ()) if o.name in draft.lifted else (o.name,)
        for name in names:
            if not draft.is_variable(name):
                continue
            here = index[id(owner)]
            if last_store.get(name, -1) > here or first_store.get(name, here + 1) > here:
                draft.context.add(name)


def _thread_segments(draft: ProgramDraft) -> None:
    """The arguments and returns of every segment; names that may have no value go to the context.

    A name that only a loop assigns is taken to have a value where later code reads it in any case: had the
    loop run no iteration, the original would have failed there too.
    """
    certain = _certain_reads(draft)
    flows = (draft.flow(), draft.flow(loops_run=True))
    passed = {name for names in draft.lifted.values() for name in names}
    known: list[frozenset[str]] = [frozenset(), frozenset()]
    summaries: list[tuple[SegmentDraft, Uses, frozenset[str], frozenset[str]]] = []
    surely: dict[int, frozenset[str]] = {}
    for segment in draft.segments:
        before = known[0] | (known[1] & certain)
        surely[id(segment)] = known[0]
        uses = Uses()
        unsure_anywhere: set[str] = set()
        for index, flow in enumerate(flows):
            uses = Uses()
            after = flow.assigned([s.node for s in segment.statements], known[index], uses)
            known[index] = after if after is not None else known[index] | uses.written
            unsure_anywhere = (
                uses.exposed if index == 0 else unsure_anywhere & (uses.exposed | (passed - certain))
            )
        # A function may not read what it is passed, so passing it must not fail where it has no value.
        draft.context |= {n for n in unsure_anywhere & passed if draft.is_variable(n)}
        caught = find_caught_names(draft.syntax, segment.statements)
        draft.context |= {n for n in unsure_anywhere & caught if draft.is_variable(n)}
        summaries.append((segment, uses, before, known[0] | (known[1] & certain)))
    ever: set[str] = set()
    for segment, _, before, _ in summaries:
        uses = Uses()
        flows[0].assigned([s.node for s in segment.statements], frozenset(), uses)
        earlier = set(ever)
        ever |= uses.written
        needed = {n for n in uses.exposed if draft.is_variable(n) and n in earlier}
        unsure = needed - before
        draft.context |= unsure
        segment.arguments = tuple(sorted(needed - unsure, key=lambda n: _first_use(draft, segment, n)))
    draft.models = tuple(
        n for n in draft.models if draft.is_variable(n) and n in known[0] | (known[1] & certain)
    )
    live = set(draft.models)
    for segment, uses, _, after in reversed(summaries):
        returned = {n for n in uses.written if n in live and draft.is_variable(n)}
        alone = flows[0].assigned([s.node for s in segment.statements], frozenset(), Uses())
        unsure = {n for n in returned if n not in after}
        draft.context |= unsure
        returned -= unsure
        # Assigned only perhaps: the value it had before is passed through.
        before = surely[id(segment)] - set(segment.arguments)
        through = {n for n in returned if alone is not None and n not in alone and n in before}
        segment.arguments = (*segment.arguments, *sorted(through))
        segment.returns = tuple(sorted(returned, key=lambda n: _first_use(draft, segment, n)))
        live = (live - set(segment.returns)) | set(segment.arguments)


def _certain_reads(draft: ProgramDraft) -> frozenset[str]:
    """Names that a simple statement of the spine reads, in whatever way the program went before."""
    found: set[str] = set()
    flow = draft.flow()
    for segment in draft.segments:
        for statement in segment.statements:
            if isinstance(statement.node, ast.Expr | ast.Assign | ast.AugAssign | ast.AnnAssign):
                found |= flow.loads(statement.node)
    return frozenset(found)


def _first_use(draft: ProgramDraft, segment: SegmentDraft, name: str) -> tuple[int, str]:
    for number, statement in enumerate(segment.statements):
        for o in draft.syntax.names.within(statement.start, statement.end):
            if o.name == name and draft.syntax.is_spine_scope(o.scope):
                return (number * 10_000_000 + o.start, name)
    return (1 << 60, name)
