"""What comes out: the modules that the transformation made, and the files of the whole project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from graduate.model.facts import DataFile, Dependency, Hazard, Option, Role
from graduate.model.plan import Level
from graduate.model.source import Place, Program

SETTINGS_FILE = "configs/default.yaml"


@dataclass(frozen=True, slots=True)
class Segment:
    """A function made from spine statements: `module` is dotted inside the package (`training.trainer`).

    `arguments` are its parameters in order, `returns` the names that it returns in order
    (one name: the bare value; several: a tuple; none: None).
    """

    module: str
    function: str
    role: Role
    arguments: tuple[str, ...]
    returns: tuple[str, ...]
    place: Place
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the generated pipeline, in order.

    `function` is the name of its function in pipeline.py; `takes` and `gives` are names of values. `alone` says, as
    "file:line: why", what keeps it to one process.
    """

    name: str
    role: Role
    program: str
    function: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    segments: tuple[Segment, ...]
    doc: str = ""
    alone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GeneratedModule:
    """A Python file of the package; `path` is relative to the package folder (`models/losses.py`)."""

    path: str
    text: str
    origin: Literal["moved", "generated", "runtime"] = "moved"


@dataclass(frozen=True, slots=True)
class Row:
    """Where one source statement went (`module:function:lines`), or why it was left out."""

    place: Place
    source: str
    where: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """The level a program got, what blocked the next one, and how much of it was refactored."""

    program: Program
    level: Level
    blocked_by: str
    statements: int
    refactored: int


@dataclass(frozen=True, slots=True)
class Modules:
    """The result of the transformation.

    `modules` holds the package's files that came from the research code (the canonical modules of
    DESIGN §3 always, with only a docstring where a role is empty), `pipeline.py` and
    `config/settings.py`. `runtime` names the runtime files that this project needs
    beside the ones that every project gets. `settings_file` holds the values of the settings.
    """

    name: str
    modules: tuple[GeneratedModule, ...]
    steps: tuple[Step, ...]
    options: tuple[Option, ...]
    rows: tuple[Row, ...]
    programs: tuple[ProgramResult, ...]
    hazards: tuple[Hazard, ...] = ()
    runtime: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """Names of values that hold a trained model, as far as the code tells."""
    settings_file: str = SETTINGS_FILE
    former_names: Mapping[str, str] = field(default_factory=dict)
    """The names of local modules in the research code and their dotted homes, where code computes names of modules."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that emission needs: the modules and the facts about the world around them."""

    modules: Modules
    data_files: tuple[DataFile, ...]
    dependencies: tuple[Dependency, ...]
    python: str
    title: str
    source_root: str
    output_folders: tuple[str, ...] = ()
    workspace: str = ""
    """The folder that the programs find what they read and write in; "" for the project's own."""
    as_of: str = ""
    """The day (ISO) whose versions of the dependencies are locked; "" for the newest."""


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file of the generated project. One of `text`, `copy_of` (absolute source), `link_to` is set."""

    path: str
    text: str | None = None
    copy_of: str | None = None
    link_to: str | None = None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """The whole generated project, ready to be written. `hazards` are those that show when its files are placed."""

    name: str
    files: tuple[ProjectFile, ...]
    hazards: tuple[Hazard, ...] = ()
