"""Recipes that call tools which a test machine may not have: tried with stand-ins that write down their arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from graduate.emit.makefile import render_makefile

STAND_IN = """#!/bin/sh
echo "{name} $*" >> "$CALLS"
{more}
"""
NEW_DOCKER = 'case "$*" in *--help*) echo "  --build-context stringArray";; esac'
OLD_DOCKER = 'case "$*" in "compose version") exit 1;; esac'
VENV = """case "$1 $2" in
"venv "*|"-m venv") for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python";;
esac"""


class Bench:
    """A folder with a Makefile and a PATH that leads to the usual commands and to stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.bin = folder / "bin"
        self.calls = folder / "calls"
        self.root.mkdir()
        self.bin.mkdir()
        makefile = render_makefile("walk", "Walk", "walk:latest", "3.11")
        (self.root / "Makefile").write_text(makefile)
        for command in (
            "make",
            "sh",
            "awk",
            "cp",
            "mkdir",
            "rm",
            "grep",
            "id",
            "mktemp",
            "sed",
            "basename",
            "tr",
        ):
            found = shutil.which(command)
            assert found is not None
            (self.bin / command).symlink_to(found)

    def add(self, name: str, more: str = "") -> None:
        (self.bin / name).write_text(STAND_IN.format(name=name, more=more))
        (self.bin / name).chmod(0o755)

    def make(self, *arguments: str, code: int = 0, **environment: str) -> str:
        done = subprocess.run(
            ["make", "-s", *arguments],
            cwd=self.root,
            env={"PATH": str(self.bin), "CALLS": str(self.calls), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / "alpha_x-2.0+cpu-py3-none-any.whl").write_bytes(b"new")
    return folder


def test_install_with_uv_takes_the_lock_and_its_hashes(bench: Bench) -> None:
    bench.add("uv", VENV)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (bench.root / name).write_text("x==1\n")
    bench.make("install")
    assert bench.called() == [
        "uv venv --quiet --python 3.11 .venv",
        "uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements-dev.lock",
    ]


def test_install_without_uv_takes_pip(bench: Bench) -> None:
    bench.add("python3.11", VENV)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (bench.root / name).write_text("x==1\n")
    bench.make("install")
    assert bench.called() == [
        "python3.11 -m venv .venv",
        "python3.11 -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock",
    ]


def test_install_without_a_lock_says_so(bench: Bench) -> None:
    bench.add("uv", VENV)
    assert "run 'make lock install' to pin them" in bench.make("install")
    assert bench.called()[-1] == "uv pip install --quiet --python .venv/bin/python -r requirements-dev.in"


def test_install_does_not_make_an_environment_twice(bench: Bench) -> None:
    bench.add("uv", VENV)
    bench.make("install")
    bench.make("install")
    assert [call.split()[1] for call in bench.called()] == ["venv", "pip", "pip"]


def test_a_failed_install_fails(bench: Bench) -> None:
    bench.add("uv", VENV + "\ncase $1 in pip) exit 3;; esac")
    bench.make("install", code=2)


def test_uv_finds_local_wheels(bench: Bench, wheels: Path) -> None:
    bench.add("uv", VENV + '\necho "links=$UV_FIND_LINKS" >> "$CALLS"')
    bench.make("install", PIP_FIND_LINKS=f"{wheels} {wheels}")
    assert f"links={wheels},{wheels}" in bench.called()


def test_lock_needs_uv(bench: Bench) -> None:
    assert "make lock needs uv" in bench.make("lock", code=2)


def test_lock_prefers_local_wheels_of_what_is_asked_for(bench: Bench, wheels: Path) -> None:
    (wheels / "alpha_x-10.0-py3-none-any.whl").write_bytes(b"x")
    (wheels / "other-1.0-py3-none-any.whl").write_bytes(b"x")
    (bench.root / "requirements.in").write_text("alpha-x  # asked for\nbravo>=1\n")
    bench.add("uv", 'while [ $# -gt 1 ]; do [ "$1" = -c ] && cat "$2" >> "$CALLS"; shift; done')
    (bench.bin / "cat").symlink_to(shutil.which("cat") or "cat")
    bench.make("lock", PIP_FIND_LINKS=str(wheels))
    calls = bench.called()
    assert [call for call in calls if "==" in call] == ["alpha-x==2.0+cpu"]
    runs = [call.split() for call in calls if call.startswith("uv pip compile")]
    assert [run[-3:] for run in runs] == [
        ["requirements.in", "-o", "requirements.lock"],
        ["requirements-dev.in", "-o", "requirements-dev.lock"],
    ]
    assert all("--generate-hashes" in run and "--no-emit-index-url" in run for run in runs)


def test_build_lends_the_folder_of_wheels(bench: Bench, wheels: Path) -> None:
    bench.add("docker", NEW_DOCKER)
    bench.make("build", "BUILD_ARGS=--network host", PIP_FIND_LINKS=str(wheels))
    assert bench.called()[-1] == (
        f"docker build --build-context wheels={wheels}/. --network host --tag walk:latest ."
    )
    assert not (bench.root / ".wheels").exists()


def test_build_gives_copies_to_an_engine_that_cannot_borrow(bench: Bench, wheels: Path) -> None:
    bench.add("docker", OLD_DOCKER)
    (bench.root / ".wheels").mkdir()
    (bench.root / ".wheels" / "alpha_x-2.0+cpu-py3-none-any.whl").write_bytes(b"old")
    bench.make("build", PIP_FIND_LINKS=str(wheels))
    assert bench.called()[-1] == "docker build --tag walk:latest ."
    assert (bench.root / ".wheels" / "alpha_x-2.0+cpu-py3-none-any.whl").read_bytes() == b"new"


def test_build_without_wheels(bench: Bench) -> None:
    bench.add("docker", OLD_DOCKER)
    bench.make("build", "IMAGE=mine:1")
    assert bench.called() == ["docker build --tag mine:1 ."]


def test_a_container_works_on_this_folder_as_its_owner(bench: Bench) -> None:
    bench.add("docker")
    bench.make("docker-run", "COMMAND=status", "ARGS=--json")
    assert bench.called() == [
        f"docker run --rm --init --stop-timeout 300 --user {os.getuid()}:{os.getgid()} --env HOME=/tmp "
        f"--env USER=pipeline --volume {bench.root}:/app walk:latest status --json"
    ]


@pytest.mark.parametrize(("docker", "compose"), [("", "docker compose"), (OLD_DOCKER, "docker-compose")])
def test_deploy_with_the_compose_that_is_there(bench: Bench, docker: str, compose: str) -> None:
    tell = '\necho "user=$RUN_USER" >> "$CALLS"'
    bench.add("docker", docker + tell)
    bench.add("docker-compose", tell)
    bench.make("deploy")
    assert bench.called()[-2:] == [f"{compose} up --detach pipeline", f"user={os.getuid()}:{os.getgid()}"]


def test_arguments_with_spaces_reach_the_program(bench: Bench) -> None:
    bench.add("python", 'for each; do echo "<$each>" >> "$CALLS"; done')
    bench.make("train", f"PYTHON={bench.bin}/python", "ARGS=--name 'two words'")
    assert bench.called()[1:] == ["<-m>", "<walk>", "<train>", "<--name>", "<two words>"]


def test_an_environment_in_a_folder_with_a_space(bench: Bench) -> None:
    bench.add("my python")
    bench.make("status", f"PYTHON={bench.bin}/my python")
    assert bench.called() == ["my python -m walk status"]


def test_the_exit_code_of_the_program_is_kept_apart_from_success(bench: Bench) -> None:
    bench.add("python", "exit 75")
    assert "Error 75" in bench.make("train-all", f"PYTHON={bench.bin}/python", code=2)
