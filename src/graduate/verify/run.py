"""Runs the original and the project in scratch copies, and gives what was observed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from graduate.errors import ToolError
from graduate.model.source import Program, Sources
from graduate.verify import observer, processes
from graduate.verify.clocks import find_clock_names
from graduate.verify.conversion_record import Conversion
from graduate.verify.observe import Observation, clean_tree, in_step_order, read_records
from graduate.verify.observer.trees import Tree
from graduate.verify.overrides import (
    Override,
    program_arguments,
    program_variables,
    project_arguments,
    project_variables,
    rewrite_constants,
    rewrite_files,
    rewrite_module,
)
from graduate.verify.scratch import Snapshot, copy_project, copy_source, find_changes, take_snapshot

OBSERVER = "graduate_observer"
_FIGURES = "reports/figures"
_LOG = "logs/pipeline.jsonl"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and with what the runs take place. `folder` holds all scratch copies."""

    folder: Path
    python: Path
    timeout: float
    sources: Sources
    project: Path
    conversion: Conversion
    overrides: tuple[Override, ...]

    @property
    def path(self) -> Path:
        return self.folder / "observer"

    def clock_names(self, program: str) -> frozenset[str]:
        """The variables of a program that come from a clock."""
        path = next((each.path for each in self.sources.programs if each.name == program), None)
        return frozenset() if path is None else find_clock_names(self.sources.module(path).text)


def find_python(project: Path, python: Path | None) -> Path:
    """The interpreter for both sides. Raises ToolError when there is none."""
    chosen = Path(os.path.abspath(python)) if python is not None else project / ".venv" / "bin" / "python"  # noqa: PTH100
    if chosen.is_file() and os.access(chosen, os.X_OK):
        return chosen
    if python is not None:
        found = shutil.which(str(python))
        if found is not None:
            return Path(found)
        raise ToolError(f"There is no interpreter {python}.", fix="give the path of a Python with --python")
    raise ToolError(
        "The project has no environment yet.",
        where=f"{project.name}/.venv",
        why="original and project are run by the project's own interpreter",
        fix="run `make install` in the project, or name an interpreter with --python",
    )


