"""Recipes that call tools which a test machine may not have: tried with stand-ins that write down their arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from graduate.emit.makefile import render_makefile
from graduate.emit.render import render

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
        values = {"name": "walk", "title": "Walk", "image": "walk:latest", "python": "3.11", "as_of": ""}
        makefile = render_makefile({**values, "parallel": {}, "models": ("model",), "secrets": ["WALK_KEY"]})
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
    (bench.root / "requirements-dev.in").write_text("x\n")
    bench.add("uv", VENV)
    assert "run 'make lock install' to pin them" in bench.make("install")
    assert bench.called()[-1] == "uv pip install --quiet --python .venv/bin/python -r requirements-dev.in"


def test_install_does_not_make_an_environment_twice(bench: Bench) -> None:
    (bench.root / "requirements-dev.in").write_text("x\n")
    bench.add("uv", VENV)
    bench.make("install")
    bench.make("install")
    assert [call.split()[1] for call in bench.called()] == ["venv", "pip", "pip"]


def test_a_failed_install_fails(bench: Bench) -> None:
    (bench.root / "requirements-dev.in").write_text("x\n")
    bench.add("uv", VENV + "\ncase $1 in pip) exit 3;; esac")
    bench.make("install", code=2)


def test_uv_finds_local_wheels(bench: Bench, wheels: Path) -> None:
    (bench.root / "requirements-dev.in").write_text("x\n")
    bench.add("uv", VENV + '\necho "links=$UV_FIND_LINKS" >> "$CALLS"')
    bench.make("install", PIP_FIND_LINKS=f"{wheels} {wheels}")
    assert f"links={wheels},{wheels}" in bench.called()


def test_lock_needs_uv(bench: Bench) -> None:
    assert "make lock needs uv" in bench.make("lock", code=2)


def test_lock_prefers_local_wheels_of_what_is_asked_for(bench: Bench, wheels: Path) -> None:
    (wheels / "alpha_x-10.0-py3-none-any.whl").write_bytes(b"x")
    (wheels / "other-1.0-py3-none-any.whl").write_bytes(b"x")
    (bench.root / "requirements.in").write_text("alpha-x  # asked for\nbravo>=1\n")
    for extra in ("dev", "service", "sweep"):
        (bench.root / f"requirements-{extra}.in").write_text("-r requirements.in\n")
    bench.add("uv", 'while [ $# -gt 1 ]; do [ "$1" = -c ] && cat "$2" >> "$CALLS"; shift; done')
    (bench.bin / "cat").symlink_to(shutil.which("cat") or "cat")
    bench.make("lock", PIP_FIND_LINKS=str(wheels))
    calls = bench.called()
    assert [call for call in calls if "==" in call] == ["alpha-x==2.0+cpu"]
    runs = [call.split() for call in calls if call.startswith("uv pip compile")]
    assert [run[-3:] for run in runs] == [
        [f"requirements{part}.in", "-o", f"requirements{part}.lock"]
        for part in ("", "-dev", "-service", "-sweep", "-audit")
    ]
    assert all({"--generate-hashes", "--universal", "--no-emit-index-url"} <= set(run) for run in runs)


def test_lock_has_the_build_with_cuda_apart(bench: Bench, wheels: Path) -> None:
    (bench.root / "requirements.in").write_text("torch>=2  # train.py:1\n")
    (bench.root / "requirements.lock").write_text(
        "numpy==2.4 ; python_version < '3.12' \\\n    --hash=sha256:0\ntorch==2.13.0+cpu \\\n    --hash=sha256:1\n"
    )
    show = 'while [ $# -gt 1 ]; do [ "$1" = -c ] && cat "$2" >> "$CALLS"; shift; done'
    bench.add("uv", f'echo "links=$UV_FIND_LINKS" >> "$CALLS"; {show}')
    (bench.bin / "cat").symlink_to(shutil.which("cat") or "cat")
    bench.make("lock", PIP_FIND_LINKS=str(wheels))
    last = [call.rstrip() for call in bench.called()[-4:]]
    assert last[0].endswith("requirements.in -o requirements-cuda.lock")
    assert last[1:] == ["links=", "numpy==2.4 ; python_version < '3.12'", "torch==2.13.0"]


def test_install_takes_extras_by_their_locks(bench: Bench) -> None:
    bench.add("uv", VENV)
    for name in ("", "-dev", "-service"):
        (bench.root / f"requirements{name}.lock").write_text("x==1\n")
    bench.make("install", "EXTRAS=cpu service")
    assert [call.split()[-1] for call in bench.called()[1:]] == [
        "requirements-dev.lock",
        "requirements-service.lock",
    ]
    assert "no extra gpu" in bench.make("install", "EXTRAS=gpu", code=2)


def test_audit_has_an_environment_of_its_own(bench: Bench) -> None:
    bench.add("python3.11", VENV)
    (bench.root / "requirements-audit.lock").write_text("x==1\n")
    for tool in ("cyclonedx-py", "pip-audit"):
        bench.add(tool)
        (bench.root / ".venv-audit" / "bin").mkdir(parents=True, exist_ok=True)
        shutil.move(bench.bin / tool, bench.root / ".venv-audit" / "bin" / tool)
    bench.make("audit")
    assert [" ".join(call.split()[:2]) for call in bench.called()] == [
        "python3.11 -m",
        "python3.11 -m",
        "cyclonedx-py requirements",
        "pip-audit --disable-pip",
    ]
    assert "-r requirements-audit.lock" in bench.called()[1]


def test_build_lends_the_folder_of_wheels(bench: Bench, wheels: Path) -> None:
    bench.add("docker", NEW_DOCKER)
    bench.make("build", "BUILD_ARGS=--network host", PIP_FIND_LINKS=str(wheels))
    assert bench.called()[-1] == (
        f"docker build --build-context wheels={wheels}/. --network host --target runtime --tag walk:latest ."
    )
    assert not (bench.root / ".wheels").exists()


def test_build_gives_copies_to_an_engine_that_cannot_borrow(bench: Bench, wheels: Path) -> None:
    bench.add("docker", OLD_DOCKER)
    (bench.root / ".wheels").mkdir()
    (bench.root / ".wheels" / "alpha_x-2.0+cpu-py3-none-any.whl").write_bytes(b"old")
    bench.make("build", PIP_FIND_LINKS=str(wheels))
    assert bench.called()[-1] == "docker build --target runtime --tag walk:latest ."
    assert (bench.root / ".wheels" / "alpha_x-2.0+cpu-py3-none-any.whl").read_bytes() == b"new"


def test_build_without_wheels(bench: Bench) -> None:
    bench.add("docker", OLD_DOCKER)
    bench.make("build", "IMAGE=mine:1")
    assert bench.called() == ["docker build --target runtime --tag mine:1 ."]


def test_a_container_works_on_this_folder_as_its_owner(bench: Bench) -> None:
    bench.add("docker")
    bench.make("docker-run", "COMMAND=status", "ARGS=--json")
    assert bench.called() == [
        "docker run --rm --init --read-only --tmpfs /tmp:exec,mode=1777 --stop-timeout 300 "
        f"--user {os.getuid()}:{os.getgid()} --volume {bench.root}:/app walk:latest status --json"
    ]


HEALTHY = """case "$*" in
"build --help"|"compose version") exit 0;;
*"ps --all --quiet"*) echo one; echo two;;
*"port serve 8000"*) echo 127.0.0.1:8000;;
*" port "*) exit 1;;
"inspect "*one) echo "/walk_pipeline_1 exited 0 0 healthy";;
"inspect "*two) echo "/walk_serve_1 {health}";;
esac"""


@pytest.fixture
def project(bench: Bench) -> Bench:
    """A bench with what deploy.sh needs."""
    for command in ("dirname", "date", "sleep", "cat"):
        if not (bench.bin / command).exists():
            (bench.bin / command).symlink_to(shutil.which(command) or command)
    (bench.root / "docker").mkdir()
    (bench.root / "docker" / "deploy.sh").write_text(render("docker/deploy.sh.j2"))
    (bench.root / "secrets").mkdir()
    (bench.root / "secrets" / "WALK_KEY").write_text("sk\n")
    return bench


def deploy(bench: Bench, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        ["make", "-s", "deploy", *arguments],
        cwd=bench.root,
        env={"PATH": str(bench.bin), "CALLS": str(bench.calls)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_deploy_builds_checks_starts_waits_and_says_where(project: Bench) -> None:
    project.add("docker", HEALTHY.format(health="running 0 0 healthy"))
    said = deploy(project)
    assert "serve: http://127.0.0.1:8000/docs" in said
    assert "grafana" not in said
    calls = [call for call in project.called() if "help" not in call and "version" not in call]
    assert calls[:5] == [
        "docker build --target runtime --tag walk:latest .",
        "docker build --target service --tag walk:latest-service .",
        "docker compose config --quiet",
        "docker compose up --detach --remove-orphans",
        "docker compose ps --all --quiet",
    ]


def test_deploy_with_monitoring_and_an_old_compose(project: Bench) -> None:
    stand_in = HEALTHY.format(health="running 0 0 healthy")
    project.add("docker", OLD_DOCKER + "\n" + stand_in)
    project.add("docker-compose", 'echo "user=$RUN_USER $SERVICE_IMAGE" >> "$CALLS"\n' + stand_in)
    deploy(project, "MONITORING=1", "IMAGE=mine:2")
    assert "docker-compose --profile monitoring up --detach --remove-orphans" in project.called()
    assert f"user={os.getuid()}:{os.getgid()} mine:2-service" in project.called()


@pytest.mark.parametrize(
    ("health", "said"),
    [
        ("running 0 0 unhealthy", "is not healthy"),
        ("running 0 0 starting", "not healthy after 1 s"),
        ("restarting 75 9 starting", "not healthy after 1 s"),
        ("restarting 1 3 starting", "fails again and again"),
    ],
)
def test_deploy_fails_when_a_service_does_not_get_healthy(project: Bench, health: str, said: str) -> None:
    project.add("docker", HEALTHY.format(health=health))
    assert said in deploy(project, "WAIT=1", code=2)


def test_deploy_fails_when_the_pipeline_fails(project: Bench) -> None:
    project.add("docker", HEALTHY.format(health="running 0 0 healthy").replace("exited 0 0", "exited 1 0"))
    assert "/walk_pipeline_1 ended with exit code 1" in deploy(project, code=2)


def test_deploy_needs_the_secrets(project: Bench) -> None:
    project.add("docker", HEALTHY.format(health="running 0 0 healthy"))
    (project.root / "secrets" / "WALK_KEY").unlink()
    assert "secrets/WALK_KEY is missing" in deploy(project, code=2)
    assert not any(" up " in call for call in project.called())


def test_undeploy_and_logs(bench: Bench) -> None:
    bench.add("docker")
    bench.make("undeploy")
    bench.make("logs", "ARGS=serve")
    wanted = [call for call in bench.called() if "version" not in call]
    assert wanted == [
        "docker compose --profile monitoring down --remove-orphans",
        "docker compose --profile monitoring logs --follow --tail 100 serve",
    ]


def test_build_of_several_targets_behind_a_proxy_and_a_private_ca(bench: Bench) -> None:
    bench.add("docker", OLD_DOCKER)
    bench.make(
        "build", "TARGETS=runtime cuda", "CA_CERT=/ca.pem", "PIP_CONF=pip.conf", HTTPS_PROXY="http://proxy"
    )
    options = "--build-arg HTTPS_PROXY --secret id=ca,src=/ca.pem --secret id=pip,src=pip.conf"
    assert bench.called() == [
        f"docker build {options} --target runtime --tag walk:latest .",
        f"docker build {options} --target cuda --tag walk:latest-cuda .",
    ]


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
