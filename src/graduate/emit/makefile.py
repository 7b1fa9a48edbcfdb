"""The Makefile: every target that a generated project has, with what it does and how."""

from __future__ import annotations

from dataclasses import dataclass

from graduate.emit.render import render
from graduate.emit.resolve import OWN_LIBRARIES
from graduate.model.project import Step

_DATA = ("download", "preprocess", "dataset", "loader", "validate")


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `recipe` are its lines; `needs` are targets that run before it."""

    name: str
    help: str
    recipe: tuple[str, ...]
    needs: str = ""


def find_targets() -> tuple[Target, ...]:
    """All targets, in the order in which `make help` lists them."""
    return (
        Target("help", "list all targets", (_HELP,)),
        Target(
            "install", "make .venv with what the locks name (with uv when it is there, else pip)", _INSTALL
        ),
        Target("lock", "make requirements.lock and requirements-dev.lock anew from the .in files", _LOCK),
        _run("download-data", "run the steps up to the last one that downloads"),
        _run("preprocess-data", "run the steps up to the last one that prepares data"),
        _run("validate-data", "run the checks on the data, and check data/manifest.json and what is stored"),
        _run("resume-data", "go on with the data steps where they were stopped"),
        _run("train", "run the steps up to the last one that trains"),
        _run("evaluate", "run the steps up to the last one that evaluates"),
        _run("train-all", "run every step that is not up to date"),
        _run("resume-train", "go on with the training where it was stopped"),
        _run("resume-all", "go on with everything where it was stopped"),
        _run("status", "show what each step is and why"),
        Target(
            "slurm",
            "write slurm.sbatch for a cluster (GPUS= or PROCS=, NODES=, TIME=, PARTITION=)",
            (_CLUSTER.format("slurm"),),
            "environment",
        ),
        Target(
            "k8s",
            "write k8s/: a Job and a Kubeflow TrainJob (GPUS= or PROCS=, NODES=, IMAGE=, CLAIM=)",
            (_CLUSTER.format("k8s"),),
            "environment",
        ),
        _python("test", "run the unit tests (seconds)", "-m pytest tests/unit $(ARGS)"),
        _python(
            "integration-test",
            "run the pipeline in a copy: straight, again, killed and resumed",
            "-m pytest tests/integration $(ARGS)",
        ),
        _python("lint", "check the code with ruff", "-m ruff check .", "-m ruff format --check ."),
        _python("typecheck", "check the types with mypy", "-m mypy"),
        Target("build", "build the container image (IMAGE=, BUILD_ARGS=)", _BUILD),
        Target(
            "docker-run",
            "run COMMAND=train-all in the container, with state and results here",
            (_DOCKER_RUN,),
        ),
        Target(
            "deploy",
            "build, then run the pipeline in the background with compose; it is restarted on failure",
            ('RUN_USER="$$(id -u):$$(id -g)" exec $(COMPOSE) up --detach pipeline',),
            "build",
        ),
        Target(
            "clean",
            "forget all results and checkpoints (asks; CONFIRM=1 does not ask)",
            _CLEAN,
            "environment",
        ),
    )


def _run(command: str, text: str) -> Target:
    return _python(command, text, f"-m $(PACKAGE) {command} $(ARGS)")


def _python(name: str, text: str, *arguments: str) -> Target:
    return Target(name, text, tuple(f'exec "$(PYTHON)" {each}' for each in arguments), "environment")


_HELP = (
    '@awk \'BEGIN {FS = ":[^#]*## "} /^[a-z0-9-]+:.*## / {printf "  %-18s %s\\n", $$1, $$2}\' '
    "$(firstword $(MAKEFILE_LIST))"
)

_INSTALL = (
    "@set -eu; \\",
    'if [ "$(PYTHON)" != "$(VENV)/bin/python" ]; then \\',
    '\techo "PYTHON is given: $(PYTHON) is used as it is, nothing is installed." >&2; exit 0; \\',
    "fi; \\",
    "hashes=--require-hashes; file=requirements-dev.lock; \\",
    "if [ ! -s requirements-dev.lock ] || [ ! -s requirements.lock ]; then \\",
    '\techo "warning: there is no lock, so the newest versions that fit requirements-dev.in are installed;" >&2; \\',
    "\techo \"         run 'make lock install' to pin them\" >&2; \\",
    "\thashes=; file=requirements-dev.in; \\",
    "fi; \\",
    "if command -v $(UV) >/dev/null; then \\",
    "\t[ -x $(VENV)/bin/python ] || $(UV) venv --quiet --python $(PYTHON_VERSION) $(VENV); \\",
    "\t$(UV) pip install --quiet --python $(VENV)/bin/python $$hashes -r $$file; \\",
    "else \\",
    "\tpython=$$(command -v python$(PYTHON_VERSION) || command -v python3); \\",
    '\t[ -x $(VENV)/bin/python ] || "$$python" -m venv $(VENV); \\',
    "\t$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $$hashes -r $$file; \\",
    "fi",
)

_CLUSTER = (
    'ARGS="$(ARGS)" PYTHON_USED="$(PYTHON)" IMAGE="$(IMAGE)" TIME="$(TIME)" PARTITION="$(PARTITION)" CLAIM="$(CLAIM)" '
    'exec "$(PYTHON)" -m $(PACKAGE) {}'
)

_COMPILE = (
    "$(UV) pip compile --quiet --python-version $(PYTHON_VERSION) --generate-hashes --no-header --no-annotate "
    "--no-emit-index-url --no-emit-find-links"
)

_LOCK = (
    '@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }',
    # A wheel in a local folder is there for this machine, so it wins where requirements.in asks for any version.
    '@set -eu; local=$$(mktemp); trap \'rm -f "$$local" "$$local.old"\' EXIT; \\',
    "for wheel in $(sort $(wildcard $(addsuffix /*.whl,$(PIP_FIND_LINKS)))); do \\",
    '\tset -- $$(basename "$$wheel" | tr - \' \'); name=$$(echo "$$1" | tr _ -); \\',
    '\tgrep -qixE "$$name( *#.*)?" requirements.in || continue; \\',
    '\tsed -i.old "/^$$name==/d" "$$local"; echo "$$name==$$2" >>"$$local"; \\',
    "done; \\",
    f'{_COMPILE} $(DATED) -c "$$local" requirements.in -o requirements.lock; \\',
    f"{_COMPILE} -c requirements.lock requirements-dev.in -o requirements-dev.lock",
)

_BUILD = (
    '@set -eu; set --; folder="$(firstword $(WHEELS))"; \\',
    'if [ -n "$$folder" ]; then \\',
    '\tif $(DOCKER) build --help | grep -q -e --build-context; then set -- --build-context wheels="$$folder"; \\',
    '\telse mkdir -p .wheels; cp -lf "$$folder"/*.whl .wheels/ 2>/dev/null || cp -f "$$folder"/*.whl .wheels/; fi; \\',
    "fi; \\",
    'exec $(DOCKER) build "$$@" $(BUILD_ARGS) --tag $(IMAGE) .',
)

# The image brings the environment; code, state and results are those of this folder, and belong to its owner.
_DOCKER_RUN = (
    'exec $(DOCKER) run --rm --init --stop-timeout 300 --user "$$(id -u):$$(id -g)" --env HOME=/tmp '
    '--env USER=pipeline --volume "$(CURDIR)":/app $(RUN_ARGS) $(IMAGE) $(COMMAND) $(ARGS)'
)

_CLEAN = (
    "@set -eu; \\",
    'if [ "$(CONFIRM)" != 1 ]; then \\',
    '\t[ -t 0 ] || { echo "make clean forgets every result and checkpoint; say CONFIRM=1 to do it" >&2; exit 1; }; \\',
    "\tprintf 'Forget every result and checkpoint of this pipeline? [y/N] ' >&2; read -r answer; \\",
    '\t[ "$$answer" = y ] || { echo "Nothing was removed." >&2; exit 1; }; \\',
    "fi; \\",
    'exec "$(PYTHON)" -m $(PACKAGE) clean',
)


def render_makefile(name: str, title: str, image: str, python: str, as_of: str = "") -> str:
    """The text of the Makefile."""
    return render(
        "Makefile.j2",
        name=name,
        title=title,
        image=image,
        python=python,
        as_of=as_of,
        exempt=OWN_LIBRARIES,
        targets=find_targets(),
    )


def find_absent(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """The targets whose step this project does not have; they say so and do nothing."""
    roles = {step.role for step in steps}
    groups = {
        "download-data": ("download",),
        "preprocess-data": ("preprocess", "dataset", "loader"),
        "validate-data": ("validate",),
        "resume-data": _DATA,
        "train": ("model", "loss", "train"),
        "resume-train": ("model", "loss", "train"),
        "evaluate": ("evaluate", "metric"),
    }
    return tuple(target for target, wanted in groups.items() if not roles.intersection(wanted))
