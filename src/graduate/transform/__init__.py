"""Sources + Plan → Modules: the code is moved, pass by pass, at the highest level that holds for each program."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from graduate.model.facts import Facts, Hazard, Option
from graduate.model.plan import LEVELS, Level, Plan, ProgramPlan
from graduate.model.project import Modules, ProgramResult
from graduate.model.source import SourceModule, Sources
from graduate.syntax.code import Code, ModuleCode
from graduate.syntax.config_loads import ConfigLoad, find_config_loads, may_load
from graduate.syntax.fit_calls import imported_libraries
from graduate.syntax.imports import bindings, qualified_names
from graduate.syntax.nodes import list_nodes, parse
from graduate.syntax.program import take_apart
from graduate.syntax.search_path import find_search_folders
from graduate.transform.build_package import PackageBuilder
from graduate.transform.checkpoint_loops import checkpoint_loops
from graduate.transform.collect_setup import collect_restores, collect_setup
from graduate.transform.cut_segments import cut_segments
from graduate.transform.draft import Blocked, ProgramDraft
from graduate.transform.end_at_returns import end_at_returns
from graduate.transform.find_models import find_models
from graduate.transform.former_names import find_former_names
from graduate.transform.lift_globals import lift_globals
from graduate.transform.local_modules import LocalModules
from graduate.transform.move_constants_to_settings import (
    load_files_with_settings,
    move_class_fields_to_settings,
    move_constants_to_settings,
    read_variables_from_settings,
    replace_argument_parser,
)
from graduate.transform.render_settings import name_fields, name_of_module_option, start_with
from graduate.transform.resume_fits import resume_fits
from graduate.transform.spread_loops import spread_loops

PASSES: tuple[Callable[[ProgramDraft], None], ...] = (
    move_constants_to_settings,
    move_class_fields_to_settings,
    load_files_with_settings,
    read_variables_from_settings,
    replace_argument_parser,
    end_at_returns,
    collect_setup,
    cut_segments,
    find_models,
    lift_globals,
    collect_restores,
    checkpoint_loops,
    spread_loops,
    resume_fits,
)
"""What is decided about a program, in this order. Each pass fills in fields of the draft and writes nothing."""

__all__ = ["PASSES", "transform"]

COMMAND_LINE_LIBRARIES = frozenset(
    {
        "argparse",
        "click",
        "fire",
        "typer",
        "absl",
        "docopt",
        "optparse",
        "getopt",
        "hydra",
        "simple_parsing",
        "tap",
        "tyro",
        "pyrallis",
        "draccus",
        "jsonargparse",
    }
)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The level to try for a program, and what blocked the ones above it."""

    level: Level
    blocked_by: str = ""


def transform(sources: Sources, facts: Facts, plan: Plan) -> Modules:
    """Move the code of all programs into the package. Never fails for a program: it gets a lower level."""
    wishes = {p.name: _Wish(p.level, p.why) for p in plan.programs}
    while True:
        try:
            return _attempt(sources, facts, plan, wishes)
        except _Failed as failed:
            wish = wishes[failed.program]
            lower = LEVELS[min(LEVELS.index(wish.level) + 1, len(LEVELS) - 1)]
            if lower == wish.level:
                raise AssertionError(f"{failed.program} cannot even be wrapped: {failed.reason}") from failed
            reasons = [r for r in (wish.blocked_by, failed.reason) if r]
            wishes[failed.program] = _Wish(lower, "; ".join(dict.fromkeys(reasons)))


class _Failed(Exception):
    def __init__(self, program: str, reason: str) -> None:
        super().__init__(reason)
        self.program = program
        self.reason = reason


def _attempt(sources: Sources, facts: Facts, plan: Plan, wishes: dict[str, _Wish]) -> Modules:
    options = _find_options(sources, facts, plan, wishes)
    fields = name_fields(options)
    folders = {m.path: find_search_folders(m.path, m.text) for m in sources.modules if "sys.path" in m.text}
    local = LocalModules({m.path: m.home for m in plan.modules}, folders, facts.workspace)
    code = Code({m.path: ModuleCode(m.path, parse(m.text)) for m in sources.modules}, local.find)
    drafts: dict[str, ProgramDraft] = {}
    for program in plan.programs:
        wish = wishes[program.name]
        if wish.level == "wrapped":
            continue
        try:
            drafts[program.name] = _draft(sources, facts, program, wish.level, local, code, fields, options)
        except Blocked as blocked:
            raise _Failed(program.name, blocked.reason) from blocked
    builder = PackageBuilder(sources, facts, plan, local, code, drafts)
    for program in plan.programs:
        draft = drafts.get(program.name)
        try:
            if draft is None:
                flags = _flags(facts, fields, program.name)
                builder.add_wrapped(program, _arguments_field(fields, program.name), flags)
            else:
                builder.add_program(program, draft)
        except Blocked as blocked:
            raise _Failed(program.name, blocked.reason) from blocked
    try:
        builder.write(options, fields)
    except Blocked as blocked:
        raise _Failed(blocked.program, blocked.reason) from blocked
    return Modules(
        name=plan.name,
        modules=tuple(builder.generated()),
        steps=tuple(builder.steps),
        options=tuple(replace(o, name=fields[o.program, o.name]) for o in options),
        rows=tuple(builder.rows()),
        programs=tuple(_result(sources, p, wishes[p.name], builder) for p in plan.programs),
        hazards=tuple(_hazards(facts, drafts, builder)),
        runtime=(),
        models=builder.models,
        settings_file=builder.settings_file,
        former_names=find_former_names(sources, plan, local, [file.path for file in facts.data_files]),
    )


