"""Where a program is cut into steps, and each step into segments."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graduate.model.facts import ProgramFacts, Role, StatementFact
from graduate.plan.evidence import find_main_role, weigh_statements
from graduate.plan.segmentation import FORBIDDEN, Run, count_crossing, cut_sequence, cut_sequence_few
from graduate.plan.steps import AFFINITY, STEP_ROLES, STEPS
from graduate.plan.titles import MAX_COMMENT_WORDS, Title, make_slug

STEP_COST = 2.0
STEP_BACKWARDS_COST = 8.0
STEP_CROSSING_COST = 0.2
SEGMENT_COST = 2.0
SEGMENT_BACKWARDS_COST = 0.3
SEGMENT_CROSSING_COST = 0.15
# What a cut costs more or less by the gap: in mid-paragraph, after a blank line, at a cell.
GAP_COSTS = (0.3, 0.0, -0.4)
COMMENT_BONUS = 0.6
TITLE_COST = -0.5
MIN_TITLED_LINES = 4
MIN_REMARKED_LINES = 15
# A loader is cheap to make and dear to store.
LOADER_CROSSING = 2.0
MAX_STEPS = 8
MERGE_SCALE = 2.0

SEGMENT_ROLES: tuple[Role, ...] = (
    "download",
    "preprocess",
    "validate",
    "dataset",
    "loader",
    "model",
    "loss",
    "train",
    "evaluate",
)


@dataclass(frozen=True, slots=True)
class Cut:
    """A step as cut: its name in `STEPS`, and its segments as runs over the spine."""

    step: str
    segments: tuple[Run, ...]


def cut_spine(
    program: ProgramFacts, titles: Sequence[Title], values: Sequence[tuple[str, ...]]
) -> tuple[Cut, ...]:
    """The steps of a program; `values` are the names that each statement writes and that have to cross to be used."""
    spine = program.spine
    weights = weigh_statements(spine)
    reads = [statement.reads for statement in spine]
    loaders = {
        name: LOADER_CROSSING
        for statement, weight in zip(spine, weights, strict=True)
        if find_main_role(weight) == "loader"
        for name in statement.writes
    }
    crossing = count_crossing(reads, values, loaders)
    unstorable = _count_unstorable(program)
    step_costs = [
        FORBIDDEN
        if unstorable[i] or _shares_line(spine, i)
        else STEP_COST + STEP_CROSSING_COST * crossing[i] + _gap_cost(titles[i])
        for i in range(len(spine))
    ]
    step_gains = [
        [sum(AFFINITY[step].get(role, 0.0) * value for role, value in weight.items()) for step in STEPS]
        if weight
        else [0.0] * len(STEPS)
        for weight in weights
    ]
    # Without any evidence it is a computation.
    step_gains[0][STEPS.index("train")] += 1e-3
    runs = cut_sequence_few(
        step_gains, step_costs, backwards_cost=STEP_BACKWARDS_COST, most=MAX_STEPS, scale=MERGE_SCALE
    )
    jumps = _find_jumps(spine)
    return tuple(
        Cut(STEPS[run.label], _cut_step(spine, weights, titles, crossing, jumps, run)) for run in runs
    )


def _count_unstorable(program: ProgramFacts) -> list[float]:
    """For each statement, how many values that cannot be stored cross the boundary before it."""
    kept_together = set(program.unstorable)
    if not kept_together:
        return [0.0] * len(program.spine)
    return count_crossing(
        [[name for name in statement.reads if name in kept_together] for statement in program.spine],
        [[name for name in statement.writes if name in kept_together] for statement in program.spine],
        to_the_last_read=True,
    )


def _cut_step(
    spine: Sequence[StatementFact],
    weights: Sequence[dict[Role, float]],
    titles: Sequence[Title],
    crossing: Sequence[float],
    jumps: Collection[int],
    step: Run,
) -> tuple[Run, ...]:
    inside = range(step.start, step.stop)
    sections = _find_sections(spine, titles, step)
    costs = []
    for i in inside:
        cost = SEGMENT_COST + _gap_cost(titles[i])
        if _shares_line(spine, i):
            cost = FORBIDDEN
        elif sections[i - step.start]:
            cost = TITLE_COST
        else:
            cost += SEGMENT_CROSSING_COST * crossing[i]
        costs.append(cost)
    gains = [
        [weights[i].get(role, 0.0) for role in SEGMENT_ROLES] if weights[i] else [0.0] * len(SEGMENT_ROLES)
        for i in inside
    ]
    gains[0][SEGMENT_ROLES.index(STEP_ROLES[STEPS[step.label]])] += 1e-3
    runs = cut_sequence(
        gains,
        costs,
        backwards_cost=SEGMENT_BACKWARDS_COST,
        may_repeat=sections,
    )
    moved = (Run(run.start + step.start, run.stop + step.start, run.label) for run in runs)
    return tuple(part for run in moved for part in _split_at_jumps(run, jumps))


def _find_jumps(spine: Sequence[StatementFact]) -> frozenset[int]:
    """The statements that do not come next in the text: the lines between run at another time, as those of main do."""
    in_text = sorted(range(len(spine)), key=lambda i: spine[i].line)
    return frozenset(range(1, len(spine))) - {b for a, b in pairwise(in_text) if b == a + 1}


def _split_at_jumps(run: Run, jumps: Collection[int]) -> Iterator[Run]:
    """The parts of a run, so that its lines, from the first to the last, hold no statement of another one."""
    start = run.start
    for i in range(run.start + 1, run.stop):
        if i in jumps:
            yield Run(start, i, run.label)
            start = i
    yield Run(start, run.stop, run.label)


def _find_sections(spine: Sequence[StatementFact], titles: Sequence[Title], step: Run) -> list[bool]:
    """For each statement of a step, whether a titled section starts there that is worth a function.

    A remark above a paragraph is taken for a title where there is much code on both sides of it.
    """
    marks = [step.start, *(i for i in range(step.start + 1, step.stop) if _may_name(titles[i])), step.stop]
    lines = [sum(spine[i].end_line - spine[i].line + 1 for i in range(*pair)) for pair in pairwise(marks)]
    worth = [False] * (step.stop - step.start)
    before = lines[0]
    for mark, after in zip(marks[1:-1], lines[1:], strict=True):
        least = MIN_TITLED_LINES if titles[mark].strong else MIN_REMARKED_LINES
        if min(before, after) >= least:
            worth[mark - step.start] = True
            before = 0
        before += after
    return worth


def _may_name(title: Title) -> bool:
    return title.strong or (title.gap > 0 and bool(make_slug(title.text, MAX_COMMENT_WORDS)))


def _shares_line(spine: Sequence[StatementFact], i: int) -> bool:
    """Whether a statement begins in a line of the one before, in the text or as its author sees it."""
    if i == 0:
        return False
    before, here = spine[i - 1], spine[i]
    same_cell = before.place.cell == here.place.cell
    if here.line < before.line:  # a jump back, to the body of `main`
        return False
    return here.line <= before.end_line or (same_cell and here.place.line <= before.place.end_line)


def _gap_cost(title: Title) -> float:
    cost = GAP_COSTS[title.gap]
    return cost - COMMENT_BONUS if title.text or title.strong else cost