def set_up_bench(bench: Bench) -> None:
    """Put the observer where the processes will find it."""
    package = bench.path / OBSERVER
    shutil.copytree(Path(observer.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    site = bench.folder / "site"
    site.mkdir()
    shutil.copyfile(package / "site_hook.py", site / "sitecustomize.py")
    plan = {
        "package": bench.conversion.package,
        "segments": bench.conversion.segments,
        "wrapped": bench.conversion.wrapped,
        "settings": _setting_names(bench.conversion),
    }
    (bench.folder / "watch.json").write_text(json.dumps(plan), encoding="utf-8")


def _setting_names(conversion: Conversion) -> dict[str, dict[str, str]]:
    """Program → name in the research code → field of the project's settings."""
    found: dict[str, dict[str, str]] = {}
    for option in conversion.options:
        for program in [option.program] if option.program else conversion.programs:
            for name in option.names():
                found.setdefault(program, {})[name] = option.field
    return found


def environment(bench: Bench, paths: Iterable[Path], root: Path, **more: str) -> dict[str, str]:
    """The environment of a run: the same on both sides but for where things are."""
    prefix = f"{bench.conversion.package.upper()}_"
    dropped = ("CHECKPOINT_", "PIPELINE_", "GRADUATE_", prefix)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    kept.pop("PYTHONSTARTUP", None)
    search = [str(path) for path in paths]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([*search, *filter(None, [os.environ.get("PYTHONPATH", "")])]),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "SOURCE_DATE_EPOCH": "0",
        "PIPELINE_RECORD": "0",
        "GRADUATE_ROOT": str(root),
        **more,
    }


def run_original(bench: Bench, number: int) -> Observation:
    """Run the research programs, one after the other, in a fresh copy of their folder."""
    base = bench.folder / f"original-{number}"
    root = base / "work"
    root.mkdir(parents=True)
    copy_source(bench.sources, root)
    _write_changed(bench, root)
    for program in bench.sources.programs:
        _write_rewritten(bench, program, root)
    before = latest = take_snapshot(root)
    outputs: list[str] = []
    variables: dict[str, dict[str, Tree]] = {}
    owners: dict[str, str] = {}
    seconds, code, stderr = 0.0, 0, ""
    for program in bench.sources.programs:
        finished, found = _run_program(bench, program, base, root)
        outputs.append(finished.stdout)
        variables.update(found)
        seconds += finished.seconds
        code, stderr = finished.code, finished.stderr
        owners.update(dict.fromkeys(find_changes(root, latest), program.name))
        latest = take_snapshot(root)
        for name in map(figure_name, range(len(list((base / "figures").glob("*.png"))))):
            owners.setdefault(name, program.name)
        if code:
            break
    return Observation(
        root,
        code,
        tuple(outputs),
        stderr,
        seconds,
        variables,
        files=find_changes(root, before),
        figures=tuple(sorted((base / "figures").glob("*.png"))),
        owners=owners,
    )


def figure_name(index: int) -> str:
    return f"shown figure {index + 1}"


def _write_changed(bench: Bench, root: Path) -> None:
    """Local modules for an older Python, and what is set for the verification in modules and configuration files."""
    rewrite_files(root, bench.overrides)
    for module in bench.sources.modules:
        text = rewrite_module(module, bench.overrides)
        is_changed = module.modernized or module.renamed or text != module.text
        if is_changed and module.kind != "notebook":
            (root / module.path).write_text(text, encoding="utf-8")


def _write_rewritten(bench: Bench, program: Program, root: Path) -> None:
    module = bench.sources.module(program.path)
    text = rewrite_constants(module, program, bench.overrides)
    if text != module.text and module.kind != "notebook":
        (root / program.path).write_text(text, encoding="utf-8")


def _run_program(
    bench: Bench, program: Program, base: Path, root: Path
) -> tuple[processes.Finished, dict[str, dict[str, Tree]]]:
    module = bench.sources.module(program.path)
    own = base / f"run-{program.name}"
    observed = own / "observed"
    observed.mkdir(parents=True)
    spec = {
        "program": program.name,
        "text": rewrite_constants(module, program, bench.overrides),
        "file": str(root / program.path),
        "path": [str(root), str(root / "src")],
        "package": program.path.rpartition("/")[0].replace("/", "."),
        "argv0": os.path.relpath(program.path, program.folder or "."),
        "arguments": list(program_arguments(program, bench.overrides)),
        "helpers": list(module.helpers),
        "has_file": module.has_file,
        "watch": list(bench.conversion.opened.get(program.name, ())),
    }
    spec_path = own / "spec.json"
    spec_path.write_text(json.dumps(spec), encoding="utf-8")
    variables = environment(
        bench,
        [bench.path],
        root,
        MPLBACKEND=f"module://{OBSERVER}.backend",
        GRADUATE_FIGURES=str(base / "figures"),
        GRADUATE_OBSERVED=str(observed),
        **program_variables(bench.overrides),
    )
    command = [str(bench.python), "-m", f"{OBSERVER}.original", str(spec_path)]
    task = processes.Task(
        f"The original program {program.path}", command, root / program.folder, variables, own
    )
    return processes.run(task, bench.timeout), read_records(observed)


def copy_for_run(bench: Bench, name: str) -> Path:
    """A fresh copy of the project, without what it has computed."""
    root = bench.folder / name / "work"
    root.parent.mkdir(parents=True)
    copy_project(bench.project, root)
    return root


def project_task(bench: Bench, root: Path, command: str, attempt: str = "run", **more: str) -> processes.Task:
    """The task that runs a command of the project's copy at `root`."""
    own = root.parent / attempt
    observed = own / "observed"
    observed.mkdir(parents=True)
    values = environment(
        bench,
        [bench.folder / "site", bench.path],
        root,
        GRADUATE_OBSERVED=str(observed),
        GRADUATE_WATCH=str(bench.folder / "watch.json"),
        **project_variables(bench.overrides, bench.conversion.package),
        **more,
    )
    values.pop("MPLBACKEND", None)
    line = [str(bench.python), "-m", bench.conversion.package, command, *project_arguments(bench.overrides)]
    return processes.Task("The converted project", line, root, values, own)


def run_converted(bench: Bench) -> Observation:
    """Run the project from start to end in a fresh copy."""
    root = copy_for_run(bench, "converted")
    before = take_snapshot(root, bench.conversion.workspace)
    task = project_task(bench, root, "train-all")
    finished = processes.run(task, bench.timeout)
    return observe_project(bench, root, before, finished, task)


def observe_project(
    bench: Bench, root: Path, before: Snapshot, finished: processes.Finished, task: processes.Task
) -> Observation:
    """What a run of the project's copy at `root` has left behind."""
    package = f"{bench.conversion.package}/"
    ignored = (".pipeline_state/", package, f"{_FIGURES}/", _LOG)
    links = {**before.links, **take_snapshot(root).links}
    figures = list((root / _FIGURES).glob("*.png"))

    def named(key: str) -> dict[str, dict[str, Tree]]:
        records = read_records(task.output / "observed", key)
        return {p: {n: clean_tree(t, links) for n, t in names.items()} for p, names in records.items()}

    return Observation(
        root,
        finished.code,
        (finished.stdout,),
        finished.stderr,
        finished.seconds,
        named("variables"),
        named("settings"),
        find_changes(root, before, ignored),
        in_step_order(figures, [step for step, _ in bench.conversion.steps]),
        links,
    )
