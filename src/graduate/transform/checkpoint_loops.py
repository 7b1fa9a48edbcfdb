"""Pass: long loops are made resumable by `Checkpoint`; what they carry is put on a `LoopState`."""

from __future__ import annotations

import ast

from graduate.syntax.long_loops import call_depths, function_unit, functions_of
from graduate.syntax.loops import Unit, plan_loops
from graduate.transform.draft import ProgramDraft


def checkpoint_loops(draft: ProgramDraft) -> None:
    """Fill `draft.loops` for the segments and the functions and methods of the program."""
    if draft.level != "steps+loops":
        return
    roles = {d.name: d.role for d in draft.facts.definitions}
    trainers = frozenset(name for name, role in roles.items() if role == "train")
    source, names = draft.syntax.source, draft.syntax.names
    for segment in draft.segments:
        unit = Unit(
            draft.flow(),
            [s.node for s in segment.statements],
            draft.syntax.spine.scopes,
            draft.is_variable,
            frozenset(segment.arguments),
            frozenset(segment.returns),
        )
        plans = plan_loops(unit, segment.role == "train", trainers)
        draft.loops[id(segment)] = plans
        draft.loop_names[id(segment)] = segment.name
    depths = call_depths(draft.syntax.source.tree)
    for definition in draft.syntax.definitions.values():
        for qualified, function in functions_of(definition.node):
            lifted = draft.lifted.get(definition.name, ()) if not definition.is_class else ()
            is_train = roles.get(definition.name) == "train"
            if depths.get(function.name, 0) or not isinstance(function, ast.FunctionDef):
                continue
            unit = function_unit(source, names, function, lifted, draft.syntax.spine.scopes, draft.passed)
            draft.loops[id(function)] = plan_loops(unit, is_train, trainers)
            draft.loop_names[id(function)] = qualified
