"""A small hand-made bundle, as the transformation would give it: two steps, a resumable loop, no library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graduate.model.facts import DataFile, Dependency, Option
from graduate.model.project import (
    Bundle,
    GeneratedModule,
    Modules,
    ProgramResult,
    Row,
    Segment,
    Step,
)
from graduate.model.source import Place, Program

PLACE = Place("walk.py", 1, 1)
PREPROCESSING = '''"""Downloading, preparing and validating the data."""

from typing import Any

from ..config.settings import settings


def read_points() -> Any:
    with open("points.csv") as f:
        points = [float(line) * settings.SCALE for line in f]
    print("points:", len(points))
    return points
'''
TRAINER = '''"""Training."""

from typing import Any
import random
import os
from ..config.settings import settings
from ..utils.checkpoint import Checkpoint, LoopState


def walk(points: Any) -> None:
    position=0.0
    state = LoopState(position=position)
    with Checkpoint("walk", state) as checkpoint:
        for epoch in checkpoint.loop(range(settings.EPOCHS)):
            state.position += random.choice(points)
    position = state.position
    print("position:", round(position, 6))
'''
SETTINGS = '''"""The settings of walk."""

from __future__ import annotations

from ..utils.configuration import ProjectSettings, option


class Settings(ProjectSettings):
    """What can be changed."""

    SCALE: float = option(2.0, help="of the points")
    EPOCHS: int = option(200)
    MODE: str = option('fast', choices=('fast', 'slow',))


settings = Settings.load()
'''
PIPELINE = '''"""The pipeline of walk."""

from __future__ import annotations

from typing import Any

from .utils.resume import Pipeline, Step


def setup() -> None:
    """Set the process-wide state that every process needs before its first step."""
    import random

    random.seed(3)


def preprocess_data() -> Any:
    """Read points."""
    from .data.preprocessing import read_points

    points = read_points()
    return points


def train(points: Any) -> None:
    """Walk."""
    from .training.trainer import walk

    walk(points)


PIPELINE = Pipeline(
    Step("preprocess-data", preprocess_data, role="preprocess", program="walk", gives=("points",)),
    Step("train", train, role="train", program="walk", takes=("points",)),
    setup=setup,
    package=__package__,
)
'''
EMPTY = ("data/datasets.py", "data/loaders.py", "models/architectures.py", "models/losses.py")


def make_source(folder: Path) -> Path:
    """The research folder with its data file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "walk.py").write_text("# the research code\n")
    (folder / "points.csv").write_text("1.5\n-2.25\n0.5\n")
    return folder


def make_bundle(source: Path) -> Bundle:
    """The bundle for `make_source(source)`."""
    modules = [
        GeneratedModule("data/preprocessing.py", PREPROCESSING),
        GeneratedModule("training/trainer.py", TRAINER),
        GeneratedModule("training/evaluation.py", '"""Evaluation."""\n', "generated"),
        GeneratedModule("utils/metrics.py", '"""Metrics."""\n', "generated"),
        GeneratedModule("config/settings.py", SETTINGS, "generated"),
        GeneratedModule("pipeline.py", PIPELINE, "generated"),
        *(GeneratedModule(path, '"""Nothing of this kind."""\n', "generated") for path in EMPTY),
    ]
    read = Segment("data.preprocessing", "read_points", "preprocess", (), ("points",), Place("walk.py", 7, 9))
    walk = Segment("training.trainer", "walk", "train", ("points",), (), Place("walk.py", 10, 14))
    steps = (
        Step("preprocess-data", "preprocess", "walk", "preprocess_data", (), ("points",), (read,)),
        Step("train", "train", "walk", "train", ("points",), (), (walk,)),
    )
    options = (
        Option("SCALE", "float", "2.0", Place("walk.py", 3, 3), help="of the points", program="walk"),
        Option("EPOCHS", "int", "200", Place("walk.py", 4, 4), program="walk"),
        Option("MODE", "str", "'fast'", Place("walk.py", 5, 5), choices=("'fast'", "'slow'"), program="walk"),
    )
    rows = (
        Row(Place("walk.py", 1, 1), '"""Walk."""', "", "the docstring of the file"),
        Row(Place("walk.py", 3, 3), "SCALE = 2.0", "config.settings:Settings.SCALE"),
        Row(Place("walk.py", 7, 9), "points = …", "data.preprocessing:read_points:9-10"),
        Row(Place("walk.py", 10, 14), "for epoch …", "training.trainer:walk:11-15"),
    )
    return Bundle(
        Modules(
            "walk",
            tuple(sorted(modules, key=lambda each: each.path)),
            steps,
            options,
            rows,
            (ProgramResult(Program("walk", "walk.py"), "steps+loops", "", 4, 4),),
        ),
        data_files=(describe(source, "points.csv"),),
        dependencies=(),
        python=">=3.11",
        title="walk",
        source_root=str(source),
    )


def describe(source: Path, path: str, *, copied: bool = True) -> DataFile:
    """A data file of the source folder, as analysis finds it."""
    import hashlib

    content = (source / path).read_bytes()
    return DataFile(path, len(content), hashlib.sha256(content).hexdigest(), copied, PLACE)


def with_dependencies(bundle: Bundle, *names: str) -> Bundle:
    found = tuple(Dependency(name, name, (name.replace("-", "_"),), "walk.py:1") for name in names)
    return replace(bundle, dependencies=found)
