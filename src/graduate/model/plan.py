"""The plan that a person or an agent can edit: what each part of the source becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from graduate.model.facts import Role
from graduate.model.source import Place

Level = Literal["steps+loops", "steps", "wrapped"]
LEVELS: tuple[Level, ...] = ("steps+loops", "steps", "wrapped")

ROLE_HOMES: Mapping[Role, str] = {
    "download": "data/preprocessing.py",
    "preprocess": "data/preprocessing.py",
    "validate": "data/preprocessing.py",
    "dataset": "data/datasets.py",
    "loader": "data/loaders.py",
    "model": "models/architectures.py",
    "loss": "models/losses.py",
    "train": "training/trainer.py",
    "evaluate": "training/evaluation.py",
    "metric": "utils/metrics.py",
}
"""The module of the package that code of a role goes to; the other roles have none of their own."""


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """A contiguous run of spine statements that becomes one function.

    `first_line` and `end_line` are lines of the entry module's text. `name` is the function's name.
    """

    name: str
    role: Role
    first_line: int
    end_line: int
    place: Place
    doc: str = ""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A resumable step of the pipeline: its segments, contiguous in the spine, in order."""

    name: str
    role: Role
    segments: tuple[SegmentPlan, ...]


@dataclass(frozen=True, slots=True)
class DefinitionPlan:
    """Where a function or class of the entry module goes: `home` is a path inside the package."""

    name: str
    home: str


@dataclass(frozen=True, slots=True)
class ModulePlan:
    """Where a local module goes as a whole: `home` is a path inside the package. `settings` names its constants and
    fields that become settings."""

    path: str
    home: str
    role: Role
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilePlan:
    """The values of a configuration file that become settings, each by its keys with dots between: `model.width`."""

    path: str
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """The plan of one program. `settings` names the constants and options that become settings."""

    name: str
    path: str
    level: Level
    steps: tuple[StepPlan, ...]
    definitions: tuple[DefinitionPlan, ...] = ()
    settings: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class DistributionPlan:
    """The requirement that provides a module which several distributions, `candidates`, provide."""

    module: str
    requirement: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a whole project."""

    name: str
    programs: tuple[ProgramPlan, ...]
    modules: tuple[ModulePlan, ...] = ()
    files: tuple[FilePlan, ...] = ()
    distributions: tuple[DistributionPlan, ...] = ()
