"""The program while it is being transformed: what each pass has decided so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graduate.model.facts import Hazard, Option, ProgramFacts, Role
from graduate.model.plan import Level, ProgramPlan
from graduate.model.source import SourceModule
from graduate.syntax.code import Code
from graduate.syntax.flow import Flow
from graduate.syntax.loops import LoopPlan
from graduate.syntax.program import ProgramSyntax
from graduate.syntax.spine import SpineStatement
from graduate.syntax.text import Edit
from graduate.transform.local_modules import LocalModules

OWN_NAMES = (
    "settings", "context", "Checkpoint", "LoopState", "parallel", "replayable", "resumable", "source_path", "no_file",
    "with_settings",
)  # fmt: skip
"""Names of the project that the transformation brings into the author's code."""


class Blocked(Exception):
    """A level that this program cannot have, and why. Caught by `transform`, never seen by users."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.program = ""


@dataclass(eq=False, slots=True)
class SegmentDraft:
    """A run of spine statements that becomes a function."""

    name: str
    role: Role
    doc: str
    statements: list[SpineStatement]
    home: str = ""
    arguments: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class StepDraft:
    """A step: its segments in order, and the process-wide state to set again when it is skipped."""

    name: str
    role: Role
    segments: list[SegmentDraft]
    restore: list[SpineStatement] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class ProgramDraft:
    """One program on its way. Passes fill it in, in the order of `PASSES`."""

    module: SourceModule
    syntax: ProgramSyntax
    facts: ProgramFacts
    plan: ProgramPlan
    level: Level
    local: LocalModules
    code: Code
    fields: Mapping[str, str]
    """Constant or option → the field of Settings that holds it."""
    arguments: str = ""
    """The field that holds a command line to hand on as it is ("" when it is understood)."""
    libraries: frozenset[str] = frozenset()
    """The libraries with a `fit` that the project imports."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """Flag → the field whose value is put on that command line."""
    steps: list[StepDraft] = field(default_factory=list)
    setup: list[SpineStatement] = field(default_factory=list)
    left_out: dict[int, str] = field(default_factory=dict)
    """id(statement) → where it went instead, or why it is left out."""
    settings: dict[str, str] = field(default_factory=dict)
    """Spine name → expression that stands in its place."""
    context: set[str] = field(default_factory=set)
    lifted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    """Names that hold a model: what they hold at the end is kept."""
    edits: list[Edit] = field(default_factory=list)
    loops: dict[int, list[LoopPlan]] = field(default_factory=dict)
    """id(segment or definition node) → its resumable loops."""
    loop_names: dict[int, str] = field(default_factory=dict)
    spread: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """id(loop) → what its turns add to, for loops whose turns need nothing of each other."""
    homes: dict[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    hazards: list[Hazard] = field(default_factory=list)
    own_names: dict[str, str] = field(init=False)
    """What the project's own names (`settings`) are called in this program, whose names come first."""

    def __post_init__(self) -> None:
        taken = {o.name for o in self.syntax.names.occurrences}
        self.own_names = {
            name: next(n for n in (name, f"project_{name}", f"graduate_{name}") if n not in taken)
            for name in OWN_NAMES
        }

    @property
    def segments(self) -> list[SegmentDraft]:
        return [segment for step in self.steps for segment in step.segments]

    def flow(self, *, loops_run: bool = False) -> Flow:
        """Flow over the spine's names, where a call of a lifted function reads what it is passed."""
        scopes = self.syntax.spine.scopes
        return Flow(self.syntax.source, self.syntax.names, scopes, self.passed, loops_run=loops_run)

    def passed(self, start: int, end: int) -> set[str]:
        """The names that calls in a span pass to lifted functions."""
        return {
            name
            for o in self.syntax.names.within(start, end)
            if o.name in self.lifted and self.syntax.is_spine_scope(o.scope) and o.use == "load"
            for name in self.lifted[o.name]
        }

    def is_variable(self, name: str) -> bool:
        """Whether a spine name is handed from segment to segment."""
        return name in self.syntax.variables and name not in self.context and name not in self.settings
