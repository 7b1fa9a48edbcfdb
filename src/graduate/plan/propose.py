"""Facts → Plan: where each program is cut, what the parts are called, and where definitions go."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graduate.model.facts import Facts, Hazard, ProgramFacts, Role, StatementFact
from graduate.model.plan import LEVELS, Level, Plan, ProgramPlan, SegmentPlan, StepPlan
from graduate.model.source import SourceModule, Sources
from graduate.plan.evidence import find_main_role, is_import, weigh_statements
from graduate.plan.homes import propose_definitions, propose_modules
from graduate.plan.names import SegmentNames, find_taken_names, name_steps
from graduate.plan.segmentation import FORBIDDEN, Run, count_crossing, cut_sequence, cut_sequence_few
from graduate.plan.steps import AFFINITY, STEP_ROLES, STEPS
from graduate.plan.titles import MAX_COMMENT_WORDS, Title, find_titles, make_slug

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
# The share of a segment that a title has to be about to name it.
TITLE_SHARE = 0.6
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


@dataclass(frozen=True, slots=True)
class CutProgram:
    """A program with its cuts; `last_read` says where each name is read for the last time.

    `values` are the names that each statement writes and that have to cross to be used.
    """

    facts: ProgramFacts
    module: SourceModule
    titles: Sequence[Title]
    last_read: Mapping[str, int]
    values: Sequence[tuple[str, ...]]
    cuts: tuple[Cut, ...]


def propose(sources: Sources, facts: Facts) -> Plan:
    """The plan that graduate would follow by itself: a person may edit it."""
    cut = [cut_program(sources.module(program.path), program) for program in facts.programs]
    step_names = name_steps([(p.facts.name, [(c.step, _qualifiers(p, c)) for c in p.cuts]) for p in cut])
    names = SegmentNames(find_taken_names(sources, facts))
    programs = []
    for program, own_names in zip(cut, step_names, strict=True):
        steps = tuple(
            StepPlan(name, STEP_ROLES[step.step], _plan_segments(program, step, names))
            for name, step in zip(own_names, program.cuts, strict=True)
        )
        level, why = choose_level(program.facts.hazards)
        settings = tuple(dict.fromkeys(option.name for option in program.facts.options))
        programs.append(
            ProgramPlan(program.facts.name, program.facts.path, level, steps, settings=settings, why=why)
        )
    return Plan(
        name=sources.name,
        programs=propose_definitions(sources, facts, tuple(programs)),
        modules=propose_modules(sources, facts),
    )


def choose_level(hazards: Sequence[Hazard]) -> tuple[Level, str]:
    """The highest level that the hazards allow, and the one that stands against the next."""
    ceilings: dict[str, Level] = {
        "none": LEVELS[0],
        "loops": LEVELS[1],
        "steps": LEVELS[2],
        "wrapped": LEVELS[2],
    }
    worst = max(hazards, key=lambda hazard: LEVELS.index(ceilings[hazard.cost]), default=None)
    if worst is None or ceilings[worst.cost] == LEVELS[0]:
        return LEVELS[0], ""
    return ceilings[worst.cost], f"{worst.code}: {worst.message} ({worst.place})"


def cut_program(module: SourceModule, program: ProgramFacts) -> CutProgram:
    """Cut a spine into steps, and each step into segments."""
    titles = find_titles(module, program.spine)
    last_read = {name: i for i, statement in enumerate(program.spine) for name in statement.reads}
    values = _find_values(program)
    cuts = _cut_spine(program, titles, values) if program.spine else ()
    return CutProgram(program, module, titles, last_read, values, cuts)


def _cut_spine(
    program: ProgramFacts, titles: Sequence[Title], values: Sequence[tuple[str, ...]]
) -> tuple[Cut, ...]:
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


def _plan_segments(program: CutProgram, cut: Cut, names: SegmentNames) -> tuple[SegmentPlan, ...]:
    spine, segments = program.facts.spine, []
    for run in cut.segments:
        role, title = SEGMENT_ROLES[run.label], _find_main_title(program, run)
        first, last = (
            spine[run.start].line,
            max(statement.end_line for statement in spine[run.start : run.stop]),
        )
        begin = program.titles[run.start]
        doc = begin.doc if begin.strong or begin.text == title.text else ""
        name = names.choose(
            program.facts.name, spine[run.start : run.stop], _given_names(program, run), role, title
        )
        segments.append(SegmentPlan(name, role, first, last, program.module.place(first, last), doc))
    return tuple(segments)


def _find_main_title(program: CutProgram, run: Run) -> Title:
    """The title that most of a run stands under; one without a text when there is no such title.

    A remark is about the lines up to the next remark or heading.
    """
    spine, titles = program.facts.spine, program.titles
    marks = [run.start, *(i for i in range(run.start + 1, run.stop) if titles[i].text), run.stop]
    lines = [sum(spine[i].end_line - spine[i].line + 1 for i in range(*pair)) for pair in pairwise(marks)]
    longest = max(range(len(lines)), key=lambda k: lines[k])
    title = titles[marks[longest]]
    if lines[longest] >= TITLE_SHARE * sum(lines):
        return title
    if titles[run.start].strong and not any(titles[i].strong for i in marks[1:-1]):
        return titles[run.start]
    return Title(section=titles[run.start].section)


def _find_values(program: ProgramFacts) -> list[tuple[str, ...]]:
    """The names that each statement writes and that have to cross to be used: no modules, no settings."""
    settings = {option.name for option in program.options if option.kind == "constant"}
    return [
        () if is_import(statement) else tuple(name for name in statement.writes if name not in settings)
        for statement in program.spine
    ]


def _given_names(program: CutProgram, run: Run) -> list[str]:
    """The names that a run writes and later statements read, in order."""
    written = [name for names in program.values[run.start : run.stop] for name in names]
    return list(
        dict.fromkeys(
            name for name in written if name.isidentifier() and program.last_read.get(name, -1) >= run.stop
        )
    )


def _qualifiers(program: CutProgram, cut: Cut) -> list[str]:
    """What may tell a step from another of its name: its heading, then the values that it makes."""
    run = Run(cut.segments[0].start, cut.segments[-1].stop, 0)
    headings = [program.titles[i].text for i in range(run.start, run.stop) if program.titles[i].strong]
    written = [name for names in program.values[run.start : run.stop] for name in names]
    return [*headings[:1], *_given_names(program, run), *dict.fromkeys(written)]
