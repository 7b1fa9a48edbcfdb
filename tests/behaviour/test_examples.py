"""The examples: converted, run, run again, killed, resumed; the same as the research code, line for line."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import joblib
import pytest

from graduate import conversion

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "src"
NOTEBOOKS = [str(Path(__file__).with_name("run_notebooks.py")), "01_clean.ipynb", "02_model.ipynb"]
NOT_RESULTS = (".pipeline_state", "logs", "reports")
HEAVY = ("torch", "pandas", "sklearn", "numpy", "matplotlib")


@dataclass(frozen=True)
class Example:
    """How a person runs the research code, and a loop in which the conversion is killed."""

    name: str
    command: tuple[str, ...]

    @property
    def source(self) -> Path:
        return EXAMPLES / self.name


SIMULATION = Example("simulation", ("monte_carlo.py",))
WINE = Example("wine_notebook", tuple(NOTEBOOKS))
DIGITS = Example("digits_torch", ("train.py",))
SPIRALS = Example("spirals_repo", ("train.py", "--epochs", "30", "--lr", "0.1", "--scheduler", "cosine"))


@dataclass(frozen=True)
class Run:
    """An original or converted run: its folder, its lines, and the files that it made."""

    folder: Path
    lines: list[str]
    files: dict[str, str]


def environment(**more: str) -> dict[str, str]:
    cleared = {k: v for k, v in os.environ.items() if not k.startswith(("CHECKPOINT_", "PIPELINE_"))}
    return {**cleared, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **more}


def make(target: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-s", target, f"PYTHON={sys.executable}"]
    done = subprocess.run(
        command, cwd=folder, env=environment(**more), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def hash_tree(folder: Path) -> dict[str, str]:
    """Path → content hash of every file and link. Pickles count by what they hold: a value that was stored and
    read back shares its equal strings in another way, which changes the bytes of a pickle and nothing else."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.suffix == ".pkl" and path.is_file():
            found[name] = joblib.hash(pickle.loads(path.read_bytes()))
        elif path.is_file() and "__pycache__" not in name:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def made_files(folder: Path, before: dict[str, str]) -> dict[str, str]:
    """The files that a run wrote, without the pipeline's own."""
    now = hash_tree(folder)
    return {k: v for k, v in now.items() if before.get(k) != v and not k.startswith(NOT_RESULTS)}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SIMULATION, id="simulation"),
        pytest.param(WINE, id="wine_notebook", marks=pytest.mark.slow),
        pytest.param(DIGITS, id="digits_torch", marks=pytest.mark.torch),
        pytest.param(SPIRALS, id="spirals_repo", marks=[pytest.mark.torch, pytest.mark.slow]),
    ],
)
def example(request: pytest.FixtureRequest) -> Example:
    found: Example = request.param
    return found


@pytest.fixture(scope="module")
def project(example: Example, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted project as graduate left it: not to be run in."""
    out = tmp_path_factory.mktemp(example.name) / "project"
    conversion.convert(example.source, out, lock=False)
    return out


@pytest.fixture(scope="module")
def original(example: Example, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp(example.name) / "original"
    shutil.copytree(example.source, folder)
    before = hash_tree(folder)
    done = subprocess.run(
        [sys.executable, *example.command],
        cwd=folder,
        env=environment(MPLBACKEND="Agg"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Run(folder, done.stdout.splitlines(), made_files(folder, before))


@pytest.fixture(scope="module")
def straight(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of the project in which `make train-all` ran to its end."""
    folder = tmp_path_factory.mktemp("straight") / "project"
    shutil.copytree(project, folder, symlinks=True)
    before = hash_tree(folder)
    done = make("train-all", folder)
    return Run(folder, done.stdout.splitlines(), made_files(folder, before))


def test_conversion_leaves_the_source_as_it_is(example: Example, tmp_path: Path) -> None:
    copy = tmp_path / "source" / example.name
    shutil.copytree(example.source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = hash_tree(copy)
    conversion.convert(copy, tmp_path / "out", lock=False)
    assert hash_tree(copy) == before
    assert sorted(p.name for p in copy.parent.iterdir()) == [example.name]


def test_second_conversion_is_byte_identical(example: Example, project: Path, tmp_path: Path) -> None:
    conversion.convert(example.source, tmp_path / "again", lock=False)
    assert hash_tree(tmp_path / "again") == hash_tree(project)


def test_every_statement_is_refactored(project: Path) -> None:
    record = json.loads((project / "conversion.json").read_text(encoding="utf-8"))
    levels = {program["path"]: program["level"] for program in record["programs"]}
    assert set(levels.values()) == {"steps+loops"}
    assert all(program["refactored"] == program["statements"] > 0 for program in record["programs"])


def test_prints_what_the_research_code_prints(original: Run, straight: Run) -> None:
    assert straight.lines == original.lines


def test_writes_the_files_that_the_research_code_writes(original: Run, straight: Run) -> None:
    assert set(straight.files) - {"data/profile.json"} == set(original.files)
    # A pickle names the module of each class; tensors and tables have no such reason to differ.
    plain = [name for name in original.files if not name.endswith(".pkl")]
    assert {name: straight.files[name] for name in plain} == {name: original.files[name] for name in plain}


def test_second_run_does_nothing_and_is_quick(straight: Run) -> None:
    seconds = []
    for _ in range(3):
        start = os.times()
        done = make("train-all", straight.folder)
        end = os.times()
        # The processor's time, since other work on the machine must not fail a test; the clock's is in benchmarks/.
        seconds.append(end.children_user + end.children_system - start.children_user - start.children_system)
        assert done.stdout == ""
    assert 0 < min(seconds) < 0.5


def test_second_run_imports_no_library_of_the_research_code(straight: Run, example: Example) -> None:
    package = json.loads((straight.folder / "conversion.json").read_text(encoding="utf-8"))["name"]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", package, "train-all"],
        cwd=straight.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert package in imported
    assert not imported & set(HEAVY)


def test_killed_and_resumed_run_equals_a_straight_one(project: Path, straight: Run, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder, symlinks=True)
    before = hash_tree(folder)
    killed = kill_in_a_loop(folder)
    assert killed == straight.lines[: len(killed)]
    done = make("resume-all", folder)
    assert re.search(r": (going on|running) \(", done.stderr), "the kill left nothing to do"
    resumed = done.stdout.splitlines()
    assert resumed == straight.lines[len(straight.lines) - len(resumed) :]
    assert len(killed) + len(resumed) >= len(straight.lines), "lines were lost"
    assert made_files(folder, before) == straight.files


def kill_in_a_loop(folder: Path) -> list[str]:
    """Run, and SIGKILL when something was stored and the run is in a step; the lines printed until then."""
    run = subprocess.Popen(
        ["make", "-s", "train-all", f"PYTHON={sys.executable}"],
        cwd=folder,
        env=environment(CHECKPOINT_SECONDS="0.2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    state = folder / ".pipeline_state"
    while not [*state.glob("checkpoints/*/*.json")] and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.02)
    time.sleep(0.1)
    assert run.poll() is None, "it ended before it could be killed"
    os.killpg(run.pid, signal.SIGKILL)
    printed, _ = run.communicate()
    return printed.splitlines()


@pytest.mark.slow
def test_verification_proves_the_conversion(example: Example, project: Path) -> None:
    verdict = conversion.verify(example.source, project, python=Path(sys.executable))
    findings = [f for run in verdict.programs for f in run.findings if f.outcome == "different"]
    assert verdict.proved, (verdict.problem, findings)
    assert {run.run for run in verdict.programs} == {"straight", "resumed"}
