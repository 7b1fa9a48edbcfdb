"""Pass: the spine is cut into the segments and steps that the plan names."""

from __future__ import annotations

from graduate.syntax.spine import SpineStatement
from graduate.transform.draft import Blocked, ProgramDraft, SegmentDraft, StepDraft


def cut_segments(draft: ProgramDraft) -> None:
    """Fill `draft.steps`. Statements that were left out do not count; empty segments vanish."""
    source = draft.syntax.source
    order = {id(s): i for i, s in enumerate(draft.syntax.spine.statements)}
    ends = [source.line(max(s.end - 1, 0)) for s in draft.syntax.spine.statements]
    starts = [source.line(source.start(s.node)) for s in draft.syntax.spine.statements]
    kept = [s for s in draft.syntax.statements if id(s) not in draft.left_out]
    planned = [(step, segment) for step in draft.plan.steps for segment in step.segments]
    if not planned:
        return
    # A segment begins with the statement that starts in its lines; its end is where the next one begins.
    begins = []
    for _, segment in planned:
        found = [
            i
            for i, (start, end) in enumerate(zip(starts, ends, strict=True))
            if start <= segment.end_line and end >= segment.first_line
        ]
        if not found:
            raise Blocked(f"segment {segment.name} covers no statement", segment.first_line)
        begins.append(found[0])
    if begins != sorted(begins):
        raise Blocked("the segments are not in the order of the program")
    steps: list[StepDraft] = []
    groups = _group(kept, order, begins)
    previous = None
    for (step, segment), statements in zip(planned, groups, strict=True):
        if step is not previous:
            steps.append(StepDraft(step.name, step.role, []))
            previous = step
        if statements:
            steps[-1].segments.append(SegmentDraft(segment.name, segment.role, segment.doc, statements))
    draft.steps = [s for s in steps if s.segments]


def _group(
    kept: list[SpineStatement], order: dict[int, int], begins: list[int]
) -> list[list[SpineStatement]]:
    groups: list[list[SpineStatement]] = [[] for _ in begins]
    for statement in kept:
        position = order[id(statement)]
        group = sum(1 for b in begins if b <= position) - 1
        groups[max(group, 0)].append(statement)
    return groups
