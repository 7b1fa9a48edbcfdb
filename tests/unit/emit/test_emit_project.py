"""The whole project: every file is there, it is checked, and converting twice gives the same bytes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import yaml

from graduate.emit import check_project, render_project, write_project
from graduate.emit.makefile import find_targets
from graduate.emit.package import MAIN, OPTIONAL, find_needed, has_parallel_loops, render_init, runtime_files
from graduate.emit.requirements import RUNTIME_REQUIREMENTS, choose_python
from graduate.model.facts import Dependency, Option
from graduate.model.project import Bundle, Project
from graduate.model.source import Place
from graduate.transform.assemble import PROJECT_NAMES
from made_bundle import describe, make_bundle, make_source, with_dependencies

LAYOUT = [
    ".dockerignore",
    ".gitignore",
    "AGENTS.md",
    "Dockerfile",
    "Makefile",
    "README.md",
    "compose.yaml",
    "configs/default.yaml",
    "conversion.json",
    "data/checksums.json",
    "pyproject.toml",
    "requirements-dev.in",
    "requirements.in",
    "walk/__init__.py",
    "walk/__main__.py",
    "walk/pipeline.py",
    "walk/config/__init__.py",
    "walk/config/settings.py",
    "walk/data/__init__.py",
    "walk/data/datasets.py",
    "walk/data/loaders.py",
    "walk/data/preprocessing.py",
    "walk/models/__init__.py",
    "walk/models/architectures.py",
    "walk/models/losses.py",
    "walk/training/__init__.py",
    "walk/training/evaluation.py",
    "walk/training/trainer.py",
    "walk/utils/__init__.py",
    "walk/utils/metrics.py",
    "walk/utils/resume.py",
    "tests/unit/test_pipeline.py",
    "tests/unit/test_segments.py",
    "tests/unit/test_settings.py",
    "tests/integration/test_runs.py",
]
TARGETS = [
    "install",
    "test",
    "integration-test",
    "lint",
    "typecheck",
    "download-data",
    "preprocess-data",
    "validate-data",
    "resume-data",
    "train",
    "train-all",
    "resume-train",
    "resume-all",
    "status",
    "build",
    "deploy",
    "clean",
    "help",
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(make_source(tmp_path_factory.mktemp("research") / "walk"))


@pytest.fixture(scope="module")
def project(bundle: Bundle) -> Project:
    return render_project(bundle)


@pytest.fixture(scope="module")
def written(bundle: Bundle, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "walk-production"
    write_project(project, out, source_root=Path(bundle.source_root))
    return out


def text_of(project: Project, path: str) -> str:
    return next(file.text or "" for file in project.files if file.path == path)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "make", "-s", f"PYTHON={sys.executable}", *arguments)


def test_every_file_of_the_layout_is_there(project: Project) -> None:
    assert set(LAYOUT) <= {file.path for file in project.files}


def test_the_runtime_ships_verbatim(project: Project) -> None:
    written = {file.path: file.text for file in project.files}
    shipped = {path for path in written if path.startswith("walk/utils/")} - {"walk/utils/metrics.py"}
    texts = {f"walk/utils/{name}": text for name, text in runtime_files()}
    assert {path: written[path] for path in shipped - {"walk/utils/__init__.py"}}.items() <= texts.items()


def shipped(bundle: Bundle) -> set[str]:
    paths = [PurePosixPath(file.path) for file in render_project(bundle).files]
    return {path.stem for path in paths if path.parent.name == "utils"}


@pytest.mark.parametrize(
    ("library", "there", "not_there"),
    [
        ("torch", {"launch", "distributed", "row_loader", "batch_rows", "autocast"}, {"live_keras"}),
        ("keras", {"live_keras"}, {"launch", "fit_keras", "fit_xgboost"}),
        ("numpy", {"steps"}, {"launch", "cluster", "agreement", "serving", "notebook", "fit"}),
    ],
)
def test_what_a_library_needs_ships_where_it_is_imported(
    bundle: Bundle, library: str, there: set[str], not_there: set[str]
) -> None:
    found = shipped(replace(bundle, dependencies=(Dependency(library, library, (library,), "train.py:1"),)))
    assert there <= found
    assert found.isdisjoint(not_there)


def test_what_several_processes_need_ships_where_they_can_share_the_work(bundle: Bundle) -> None:
    with_torch = replace(bundle, dependencies=(Dependency("torch", "torch", ("torch",), "train.py:1"),))
    alone = tuple(replace(each, alone=("train.py:3: it has threads",)) for each in bundle.modules.steps)
    found = shipped(replace(with_torch, modules=replace(bundle.modules, steps=alone)))
    assert {"autocast", "cluster"} <= found
    assert found.isdisjoint({"launch", "agreement", "distributed", "batch_rows", "row_loader"})


def test_sweeps_ship_where_there_is_something_to_try(bundle: Bundle) -> None:
    assert {"sweep", "trial", "mirror"} <= shipped(bundle)
    without = replace(bundle, modules=replace(bundle.modules, options=()))
    assert shipped(without).isdisjoint({"sweep", "sweep_file", "trial", "mirror"})


def test_serving_ships_where_there_is_a_model(bundle: Bundle) -> None:
    with_model = replace(bundle, modules=replace(bundle.modules, models=("model",)))
    assert {"serving", "model_record", "model_input"} <= shipped(with_model)


def test_what_a_module_imports_ships(bundle: Bundle) -> None:
    first, *others = bundle.modules.modules
    text = first.text + "\n\nfrom ..utils.fit import resumable\nfrom ..utils.notebook import shell\n"
    changed = replace(bundle.modules, modules=(replace(first, text=text), *others))
    with_keras = with_dependencies(replace(bundle, modules=changed), "keras")
    assert {"fit", "fit_block", "fit_keras", "notebook"} <= shipped(with_keras)


@pytest.mark.parametrize("line", ["from ..utils.parallel import parallel", "from .parallel import parallel"])
def test_loops_that_processes_share_need_the_extra(bundle: Bundle, line: str) -> None:
    first, *others = bundle.modules.modules
    assert not has_parallel_loops(bundle.modules)
    changed = (replace(first, text=f"{first.text}\n{line}\n"), *others)
    assert has_parallel_loops(replace(bundle.modules, modules=changed))


def test_every_part_of_the_runtime_is_known() -> None:
    """What is looked for is there under that name, and every file ships with something."""
    texts = dict(runtime_files())
    asked = {name for text in texts.values() for name in re.findall(r'optional\.\w+\(\s*"(\w+)"', text)}
    assert {f"{name}.py" for name in asked} | set(OPTIONAL) <= set(texts)
    imports = {
        f"from .{home.removesuffix('.py').replace('/', '.')} import {name}"
        for name, home in PROJECT_NAMES.items()
    }
    own = {
        "__main__.py": MAIN,
        "pipeline.py": "\n".join(
            [
                *imports,
                "from .utils.resume import Pipeline",
                "from .utils.module_state import ModuleState",
                "from .utils.former_names import keep_former_names",
                "from .utils.as_program import run_as_program",
            ]
        ),
    }
    assert find_needed(own, {each for wanted in OPTIONAL.values() for each in wanted}).keys() == texts.keys()


def test_former_names_may_be_long(bundle: Bundle) -> None:
    names = {"data.rows": "data.rows", "utilities." * 8 + "rows": "training." + "utilities." * 8 + "rows"}
    lines = render_init(replace(bundle.modules, former_names=names)).split("\n")
    assert [line.endswith("# noqa: E501") for line in lines if "rows" in line] == [False, True]


def test_loops_ship_where_there_are_loops(bundle: Bundle) -> None:
    parts = {"checkpoint", "loop_run", "saving", "live", "saved"}
    assert parts <= shipped(bundle)
    plain = [
        replace(each, text=each.text.replace("from ..utils.checkpoint import Checkpoint, LoopState", ""))
        for each in bundle.modules.modules
    ]
    assert shipped(replace(bundle, modules=replace(bundle.modules, modules=tuple(plain)))).isdisjoint(parts)


def test_the_project_passes_its_check(bundle: Bundle, project: Project) -> None:
    assert check_project(project, bundle.source_root) == ()


def test_converting_twice_gives_the_same(bundle: Bundle, project: Project) -> None:
    again = {file.path: file for file in render_project(bundle).files}
    assert [file.path for file in project.files if again.pop(file.path, None) != file] == []
    assert again == {}


def test_no_text_names_the_source_folder(bundle: Bundle, project: Project) -> None:
    assert [file.path for file in project.files if bundle.source_root in (file.text or "")] == []


def test_every_promised_target_exists(project: Project) -> None:
    assert set(TARGETS) <= {target.name for target in find_targets()}


def test_the_requirements_cover_what_the_runtime_imports() -> None:
    text = "\n".join(text for _, text in runtime_files())
    modules = {"cloudpickle": "cloudpickle", "pydantic": "pydantic", "yaml": "pyyaml"}
    used = {each for module, each in modules.items() if f'"{module}"' in text or f"import {module}" in text}
    assert used == set(RUNTIME_REQUIREMENTS)


def test_the_record_lists_what_is_written(project: Project) -> None:
    record = json.loads(text_of(project, "conversion.json"))
    assert record["made_by"] == "graduate"
    assert {file.path for file in project.files} <= set(record["files"])
    assert [step["name"] for step in record["steps"]] == ["preprocess-data", "train"]
    assert record["data"][0]["stored"] == "data/points.csv"


def test_lint_findings_of_moved_code_are_recorded_and_counted(project: Project) -> None:
    pyproject = text_of(project, "pyproject.toml")
    assert '"walk/training/trainer.py" = ["B007", "F401", "I001"]' in pyproject
    assert "its 3 lint findings" in text_of(project, "README.md")
    assert '  "walk/training/trainer.py",\n]' in pyproject.partition("[tool.ruff.format]")[2]


def test_a_generated_module_is_formatted_unless_rows_cite_its_lines(bundle: Bundle, project: Project) -> None:
    assert 'choices=("fast", "slow")' in text_of(project, "walk/config/settings.py").replace(
        "\n", " "
    ).replace("            ", "") or "option('fast'" not in text_of(project, "walk/config/settings.py")


def test_a_secret_is_in_no_file_around_the_package(bundle: Bundle) -> None:
    secret = Option("API_KEY", "str", "'sk-12345'", Place("walk.py", 6, 6), secret=True, program="walk")
    modules = replace(bundle.modules, options=(*bundle.modules.options, secret))
    project = render_project(replace(bundle, modules=modules))
    assert [f.path for f in project.files if "sk-12345" in (f.text or "")] == []
    compose = yaml.safe_load(text_of(project, "compose.yaml"))
    pipeline = compose["services"]["pipeline"]
    assert pipeline["environment"]["WALK_API_KEY_FILE"] == "/run/secrets/walk_api_key"
    assert pipeline["secrets"] == ["walk_api_key"]
    assert compose["secrets"] == {"walk_api_key": {"file": "./secrets/WALK_API_KEY"}}
    assert "SECRETS := WALK_API_KEY" in text_of(project, "Makefile")


@pytest.mark.parametrize(("dependency", "present"), [("lightgbm", True), ("numpy", False)])
def test_the_container_gets_the_shared_libraries_that_wheels_lack(
    bundle: Bundle, dependency: str, present: bool
) -> None:
    text = text_of(render_project(with_dependencies(bundle, dependency)), "Dockerfile")
    assert ("libgomp1" in text) is present


def test_tensorboard_is_a_service_only_where_it_is_used(bundle: Bundle, project: Project) -> None:
    used = render_project(with_dependencies(bundle, "tensorboard"))
    assert "tensorboard" in yaml.safe_load(text_of(used, "compose.yaml"))["services"]
    assert "tensorboard" not in text_of(project, "compose.yaml")


def test_what_logs_for_tensorboard_without_it_gets_it_for_the_service(
    bundle: Bundle, project: Project
) -> None:
    """tensorboardX only writes the files: the program that shows them is not in the environment."""
    used = render_project(with_dependencies(bundle, "tensorboardx"))
    service = yaml.safe_load(text_of(used, "compose.yaml"))["services"]["tensorboard"]
    assert service["image"].startswith("${SERVICE_IMAGE:-")
    assert "tensorboard" in text_of(used, "requirements-service.in").split()
    assert (
        "tensorboard"
        in tomllib.loads(text_of(used, "pyproject.toml"))["tool"]["deptry"]["per_rule_ignores"]["DEP002"]
    )
    has_it = render_project(with_dependencies(bundle, "tensorboard"))
    assert "tensorboard" not in text_of(has_it, "requirements-service.in").split()
    assert "tensorboard" not in text_of(project, "requirements-service.in")


@pytest.mark.parametrize(
    ("specifier", "version"),
    [(">=3.11", "3.11"), (">=3.12", "3.12"), (">=3.11,<3.13", "3.11"), (">=3.12.4", "3.12"), ("<3", "3.11")],
)
def test_the_python_that_is_locked_for(specifier: str, version: str) -> None:
    assert choose_python(specifier) == version


def test_a_file_that_is_too_big_is_declared_and_its_folder_is_there(bundle: Bundle, tmp_path: Path) -> None:
    source = make_source(tmp_path / "walk")
    (source / "images").mkdir()
    (source / "images" / "big.bin").write_bytes(b"x" * 100)
    files = (describe(source, "images/big.bin", copied=False), describe(source, "points.csv"))
    project = render_project(replace(bundle, data_files=files, source_root=str(source)))
    write_project(project, tmp_path / "out", source_root=source)
    assert (tmp_path / "out" / "images").resolve() == tmp_path / "out" / "data" / "images"
    entry = json.loads(text_of(project, "data/checksums.json"))["files"]["data/images/big.bin"]
    assert "Copy or link images/big.bin" in entry["message"]
    assert "**not copied**" in text_of(project, "README.md")


# What a person does with it first.


def test_help_lists_every_target(written: Path) -> None:
    lines = make(written, "help").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [target.name for target in find_targets()]


def test_lint_and_types_are_clean(written: Path) -> None:
    done = make(written, "lint", "typecheck")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("python", [">=3.12", ">=3.13"])
def test_lint_is_clean_for_newer_pythons(bundle: Bundle, tmp_path: Path, python: str) -> None:
    source = make_source(tmp_path / "source")
    newer = replace(bundle, python=python, source_root=str(source))
    write_project(render_project(newer), tmp_path / "project", source_root=source)
    ruff = [sys.executable, "-m", "ruff", "check", "."]
    done = subprocess.run(ruff, cwd=tmp_path / "project", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_its_own_unit_tests_pass(written: Path) -> None:
    done = make(written, "test")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "old", "new", "test"),
    [
        (
            "walk/training/trainer.py",
            "def walk(points: Any)",
            "def walk(points: Any, more: Any = 1)",
            "test_segments",
        ),
        ("walk/pipeline.py", 'takes=("points",)', "takes=()", "test_pipeline"),
        ("walk/pipeline.py", "    walk(points)", "    pass", "test_segments"),
        ("walk/config/settings.py", "option(200)", "option(100)", "test_settings"),
        (
            "walk/pipeline.py",
            "from typing import Any",
            "import decimal\nfrom typing import Any",
            "test_pipeline",
        ),
        ("Makefile", "train-all $(ARGS)", "train-all $(ARGS) | cat", "test_project"),
        ("data/points.csv", "1.5", "1.6", "test_project"),
    ],
)
def test_its_own_unit_tests_can_fail(
    bundle: Bundle, tmp_path: Path, path: str, old: str, new: str, test: str
) -> None:
    out = tmp_path / "out"
    write_project(
        render_project(with_dependencies(bundle, "decimal")), out, source_root=Path(bundle.source_root)
    )
    file = out / path
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    done = run(out, sys.executable, "-m", "pytest", f"tests/unit/{test}.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED tests/unit" in done.stdout


def test_it_runs_and_prints_only_what_the_research_code_prints(written: Path) -> None:
    done = make(written, "train-all")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("points: 3\nposition: ")
    assert len(done.stdout.splitlines()) == 2
    again = make(written, "train-all")
    assert (again.returncode, again.stdout) == (0, "")


def test_a_missing_environment_is_told(written: Path) -> None:
    done = run(written, "make", "-s", "train-all")
    assert done.returncode != 0
    assert "run 'make install' first" in done.stderr
    assert done.stdout == ""


def test_install_leaves_a_given_environment_alone(written: Path) -> None:
    done = make(written, "install")
    assert done.returncode == 0
    assert "is used as it is" in done.stderr
    assert not (written / ".venv").exists()


def test_clean_asks_and_forgets(written: Path) -> None:
    make(written, "train-all")
    refused = subprocess.run(
        ["make", "-s", f"PYTHON={sys.executable}", "clean"],
        cwd=written,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "CONFIRM=1" in refused.stderr
    assert any((written / ".pipeline_state" / "state").iterdir())
    assert make(written, "clean", "CONFIRM=1").returncode == 0
    state = written / ".pipeline_state" / "state"
    assert not state.exists() or not any(state.iterdir())
    assert make(written, "train-all").returncode == 0


@pytest.mark.slow
def test_its_own_integration_tests_pass(written: Path) -> None:
    done = make(written, "integration-test")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_its_own_integration_tests_notice_a_wrong_resume(bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_project(render_project(bundle), out, source_root=Path(bundle.source_root))
    file = out / "walk" / "training" / "trainer.py"
    text = file.read_text().replace("LoopState(position=position)", "LoopState()")
    text = text.replace(
        "    with Checkpoint", "    class state: pass\n    state.position = 0.0\n    with Checkpoint"
    )
    text = text.replace('Checkpoint("walk", state)', 'Checkpoint("walk", LoopState())')
    text = text.replace("    print(", "    open('position.txt', 'w').write(repr(position))\n    print(")
    text = text.replace("random.choice(points)", "random.choice(points); __import__('time').sleep(0.005)")
    file.write_text(text)
    done = make(out, "integration-test")
    assert done.returncode != 0
    assert "file position.txt" in done.stdout
