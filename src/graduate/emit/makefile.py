"""The Makefile: every target that a generated project has, with what it does and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graduate.emit.container_targets import CONTAINER_TARGETS
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
            "install",
            "make .venv with what the locks name, by uv or pip (EXTRAS=service sweep cuda parallel ray)",
            _INSTALL,
        ),
        Target(
            "lock",
            "make the locks again after a change of the .in files (UPGRADE=1: the newest versions)",
            _LOCK,
        ),
        _run("download-data", "run the steps up to the last one that downloads"),
        _run("preprocess-data", "run the steps up to the last one that prepares data"),
        _run("validate-data", "run the checks on the data, and check data/checksums.json and what is stored"),
        _run("resume-data", "go on with the data steps where they were stopped"),
        _run("train", "run the steps up to the last one that trains"),
        _run("evaluate", "run the steps up to the last one that evaluates"),
        _run("train-all", "run every step that is not up to date"),
        _run("resume-train", "go on with the training where it was stopped"),
        _run("resume-all", "go on with everything where it was stopped"),
        Target(
            "sweep",
            "try the settings of configs/sweep.yaml, stop and go on at will (TRIALS=20; needs EXTRAS=sweep)",
            ('TRIALS="$(TRIALS)" exec "$(PYTHON)" -m $(PACKAGE) sweep $(ARGS)',),
            "environment",
        ),
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
        _python(
            "lint",
            "check the code with ruff, and the dependencies with deptry",
            "-m ruff check $(PACKAGE) tests",
            "-m ruff format --check $(PACKAGE) tests",
            "-m deptry $(PACKAGE) --no-ansi",
        ),
        _python("typecheck", "check the types with mypy", "-m mypy"),
        Target(
            "audit",
            "look for known weaknesses of what is locked (pip-audit), write reports/sbom.cdx.json",
            _AUDIT,
        ),
        _run("serve", "answer /predict with the model that is stored (needs EXTRAS=service)"),
        _run("metrics", "tell Prometheus how the pipeline is doing (needs EXTRAS=service)"),
        *(Target(*each) for each in CONTAINER_TARGETS),
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

_FIND_PYTHON = (
    "python=$$(command -v python$(PYTHON_VERSION) || command -v python3) && "
    "\"$$python\" -c 'import sys; sys.exit(sys.version_info < ($(subst .,$(comma) ,$(PYTHON_VERSION))))' || { "
    'echo "Python $(PYTHON_VERSION) is missing: install it, or uv, which brings it" >&2; exit 1; }'
)

_LIST_BUILT = (
    "from importlib import metadata as m; print(*[d.name for d in m.distributions() if '+' in d.version])"
)

_INSTALL = (
    "@set -eu; \\",
    'if [ "$(PYTHON)" != "$(VENV)/bin/python" ]; then \\',
    '\techo "PYTHON is given: $(PYTHON) is used as it is, nothing is installed." >&2; exit 0; \\',
    "fi; \\",
    "if [ ! -s requirements-dev.lock ] || [ ! -s requirements.lock ]; then \\",
    '\techo "warning: there is no lock, so the newest versions that fit requirements-dev.in are installed;" >&2; \\',
    "\techo \"         run 'make lock install' to pin them\" >&2; \\",
    "fi; \\",
    "if command -v $(UV) >/dev/null; then \\",
    "\t[ -x $(VENV)/bin/python ] || $(UV) venv --quiet --python $(PYTHON_VERSION) $(VENV); \\",
    '\tpip() { $(UV) pip "$$@" --quiet --python $(VENV)/bin/python; }; \\',
    "else \\",
    f"\t{_FIND_PYTHON}; \\",
    '\t$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || "$$python" -m venv $(VENV); \\',
    '\tpip() { $(VENV)/bin/python -m pip "$$@" --quiet --disable-pip-version-check; }; \\',
    "fi; \\",
    "for extra in $(filter cuda,$(EXTRAS)) dev $(filter-out cpu cuda,$(EXTRAS)); do \\",
    "\thashes=--require-hashes; file=requirements-$$extra.lock; \\",
    "\tif [ ! -s $$file ] || [ ! -s requirements.lock ]; then hashes=; file=requirements-$$extra.in; fi; \\",
    '\t[ -s $$file ] || { echo "this project has no extra $$extra: $$file is missing" >&2; exit 1; }; \\',
    # With CUDA, builds of a version for this machine (torch==2.0+cpu) give way to the index's own, in other locks too.
    '\tif [ -n "$(filter cuda,$(EXTRAS))" ] && [ -n "$$hashes" ]; then \\',
    '\t\thashes="$$hashes --no-deps"; export PIP_YES=1; unset UV_FIND_LINKS; \\',
    f'\t\tbuilt=$$($(VENV)/bin/python -c "{_LIST_BUILT}"); \\',
    '\t\t[ $$extra != cuda ] || [ -z "$$built" ] || pip uninstall $$built; \\',
    "\t\tawk '/^[A-Za-z0-9]/ {built = $$1 ~ /[+]/} !built' $$file >$(VENV)/$$file; file=$(VENV)/$$file; \\",
    "\tfi; \\",
    "\tpip install $$hashes -r $$file; \\",
    "done",
)

# The pins of a lock, with the versions of the public index.
_PUBLIC = r"sed -n -E 's/^([A-Za-z0-9._-]+==[^+ ;\]+)(\+[a-z0-9.]+)?( ;[^\]*)?.*/\1\3/p'"

_AUDIT = (
    "@set -eu; mkdir -p reports; \\",
    "hashes=--require-hashes; file=requirements-audit.lock; \\",
    "[ -s $$file ] || { hashes=; file=requirements-audit.in; }; \\",
    f"{_FIND_PYTHON}; \\",
    '[ -x .venv-audit/bin/python ] || "$$python" -m venv .venv-audit; \\',
    ".venv-audit/bin/python -m pip install --quiet --disable-pip-version-check $$hashes -r $$file; \\",
    "PYTHONWARNINGS=ignore .venv-audit/bin/cyclonedx-py requirements --output-reproducible --of JSON \\",
    "\t--pyproject pyproject.toml -o reports/sbom.cdx.json requirements.lock; \\",
    'echo "reports/sbom.cdx.json lists what is locked" >&2; \\',
    # Without the names of local builds (torch==2.0+cpu), which no database knows.
    f"{_PUBLIC} requirements.lock >.venv-audit/locked.txt; code=0; \\",
    ".venv-audit/bin/pip-audit --progress-spinner off --disable-pip --no-deps -r .venv-audit/locked.txt $(ARGS) \\",
    "\t>.venv-audit/said 2>&1 || code=$$?; \\",
    "if grep -q '^Traceback' .venv-audit/said; then tail -n 1 .venv-audit/said >&2; else cat .venv-audit/said; fi; \\",
    "if grep -qE '^Traceback|could not be audited' .venv-audit/said; then \\",
    '\techo "audit: not everything could be looked up, see above" >&2; \\',
    "\techo \"  next: see to the network (HTTPS_PROXY), or ask another database: ARGS='-s osv'\" >&2; exit 1; \\",
    "fi; exit $$code",
)

_CLUSTER = (
    'ARGS="$(ARGS)" PYTHON_USED="$(PYTHON)" IMAGE="$(IMAGE)" TIME="$(TIME)" PARTITION="$(PARTITION)" CLAIM="$(CLAIM)" '
    'exec "$(PYTHON)" -m $(PACKAGE) {}'
)

# One lock for all systems, where there are versions for all; else one for this one. Made aside: all change or none.
_LOCK = (
    '@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }',
    "@set -eu; new=$$(mktemp -d); trap 'rm -rf \"$$new\"' EXIT; local=$$new/local; \\",
    'cp requirements*.lock "$$new" 2>/dev/null || true; \\',
    "compile() { \\",
    "\tset -- --quiet --python-version $(PYTHON_VERSION) --generate-hashes --no-header --no-annotate \\",
    '\t\t--no-emit-index-url --no-emit-find-links $(if $(filter 1,$(UPGRADE)),--upgrade) "$$@"; \\',
    '\t$(UV) pip compile --universal "$$@" 2>"$$new/said" || { \\',
    '\t\techo "no versions for all systems and Pythons: trying this one" >&2; $(UV) pip compile "$$@"; }; \\',
    "}; \\",
    # A wheel in a local folder is there for this machine, so it wins where requirements.in asks for any version.
    'touch "$$local"; \\',
    "for wheel in $(sort $(wildcard $(addsuffix /*.whl,$(PIP_FIND_LINKS)))); do \\",
    '\tset -- $$(basename "$$wheel" | tr - \' \'); name=$$(echo "$$1" | tr _ -); \\',
    '\tgrep -qixE "$$name( *#.*)?" requirements.in || continue; \\',
    '\tsed -i.old "/^$$name==/d" "$$local"; echo "$$name==$$2" >>"$$local"; \\',
    "done; \\",
    'compile $(DATED) -c "$$local" requirements.in -o "$$new/requirements.lock"; \\',
    "for extra in dev service sweep parallel ray; do \\",
    "\t[ -s requirements-$$extra.in ] || continue; \\",
    '\tcompile -c "$$new/requirements.lock" requirements-$$extra.in -o "$$new/requirements-$$extra.lock"; \\',
    "done; \\",
    'compile requirements-audit.in -o "$$new/requirements-audit.lock"; \\',
    # The build with CUDA is the index's own.
    "if grep -qiE '^torch([^a-z0-9-]|$$)' requirements.in; then \\",
    f'\t{_PUBLIC} "$$new/requirements.lock" >"$$local"; \\',
    '\tunset UV_FIND_LINKS; compile -c "$$local" requirements.in -o "$$new/requirements-cuda.lock"; \\',
    "fi; \\",
    'mv "$$new"/requirements*.lock .',
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


def render_makefile(values: Mapping[str, Any]) -> str:
    """The text of the Makefile, with what the templates of a project may use."""
    return render("Makefile.j2", **{**values, "exempt": OWN_LIBRARIES, "targets": find_targets()})


def find_absent(
    steps: tuple[Step, ...], models: tuple[str, ...], *, is_shareable: bool, can_sweep: bool
) -> dict[str, str]:
    """The targets whose step, model or means this project does not have, with why; they say so and do nothing."""
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
    absent = {
        target: "this project has no such step"
        for target, wanted in groups.items()
        if not roles.intersection(wanted)
    }
    if not models:
        absent["serve"] = "this project yields no model"
    if not can_sweep:
        absent["sweep"] = "this project has no settings to try, or nothing that trains"
    return absent if is_shareable else absent | dict.fromkeys(("slurm", "k8s"), "only for code with PyTorch")
