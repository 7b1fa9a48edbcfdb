"""Facts → Plan: where each program is cut, what the parts are called, and where definitions go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from graduate.model.facts import Facts, Hazard, ProgramFacts
from graduate.model.plan import LEVELS, Level, Plan, ProgramPlan, SegmentPlan, StepPlan
from graduate.model.source import SourceModule, Sources
from graduate.plan.cuts import SEGMENT_ROLES, Cut, cut_spine
from graduate.plan.distributions import propose_distributions
from graduate.plan.evidence import is_import
from graduate.plan.homes import propose_definitions, propose_files, propose_modules
from graduate.plan.names import SegmentNames, find_taken_names, name_steps
from graduate.plan.segmentation import Run
from graduate.plan.steps import STEP_ROLES
from graduate.plan.titles import Title, find_titles

# The share of a segment that a title has to be about to name it.
TITLE_SHARE = 0.6


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
        files=propose_files(facts),
        distributions=propose_distributions(facts.dependencies),
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
    cuts = cut_spine(program, titles, values) if program.spine else ()
    return CutProgram(program, module, titles, last_read, values, cuts)


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