def _draft(
    sources: Sources,
    facts: Facts,
    program: ProgramPlan,
    level: Level,
    local: LocalModules,
    code: Code,
    fields: dict[tuple[str, str], str],
    options: tuple[Option, ...],
) -> ProgramDraft:
    module = sources.module(program.path)
    program_facts = next(p for p in facts.programs if p.name == program.name)
    syntax = take_apart(program.path, module.text, frozenset(program.settings))
    own = {name: field for (owner, name), field in fields.items() if owner == program.name}
    draft = ProgramDraft(module, syntax, program_facts, program, level, local, code, own)
    draft.arguments = _arguments_field(fields, program.name)
    draft.flags = _flags(facts, fields, program.name) if draft.arguments else {}
    draft.options = options
    draft.libraries = imported_libraries(m.text for m in sources.modules)
    for run_pass in PASSES:
        run_pass(draft)
    if not draft.steps:
        raise Blocked("it has no statements that do anything")
    return draft


def _arguments_field(fields: dict[tuple[str, str], str], program: str) -> str:
    return fields.get((program, "arguments"), "") if (program, "arguments") in fields else ""


def _flags(facts: Facts, fields: dict[tuple[str, str], str], program: str) -> dict[str, str]:
    """Flag → field, for the options that are handed on as a command line."""
    options = next(p.passed for p in facts.programs if p.name == program)
    known = [option for option in options if (program, option.name) in fields]
    return {_spelling(option): fields[program, option.name] for option in known}


def _spelling(option: Option) -> str:
    """How the program's own command line spells an option: `--lr`, for hydra `model.lr`."""
    if option.keys:
        return ".".join(option.keys)
    return next((flag for flag in option.flags if flag.startswith("--")), option.flags[0])


def _without_need(option: Option) -> Option:
    """A required option that the text of the command line may give as well."""
    if not option.required:
        return option
    return replace(option, required=False, default="None", annotation=f"{option.annotation} | None")


def _find_options(sources: Sources, facts: Facts, plan: Plan, wishes: dict[str, _Wish]) -> tuple[Option, ...]:
    """The options that become fields: the constants that the plan names, the arguments that are understood,
    and for other command lines the whole of it, with the options in it that are known."""
    found: list[Option] = []
    anybody_reads = any(_mentions_command_line(module) for module in sources.modules)
    for program in sources.programs:
        program_facts = next(p for p in facts.programs if p.name == program.name)
        program_plan = next((p for p in plan.programs if p.name == program.name), None)
        if program_plan is None:
            continue
        wrapped = wishes[program.name].level == "wrapped"
        arguments = [o for o in program_facts.options if o.kind == "argument"]
        if wrapped or not arguments:
            if program.arguments or anybody_reads:
                place = sources.module(program.path).place(1)
                text = repr(shlex.join(program.arguments))
                help_text = "the command line of " + program.path
                found.append(Option("arguments", "str", text, place, help=help_text, program=program.name))
                taken = {"arguments"} | ({o.name for o in program_facts.options} if not wrapped else set())
                passed = [o for o in program_facts.passed if o.name not in taken]
                found += start_with([_without_need(option) for option in passed], program.arguments)
        else:
            found += start_with(arguments, program.arguments)
        if not wrapped:
            chosen = set(program_plan.settings)
            kinds = ("constant", "environment")
            found += [o for o in program_facts.options if o.kind in kinds and o.name in chosen]
    entries = {program.path for program in plan.programs}
    chosen_there = {m.path: m.settings for m in plan.modules if m.path not in entries}
    found += [
        replace(option, name=name_of_module_option(option.place.path, option.name))
        for option in facts.module_options
        if option.name in chosen_there.get(option.place.path, ())
    ]
    return (*found, *_find_file_options(sources, facts, plan, wishes))


def _find_file_options(sources: Sources, facts: Facts, plan: Plan, wishes: dict[str, _Wish]) -> list[Option]:
    """The values of configuration files that the plan names, where code that is moved loads them: what runs as it
    stands would not ask the settings."""
    wrapped = {program.path for program in plan.programs if wishes[program.name].level == "wrapped"}
    loads: list[ConfigLoad] = []
    for module in sources.modules if facts.file_options else ():
        if module.path not in wrapped:
            nodes = list_nodes(parse(module.text))
            loads += find_config_loads(nodes, qualified_names(nodes[:1]))
    chosen = {file.path: file.settings for file in plan.files}
    return [
        option
        for option in facts.file_options
        if ".".join(option.keys) in chosen.get(option.place.path, ())
        and any(may_load(load, option.place.path) for load in loads)
    ]


def _mentions_command_line(module: SourceModule) -> bool:
    if "sys.argv" in module.text or "HfArgumentParser" in module.text:
        return True
    imported = {b.qualified.partition(".")[0] for b in bindings(parse(module.text))}
    return bool(imported & COMMAND_LINE_LIBRARIES)


def _result(sources: Sources, program: ProgramPlan, wish: _Wish, builder: PackageBuilder) -> ProgramResult:
    source = next(p for p in sources.programs if p.name == program.name)
    statements, refactored = builder.counts(program)
    return ProgramResult(source, wish.level, wish.blocked_by, statements, refactored)


def _hazards(facts: Facts, drafts: dict[str, ProgramDraft], builder: PackageBuilder) -> list[Hazard]:
    found = [*facts.hazards, *(h for p in facts.programs for h in p.hazards)]
    found += [h for d in drafts.values() for h in d.hazards]
    found += builder.hazards
    return list(dict.fromkeys(found))
