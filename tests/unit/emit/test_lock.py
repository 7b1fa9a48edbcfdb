"""Locks: local wheels are preferred, and nothing of this machine or of an index gets in. No network is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graduate.emit import lock, resolve
from graduate.emit.lock import find_wheels, lock_project, render_lock
from graduate.emit.resolve import OWN_LIBRARIES
from graduate.errors import EXIT_MISSING_TOOL, ToolError
from graduate.model.project import Project, ProjectFile
from made_wheels import make_wheel, publish


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty index in the place of the usual one."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", folder.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def wheels(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of local wheels, named as pip wants it."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_a_lock_names_versions_and_hashes_only(wheels: Path) -> None:
    b = make_wheel(wheels, "bravo", "1.5")
    a = make_wheel(wheels, "alpha", "2.0", "bravo>=1")
    assert render_lock(["alpha>=1"], "3.11") == (
        f"alpha==2.0 \\\n    --hash=sha256:{a}\nbravo==1.5 \\\n    --hash=sha256:{b}\n"
    )


def test_a_local_version_is_locked(wheels: Path) -> None:
    """What `torch==2.13.0+cpu` is: the build that was put there for this machine."""
    digest = make_wheel(wheels, "alpha", "2.0+cpu")
    assert render_lock(["alpha>=1.9"], "3.11") == f"alpha==2.0+cpu \\\n    --hash=sha256:{digest}\n"


def test_a_local_wheel_is_pinned_where_another_would_be_taken(wheels: Path, index: Path) -> None:
    make_wheel(wheels, "alpha", "2.0")
    publish(index, "alpha", "3.0")
    assert "alpha==2.0 " in render_lock(["alpha"], "3.11")
    assert "alpha==3.0 " in render_lock(["alpha>2"], "3.11"), "the research code's own demand wins"


def test_the_day_does_not_count_for_what_a_local_wheel_asks_for(wheels: Path) -> None:
    make_wheel(wheels, "alpha", "2.0", "bravo>=1", "charlie; extra == 'x'", "delta; python_version < '3'")
    assert set(lock.list_exempt("3.11")) - set(OWN_LIBRARIES) == {"bravo"}


def test_a_local_wheel_that_another_distribution_refuses(wheels: Path, index: Path) -> None:
    make_wheel(wheels, "alpha", "2.0")
    make_wheel(wheels, "bravo", "1.0", "alpha>=3")
    publish(index, "alpha", "3.0")
    assert "alpha==3.0 " in render_lock(["alpha", "bravo"], "3.11")


def test_wheels_that_fit(tmp_path: Path) -> None:
    make_wheel(tmp_path, "alpha", "1.0")
    make_wheel(tmp_path, "alpha", "2.0")
    make_wheel(tmp_path, "Bravo_Two", "1.0", tags="cp311-cp311-win_amd64")
    make_wheel(tmp_path, "charlie", "1.0", tags="cp39-cp39-manylinux_2_17_x86_64")
    (tmp_path / "no-wheel.whl").write_bytes(b"")
    found = find_wheels("3.11", {"PIP_FIND_LINKS": f"{tmp_path} {tmp_path / 'none'}"})
    assert {name: str(version) for name, version in found.items()} == {"alpha": "2.0"}
    assert find_wheels("3.11", {}) == {}


def research_project() -> Project:
    files = (
        ProjectFile("Makefile", text="PACKAGE := x\nPYTHON_VERSION := 3.11\n"),
        ProjectFile("requirements.in", text="# Direct\nalpha>=1  # a comment; with words\n"),
        ProjectFile("requirements-dev.in", text="# Tools\n-r requirements.in\ncharlie\n"),
    )
    return Project("study", files)


def test_extras_have_locks_that_fit_the_first_one(wheels: Path, index: Path) -> None:
    make_wheel(wheels, "torch", "2.0+cpu")
    publish(index, "torch", "2.0")
    publish(index, "tool", "1.0")
    project = Project(
        "study",
        (
            ProjectFile("Makefile", text="PYTHON_VERSION := 3.11\n"),
            ProjectFile("requirements.in", text="torch\n"),
            ProjectFile("requirements-dev.in", text="-r requirements.in\n"),
            ProjectFile("requirements-service.in", text="-r requirements.in\ntool\n"),
            ProjectFile("requirements-audit.in", text="nowhere\n"),
        ),
    )
    locked = lock_project(project)
    texts = {file.path: file.text or "" for file in locked.project.files}
    assert "torch==2.0+cpu " in texts["requirements.lock"]
    assert "torch==2.0+cpu " in texts["requirements-service.lock"]
    assert "tool==1.0 " in texts["requirements-service.lock"]
    assert texts["requirements-cuda.lock"].startswith("torch==2.0 "), "the index's own build"
    assert "requirements-audit.lock" not in texts
    (note,) = locked.notes
    assert note.startswith("requirements-audit.lock could not be made (nowhere")


def test_a_lock_that_brings_cuda_is_told(index: Path) -> None:
    publish(index, "torch", "2.0", "nvidia-cudnn-cu13; sys_platform == 'linux'")
    publish(index, "nvidia-cudnn-cu13", "9.0")
    project = Project(
        "study",
        (
            ProjectFile("Makefile", text="PYTHON_VERSION := 3.11\n"),
            ProjectFile("requirements.in", text="torch\n"),
            ProjectFile("requirements-dev.in", text="-r requirements.in\n"),
        ),
    )
    (note,) = lock_project(project).notes
    assert "gigabytes" in note
    assert "PIP_FIND_LINKS" in note


def test_a_lock_is_for_all_systems_and_pythons(wheels: Path, index: Path) -> None:
    make_wheel(wheels, "alpha", "1.0", "bravo; sys_platform == 'win32'")
    publish(index, "bravo", "1.0")
    assert "bravo==1.0 ; sys_platform == 'win32' " in render_lock(["alpha"], "3.11")


def test_tools_are_locked_on_top_of_what_runs(wheels: Path) -> None:
    make_wheel(wheels, "alpha", "2.0", "bravo")
    make_wheel(wheels, "bravo", "1.5")
    make_wheel(wheels, "charlie", "1.0", "bravo<9")
    texts = {file.path: file.text or "" for file in lock_project(research_project()).project.files}
    names = {
        path: [line.split(" ")[0] for line in text.split("\n") if "==" in line]
        for path, text in texts.items()
    }
    assert names["requirements.lock"] == ["alpha==2.0", "bravo==1.5"]
    assert names["requirements-dev.lock"] == ["alpha==2.0", "bravo==1.5", "charlie==1.0"]
    assert str(wheels) not in "".join(texts.values())


@pytest.mark.slow
def test_pip_installs_from_the_lock(wheels: Path, tmp_path: Path) -> None:
    make_wheel(wheels, "alpha", "2.0+cpu", "bravo")
    make_wheel(wheels, "bravo", "1.5")
    (tmp_path / "requirements.lock").write_text(render_lock(["alpha"], "3.11"))
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--target", str(tmp_path / "there")]
    command += ["--require-hashes", "-r", "requirements.lock"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "there" / "alpha-2.0+cpu.dist-info").is_dir()


def refuse(requirements: list[str]) -> ToolError:
    with pytest.raises(ToolError) as caught:
        render_lock(requirements, "3.11")
    assert caught.value.exit_code == EXIT_MISSING_TOOL
    assert "--no-lock" in caught.value.fix
    return caught.value


def test_nothing_fits(wheels: Path) -> None:
    error = refuse(["alpha"])
    assert error.what == "The requirements cannot be locked."
    assert "alpha" in error.why
    assert str(wheels) not in str(error)


def test_uv_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import uv

    def missing() -> str:
        raise FileNotFoundError("no uv")

    monkeypatch.setattr(uv, "find_uv_bin", missing)
    assert refuse(["alpha"]).what == "uv is missing, which locks the requirements."


def test_uv_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "_TIMEOUT", 0.0001)
    assert refuse(["alpha"]).what == "uv cannot be run to lock the requirements."


def test_an_address_cannot_be_locked(wheels: Path) -> None:
    make_wheel(wheels, "alpha", "2.0")
    requirement = f"alpha @ file://{wheels}/alpha-2.0-py3-none-any.whl"
    assert refuse([requirement]).what == "A requirement is an address, which cannot be locked with a hash."
