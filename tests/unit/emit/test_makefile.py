"""Recipes that call tools which a test machine may not have: tried with stand-ins that write down their arguments."""

from __future__ import annotations

import os
import re
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
_ASKS = re.compile(r"^docker (info|image inspect|.*--help|compose version)|^docker-compose version")
OLD_DOCKER = 'case "$*" in "compose version") exit 1;; esac'
WRITE_LOCK = 'while [ $# -gt 1 ]; do [ "$1" = -o ] && echo "x==2" > "$2"; shift; done'
SHOW_CONSTRAINTS = """while [ $# -gt 1 ]; do
[ "$1" = -c ] && cat "$2" >> "$CALLS"
[ "$1" = -o ] && touch "$2"
shift; done; true"""
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
            "ls",
            "mktemp",
            "mv",
            "sed",
            "basename",
            "tail",
            "touch",
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
        """The calls, without those that only ask what there is."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [call for call in calls if not _ASKS.search(call)]


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
        "uv pip install --require-hashes -r requirements-dev.lock --quiet --python .venv/bin/python",
    ]


def test_install_without_uv_takes_pip(bench: Bench) -> None:
    bench.add("python3.11", VENV)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (bench.root / name).write_text("x==1\n")
    bench.make("install")
    assert bench.called() == [
        "python3.11 -c import sys; sys.exit(sys.version_info < (3, 11))",
        "python3.11 -m venv .venv",
        "python3.11 -m pip install --require-hashes -r requirements-dev.lock --quiet --disable-pip-version-check",
    ]


def test_install_without_uv_and_with_an_old_python_says_so(bench: Bench) -> None:
    (bench.root / "requirements-dev.in").write_text("x\n")
    assert "Python 3.11 is missing" in bench.make("install", code=2)
    bench.add("python3", "exit 1")
    assert "Python 3.11 is missing" in bench.make("install", code=2)


def test_install_without_a_lock_says_so(bench: Bench) -> None:
    (bench.root / "requirements-dev.in").write_text("x\n")
    bench.add("uv", VENV)
    assert "run 'make lock install' to pin them" in bench.make("install")
    assert bench.called()[-1] == "uv pip install -r requirements-dev.in --quiet --python .venv/bin/python"


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
    bench.add("uv", SHOW_CONSTRAINTS)
    (bench.bin / "cat").symlink_to(shutil.which("cat") or "cat")
    bench.make("lock", PIP_FIND_LINKS=str(wheels))
    calls = bench.called()
    assert [call for call in calls if "==" in call] == ["alpha-x==2.0+cpu"]
    runs = [call.split() for call in calls if call.startswith("uv pip compile")]
    assert [[run[-3], run[-1].rpartition("/")[2]] for run in runs] == [
        [f"requirements{part}.in", f"requirements{part}.lock"]
        for part in ("", "-dev", "-service", "-sweep", "-audit")
    ]
    assert all({"--generate-hashes", "--universal", "--no-emit-index-url"} <= set(run) for run in runs)


def test_a_lock_that_fails_changes_no_lock(bench: Bench) -> None:
    (bench.root / "requirements.in").write_text("x\n")
    (bench.root / "requirements-sweep.in").write_text("-r requirements.in\n")
    (bench.root / "requirements.lock").write_text("x==1\n")
    bench.add("uv", f'case "$*" in *-sweep.in*) echo "no versions fit" >&2; exit 1;; esac\n{WRITE_LOCK}')
    assert "no versions fit" in bench.make("lock", code=2)
    assert (bench.root / "requirements.lock").read_text() == "x==1\n"
    assert not (bench.root / "requirements-dev.lock").exists()
    bench.add("uv", WRITE_LOCK)
    bench.make("lock", "UPGRADE=1")
    assert (bench.root / "requirements.lock").read_text() == "x==2\n"
    assert "--upgrade" in bench.called()[-1].split()


def test_where_no_lock_is_for_all_systems_it_is_for_this_one(bench: Bench) -> None:
    (bench.root / "requirements.in").write_text("x\n")
    bench.add("uv", f'case "$*" in *--universal*) exit 1;; esac\n{WRITE_LOCK}')
    assert "trying this one" in bench.make("lock")
    assert (bench.root / "requirements.lock").read_text() == "x==2\n"


def test_lock_has_the_build_with_cuda_apart(bench: Bench, wheels: Path) -> None:
    (bench.root / "requirements.in").write_text("torch>=2  # train.py:1\n")
    (bench.root / "requirements.lock").write_text(
        "numpy==2.4 ; python_version < '3.12' \\\n    --hash=sha256:0\ntorch==2.13.0+cpu \\\n    --hash=sha256:1\n"
    )
    bench.add("uv", f'echo "links=$UV_FIND_LINKS" >> "$CALLS"; {SHOW_CONSTRAINTS}')
    (bench.bin / "cat").symlink_to(shutil.which("cat") or "cat")
    bench.make("lock", PIP_FIND_LINKS=str(wheels))
    last = [call.rstrip() for call in bench.called()[-4:]]
    assert last[0].endswith("/requirements-cuda.lock")
    assert last[1:] == ["links=", "numpy==2.4 ; python_version < '3.12'", "torch==2.13.0"]


def test_install_takes_extras_by_their_locks(bench: Bench) -> None:
    bench.add("uv", VENV)
    for name in ("", "-dev", "-service"):
        (bench.root / f"requirements{name}.lock").write_text("x==1\n")
    bench.make("install", "EXTRAS=cpu service")
    assert [call.split()[5] for call in bench.called()[1:]] == [
        "requirements-dev.lock",
        "requirements-service.lock",
    ]
    assert "no extra gpu" in bench.make("install", "EXTRAS=gpu", code=2)


def test_with_cuda_no_build_for_this_machine_is_installed(bench: Bench) -> None:
    """torch==2.0+cpu satisfies torch==2.0, so the one with CUDA would never come."""
    lock = "numpy==1.0 \\\n    --hash=sha256:0\ntorch=={} \\\n    --hash=sha256:1\ntqdm==3 \\\n    --hash=sha256:4\n"
    for name in ("", "-dev"):
        (bench.root / f"requirements{name}.lock").write_text(lock.format("2.0+cpu"))
    (bench.root / "requirements-cuda.lock").write_text(lock.format("2.0"))
    bench.add("uv", VENV + '\ncase $1 in venv) echo "echo torch" >> "$last/bin/python";; esac')
    bench.make("install", "EXTRAS=cuda")
    python = "--quiet --python .venv/bin/python"
    installs = [call for call in bench.called() if call.startswith("uv pip")]
    assert installs == [
        f"uv pip uninstall torch {python}",
        f"uv pip install --require-hashes --no-deps -r .venv/requirements-cuda.lock {python}",
        f"uv pip install --require-hashes --no-deps -r .venv/requirements-dev.lock {python}",
    ]
    assert (bench.root / ".venv" / "requirements-cuda.lock").read_text() == lock.format("2.0")
    dev = (bench.root / ".venv" / "requirements-dev.lock").read_text()
    assert dev == "numpy==1.0 \\\n    --hash=sha256:0\ntqdm==3 \\\n    --hash=sha256:4\n"


def with_audit_tools(bench: Bench, answer: str = "") -> None:
    """The bench with an environment for `make audit`, in which pip-audit answers like this."""
    bench.add("python3.11", VENV)
    (bench.root / "requirements-audit.lock").write_text("x==1\n")
    (bench.root / "requirements.lock").write_text("alpha==2.0+cpu \\\n    --hash=sha256:1\nbravo==1.0\n")
    for tool, more in (("cyclonedx-py", ""), ("pip-audit", answer)):
        bench.add(tool, more)
        (bench.root / ".venv-audit" / "bin").mkdir(parents=True, exist_ok=True)
        shutil.move(bench.bin / tool, bench.root / ".venv-audit" / "bin" / tool)
    (bench.bin / "cat").symlink_to(shutil.which("cat") or "cat")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ("", 0, ""),
        ("echo 'Found 1 known vulnerability' >&2; exit 1", 2, ""),
        (
            "echo 'bravo Dependency not found on PyPI and could not be audited: bravo (1.0)'",
            2,
            "not everything",
        ),
        (
            "echo Traceback; echo '  File'; echo 'ConnectionError: no route'; exit 1",
            2,
            "ConnectionError: no route\n",
        ),
    ],
)
def test_an_audit_that_could_not_look_everything_up_fails(
    bench: Bench, answer: str, code: int, said: str
) -> None:
    with_audit_tools(bench, answer)
    told = bench.make("audit", code=code)
    assert said in told
    assert ("next: see to the network" in told) is bool(said)
    assert "File" not in told
    assert (bench.root / ".venv-audit" / "locked.txt").read_text() == "alpha==2.0\nbravo==1.0\n"


def test_audit_has_an_environment_of_its_own(bench: Bench) -> None:
    with_audit_tools(bench)
    bench.make("audit")
    assert [" ".join(call.split()[:2]) for call in bench.called()] == [
        "python3.11 -c",
        "python3.11 -m",
        "python3.11 -m",
        "cyclonedx-py requirements",
        "pip-audit --progress-spinner",
    ]
    assert "-r requirements-audit.lock" in bench.called()[2]


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
    assert project.called()[:5] == [
        "docker compose config --quiet",
        "docker build --target runtime --tag walk:latest .",
        "docker build --target service --tag walk:latest-service .",
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
    assert project.called() == [], "nothing is built for it"


def test_deploy_says_what_to_do_when_something_cannot_be_started(project: Bench) -> None:
    project.add(
        "docker", HEALTHY.format(health="running 0 0 healthy") + '\ncase "$*" in *" up "*) exit 1;; esac'
    )
    said = deploy(project, code=2)
    assert "SERVE_PORT" in said
    assert "make undeploy" in said


def test_a_container_that_fails_has_the_last_word(project: Bench) -> None:
    stand_in = HEALTHY.format(health="running 0 0 unhealthy")
    project.add("docker", stand_in + '\ncase "$*" in "logs "*) echo "no such model" >&2;; esac')
    said = deploy(project, code=2)
    assert said.index("no such model") < said.index("/walk_serve_1 is not healthy")
    assert "docker logs --tail 20 two" in project.called()


@pytest.mark.parametrize("target", ["build", "docker-run", "deploy", "undeploy", "logs"])
def test_without_an_engine_it_is_said_where_to_get_one(project: Bench, target: str) -> None:
    assert "docker is missing: install Docker" in project.make(target, code=2)
    project.add("docker", 'case "$1" in info) echo "ERROR: connection refused" >&2; exit 1;; esac')
    said = project.make(target, code=2)
    assert "docker reaches no engine: ERROR: connection refused" in said
    assert "DOCKER_HOST" in said
    assert project.called() == []


@pytest.mark.parametrize("target", ["deploy", "undeploy", "logs"])
def test_without_compose_nothing_is_built(project: Bench, target: str) -> None:
    project.add("docker", OLD_DOCKER)
    assert "Docker Compose is missing" in project.make(target, code=2)
    assert project.called() == []


def test_undeploy_and_logs(bench: Bench) -> None:
    bench.add("docker")
    bench.make("undeploy")
    bench.make("logs", "ARGS=serve")
    assert bench.called() == [
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
