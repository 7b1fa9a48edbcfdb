"""The plan as a file that people edit: written with comments, read back with the line of each mistake."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from graduate.errors import PlanError
from graduate.model.facts import Facts, Role
from graduate.model.plan import (
    DefinitionPlan,
    DistributionPlan,
    FilePlan,
    Level,
    ModulePlan,
    Plan,
    ProgramPlan,
    SegmentPlan,
    StepPlan,
)
from graduate.model.source import SourceModule, Sources
from graduate.plan.check import Key, check

HEADER = """\
The plan of graduate for {name}: edit it, then `graduate convert --plan FILE SRC`.

level     steps+loops (loops are checkpointed), steps, or wrapped (the code runs as it stands)
steps     what can be resumed, in order: download-data, preprocess-data, validate-data, train, evaluate,
          or one of these with an ending (train-final)
segments  whole statements, all of them, in their order; each becomes one function, and its role
          (download preprocess validate dataset loader model loss train evaluate) says in which module
definitions, modules   where functions, classes and local modules go: a file in data/, models/, training/,
          utils/ or config/
settings  the constants and options that become settings
files     configuration files, and which of their values become settings
distributions   for modules that several distributions provide, the one to install
"""
_INDENT = 2
_WIDTH = 110
_QUOTED = 60
_LINES = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")
_CELLS = re.compile(r"cell (\d+) line (\d+)(?:\s*-\s*(?:cell (\d+) )?line (\d+))?")


def dump(plan: Plan, sources: Sources) -> str:
    """The plan as YAML. `load` gives the same plan back."""
    document = CommentedMap()
    document["project"] = plan.name
    document["programs"] = [_dump_program(program, sources) for program in plan.programs]
    if plan.modules:
        document["modules"] = [_dump_module(module) for module in plan.modules]
    if plan.files:
        document["files"] = [
            CommentedMap(file=each.path, settings=_in_one_line(each.settings)) for each in plan.files
        ]
    if plan.distributions:
        document["distributions"] = _dump_distributions(plan.distributions)
    document.yaml_set_start_comment(HEADER.format(name=plan.name))
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.width = _WIDTH
    yaml.indent(mapping=_INDENT, sequence=_INDENT + 2, offset=_INDENT)
    return yaml


def _dump_distributions(distributions: Iterable[DistributionPlan]) -> CommentedMap:
    result = CommentedMap()
    for each in distributions:
        result[each.module] = each.requirement
        others = [candidate for candidate in each.candidates if candidate != each.requirement]
        result.yaml_add_eol_comment("or " + ", ".join(others), each.module)
    return result


def _dump_program(program: ProgramPlan, sources: Sources) -> CommentedMap:
    module = sources.module(program.path)
    lines = module.text.split("\n")
    result = CommentedMap(program=program.name, file=program.path, level=program.level)
    if program.why:
        result["why"] = _scalar(program.why)
    steps = []
    for step in program.steps:
        segments = [_dump_segment(segment, module, lines) for segment in step.segments]
        steps.append(CommentedMap(step=step.name, role=step.role, segments=segments))
    result["steps"] = steps
    if program.definitions:
        result["definitions"] = CommentedMap(
            {definition.name: definition.home for definition in program.definitions}
        )
    result["settings"] = _in_one_line(program.settings)
    return result


def _dump_module(module: ModulePlan) -> CommentedMap:
    result = CommentedMap(file=module.path, home=module.home, role=module.role)
    if module.settings:
        result["settings"] = _in_one_line(module.settings)
    return result


def _in_one_line(names: tuple[str, ...]) -> CommentedSeq:
    listed = CommentedSeq(names)
    listed.fa.set_flow_style()
    return listed


def _dump_segment(segment: SegmentPlan, module: SourceModule, lines: list[str]) -> CommentedMap:
    result = CommentedMap(function=segment.name, role=segment.role)
    result["lines"] = _render_lines(segment, module)
    quoted = lines[segment.first_line - 1].strip()
    if quoted:
        quoted = "".join(character if character.isprintable() else " " for character in quoted)
        short = quoted if len(quoted) <= _QUOTED else quoted[: _QUOTED - 1] + "…"
        result.yaml_add_eol_comment(short, "lines")
    if segment.doc:
        result["doc"] = _scalar(segment.doc)
    return result


def _scalar(text: str) -> str:
    """A text in the style in which it can be read best and comes back the same."""
    styled: str = text
    if _is_block(text):
        styled = LiteralScalarString(text)
    elif not text.isprintable():
        styled = DoubleQuotedScalarString(text)
    return styled


def _is_block(text: str) -> bool:
    """Whether a text can stand as it is, line under line, and come back the same."""
    lines = text.split("\n")
    plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    return plain and len(lines) > 1 and bool(lines[0]) and not lines[0].startswith(" ")


def _render_lines(segment: SegmentPlan, module: SourceModule) -> str:
    """Lines as the author counts them: of the file, or of the cells of a notebook."""
    first, last = segment.first_line, segment.end_line
    if not _has_cells(module):
        return f"{first}-{last}"
    start, end = module.places[first - 1], module.places[last - 1]
    return f"cell {start.cell} line {start.line} - cell {end.cell} line {end.line}"


def _has_cells(module: SourceModule) -> bool:
    return any(place.cell is not None for place in module.places)


def load(text: str, path: str, sources: Sources, facts: Facts) -> Plan:
    """The plan in a file; `path` is only for messages.

    Raises PlanError, with the line in the file, when it cannot be read or contradicts the code.
    """
    try:
        document = _yaml().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else 1
        raise PlanError(
            "the plan is no valid YAML",
            where=f"{path}:{line}",
            why=str(error.problem or error.context or "").strip(),
            fix="correct this line, or run `graduate plan` again",
        ) from error
    except YAMLError as error:
        raise PlanError("the plan is no valid YAML", where=path, why=str(error)) from error
    reader = _Reader(path, document, sources, facts)
    plan = reader.read()
    check(plan, sources, facts, reader.locate)
    return plan


class _Reader:
    """Turns the YAML document into a plan, and knows in which line each part stands."""

    def __init__(self, path: str, document: object, sources: Sources, facts: Facts) -> None:
        self._path = path
        self._document = document
        self._sources = sources
        self._candidates = {d.imports[0]: d.candidates for d in facts.dependencies if d.candidates}
        self._spines = {program.path: program.spine for program in facts.programs}

    def locate(self, key: Key) -> str:
        """`file:line` of a part of the plan, of what holds it when it is not there."""
        node: Any = self._document
        line = 0
        for part in key:
            if isinstance(node, CommentedMap) and part in node:
                line = node.lc.key(part)[0]
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line = node.lc.item(part)[0]
            else:
                break
            node = node[part]
        return f"{self._path}:{line + 1}"

    def read(self) -> Plan:
        top = self._mapping(
            self._document,
            (),
            required={"project", "programs"},
            optional={"modules", "files", "distributions"},
        )
        return Plan(
            name=self._text(top, "project", ()),
            programs=tuple(
                self._program(node, ("programs", i))
                for i, node in enumerate(self._sequence(top, "programs", ()))
            ),
            modules=tuple(
                self._module(node, ("modules", i))
                for i, node in enumerate(self._sequence(top, "modules", ()))
            ),
            files=tuple(
                self._file(node, ("files", i)) for i, node in enumerate(self._sequence(top, "files", ()))
            ),
            distributions=tuple(self._distributions(top)),
        )

    def _distributions(self, top: CommentedMap) -> Iterator[DistributionPlan]:
        chosen = top.get("distributions") or CommentedMap()
        if not isinstance(chosen, CommentedMap):
            raise self._error(("distributions",), "distributions are no mapping", "it maps modules to names")
        for module in chosen:
            requirement = self._text(chosen, module, ("distributions",))
            yield DistributionPlan(str(module), requirement, self._candidates.get(str(module), ()))

    def _program(self, node: object, at: Key) -> ProgramPlan:
        fields = self._mapping(
            node,
            at,
            required={"program", "file", "level", "steps"},
            optional={"why", "definitions", "settings"},
        )
        path = self._text(fields, "file", at)
        try:
            module = self._sources.module(path)
        except KeyError:
            raise self._error(
                (*at, "file"), f"there is no file {path}", "the source does not have it"
            ) from None
        definitions = fields.get("definitions") or CommentedMap()
        if not isinstance(definitions, CommentedMap):
            raise self._error((*at, "definitions"), "definitions are no mapping", "it maps names to homes")
        here: Key = (*at, "definitions")
        steps = self._sequence(fields, "steps", at)
        settings = self._sequence(fields, "settings", at)
        return ProgramPlan(
            name=self._text(fields, "program", at),
            path=path,
            level=cast(Level, self._text(fields, "level", at)),
            steps=tuple(self._step(step, module, (*at, "steps", i)) for i, step in enumerate(steps)),
            definitions=tuple(DefinitionPlan(str(n), self._text(definitions, n, here)) for n in definitions),
            settings=tuple(str(name) for name in settings),
            why=self._text(fields, "why", at),
        )

    def _step(self, node: object, module: SourceModule, at: Key) -> StepPlan:
        fields = self._mapping(node, at, required={"step", "role", "segments"}, optional=set())
        segments = self._sequence(fields, "segments", at)
        return StepPlan(
            name=self._text(fields, "step", at),
            role=cast(Role, self._text(fields, "role", at)),
            segments=tuple(
                self._segment(segment, module, (*at, "segments", i)) for i, segment in enumerate(segments)
            ),
        )

    def _segment(self, node: object, module: SourceModule, at: Key) -> SegmentPlan:
        fields = self._mapping(node, at, required={"function", "role", "lines"}, optional={"doc"})
        first, last = self._lines(self._text(fields, "lines", at), module, (*at, "lines"))
        length = len(module.places) or len(module.text.split("\n"))
        exists = 1 <= first <= length and 1 <= last <= length
        return SegmentPlan(
            name=self._text(fields, "function", at),
            role=cast(Role, self._text(fields, "role", at)),
            first_line=first,
            end_line=last,
            # Lines that do not exist are refused by the check, with all that is wrong about them.
            place=module.place(first, last) if exists else module.place(1),
            doc=self._text(fields, "doc", at),
        )

    def _module(self, node: object, at: Key) -> ModulePlan:
        fields = self._mapping(node, at, required={"file", "home", "role"}, optional={"settings"})
        return ModulePlan(
            path=self._text(fields, "file", at),
            home=self._text(fields, "home", at),
            role=cast(Role, self._text(fields, "role", at)),
            settings=tuple(str(name) for name in self._sequence(fields, "settings", at)),
        )

    def _file(self, node: object, at: Key) -> FilePlan:
        fields = self._mapping(node, at, required={"file", "settings"}, optional=set())
        names = tuple(str(name) for name in self._sequence(fields, "settings", at))
        return FilePlan(self._text(fields, "file", at), names)

    def _lines(self, text: str, module: SourceModule, key: Key) -> tuple[int, int]:
        if match := _LINES.fullmatch(text.strip()):
            if _has_cells(module):
                raise self._error(
                    key, f"{text!r} does not say which cell", "write `cell 3 line 1 - cell 4 line 2`"
                )
            return int(match[1]), int(match[2] or match[1])
        match = _CELLS.fullmatch(text.strip())
        if match is None or not _has_cells(module):
            raise self._error(key, f"{text!r} are no lines", "write lines like `12-30`")
        start = (int(match[1]), int(match[2]))
        end = (int(match[3] or match[1]), int(match[4] or match[2]))
        spine = self._spines.get(module.path, ())
        starts = self._find_lines(module, start, key, {statement.line for statement in spine})
        ends = self._find_lines(module, end, key, {statement.end_line for statement in spine})
        return starts[0], ends[-1]

    def _find_lines(
        self, module: SourceModule, wanted: tuple[int, int], key: Key, better: set[int]
    ) -> list[int]:
        """The lines of the module's text that stand for one line of a cell; those in `better` if there are any."""
        found = [i + 1 for i, place in enumerate(module.places) if (place.cell, place.line) == wanted]
        if not found:
            raise self._error(key, f"there is no line {wanted[1]} in cell {wanted[0]}", f"of {module.path}")
        return [line for line in found if line in better] or found

    def _mapping(self, node: object, at: Key, *, required: set[str], optional: set[str]) -> CommentedMap:
        if not isinstance(node, CommentedMap):
            expected = ", ".join(sorted(required))
            raise self._error(at, "a part of the plan is missing", f"here belongs a mapping with {expected}")
        for name in node:
            if name not in required | optional:
                known = ", ".join(sorted(required | optional))
                raise self._error(
                    (*at, str(name)), f"the plan has no key {name!r} here", f"possible are {known}"
                )
        for name in sorted(required):
            if node.get(name) is None and name not in {"steps", "programs"}:
                raise self._error(at, f"the key {name!r} is missing", "it has to be given")
        return node

    def _sequence(self, node: CommentedMap, name: str, at: Key) -> list[object]:
        value = node.get(name)
        if value is None:
            return []
        if not isinstance(value, CommentedSeq):
            raise self._error((*at, name), f"{name} is no list", "each entry begins with a dash")
        return list(value)

    def _text(self, node: CommentedMap, name: str, at: Key) -> str:
        value = node.get(name)
        if value is None:
            return ""
        if isinstance(value, (CommentedMap, CommentedSeq)):
            raise self._error((*at, name), f"{name} is no text", "it takes a single value")
        return str(value)

    def _error(self, key: Key, what: str, why: str) -> PlanError:
        return PlanError(
            what, where=self.locate(key), why=why, fix="correct this line, or run `graduate plan`"
        )
