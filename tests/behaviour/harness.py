"""Converts small programs, runs original and converted, and gives both outputs."""

from __future__ import annotations

import functools
import json
import py_compile
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from graduate.analyse import analyse
from graduate.emit.package import render_init
from graduate.model.project import Modules
from graduate.model.source import Program, SourceModule, Sources
from graduate.plan.propose import propose
from graduate.syntax.builtin_names import bind_builtins
from graduate.syntax.looked_up_names import spell_out_lookups
from graduate.syntax.star_imports import expand_stars
from graduate.transform import transform
from programs import cut_at_random

MAIN = """import sys

from .utils.command import main

if __name__ == "__main__":
    sys.exit(main(__package__))
"""


APART = """import importlib, os, sys
import json, pickle, hashlib, dataclasses, logging

sys.path.insert(0, {root!r})
sys.argv = [{package!r}, "train-all"]
last = 0
while True:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        importlib.import_module("{package}.utils.configuration").set_command_line([])
        importlib.import_module("{package}.config.settings")
        pipeline = importlib.import_module("{package}.pipeline").PIPELINE
        if last == len(pipeline.steps):
            os._exit(200)
        dispatch = importlib.import_module("{package}.utils.dispatch")
        code = dispatch.run(pipeline, last, sys.argv[1:], None, False, "")
        sys.stdout.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        sys.exit(0 if code == 200 else code)
    last += 1
"""


@dataclass(frozen=True)
class Converted:
    """A converted program on disk."""

    modules: Modules
    root: Path
    package: str

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", self.package, *(arguments or ("train-all",))]
        return run(command, self.root, environment)

    def run_apart(self) -> subprocess.CompletedProcess[str]:
        """Run every step in a process of its own, as a run does that is stopped after each step."""
        return run([sys.executable, "-c", APART.format(root=str(self.root), package=self.package)], self.root)

    def text(self, path: str) -> str:
        return (self.root / self.package / path).read_text()


def run(
    command: list[str], folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    base = {
        "PATH": "/usr/bin:/bin",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "HOME": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        command, cwd=folder, env={**base, **(environment or {})}, capture_output=True, text=True, timeout=300
    )


def read_sources(files: dict[str, str], entry: str = "main.py", arguments: tuple[str, ...] = ()) -> Sources:
    modules = tuple(
        SourceModule(path, "script", text) for path, text in sorted(files.items()) if path.endswith(".py")
    )
    programs = (Program(Path(entry).stem, entry, arguments),)
    return spell_out_lookups(bind_builtins(expand_stars(Sources("study", "/nowhere", modules, programs))))


def convert(
    files: dict[str, str],
    folder: Path,
    entry: str = "main.py",
    arguments: tuple[str, ...] = (),
    cuts: list[bool] | None = None,
) -> Converted:
    """Convert a program given as {path: text} into `folder`, without what surrounds the package.

    `cuts` says between which statements to cut, instead of what is proposed.
    """
    sources = read_sources(files, entry, arguments)
    facts = analyse(sources)
    plan = propose(sources, facts)
    if cuts is not None:
        plan = cut_at_random(facts, plan, cuts)
    modules = transform(sources, facts, plan)
    package = folder / modules.name
    for module in modules.modules:
        target = package / module.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(module.text)
    utils = package / "utils"
    utils.mkdir(exist_ok=True)
    (utils / "__pycache__").mkdir(exist_ok=True)
    for name, data in _runtime():
        (utils / name).write_bytes(data)
    for path in [package, *(p for p in package.rglob("*") if p.is_dir() and p.name != "__pycache__")]:
        (path / "__init__.py").touch()
    (package / "__init__.py").write_text(render_init(modules))
    (package / "__main__.py").write_text(MAIN)
    for path, text in files.items():
        if not path.endswith(".py"):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    return Converted(modules, folder, modules.name)


@functools.cache
def _runtime() -> list[tuple[str, bytes]]:
    """The files of the runtime, and compiled once, since each program here starts several processes."""
    found: list[tuple[str, bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        for file in resources.files("graduate.runtime").iterdir():
            if file.name.endswith(".py") and file.name != "__init__.py":
                path = Path(folder) / file.name
                path.write_bytes(file.read_bytes())
                compiled = py_compile.compile(
                    str(path), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
                )
                found.append((file.name, path.read_bytes()))
                found.append((f"__pycache__/{Path(compiled).name}", Path(compiled).read_bytes()))
    return found


def run_original(
    files: dict[str, str], folder: Path, entry: str = "main.py", arguments: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return run([sys.executable, entry, *arguments], folder)


def notebook(*cells: str, heading: str = "") -> str:
    """The text of a notebook file with these code cells, under a heading."""
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [{**code, "id": f"c{n}", "source": text} for n, text in enumerate(cells)]
    for cell in made:
        if "# an error is expected" in cell["source"]:
            cell["metadata"] = {"tags": ["raises-exception"]}
    above = [{"cell_type": "markdown", "id": "m", "metadata": {}, "source": heading}] if heading else []
    return json.dumps({"cells": [*above, *made], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def write_files(folder: Path, files: dict[str, str]) -> Path:
    """The folder, with these files in it."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
