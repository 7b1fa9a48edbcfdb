"""What the generated project asks for: the research code's distributions, and the runtime's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import version

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from graduate.model.facts import Dependency

RUNTIME_REQUIREMENTS = {
    "cloudpickle": "cloudpickle>=3.1",
    "pydantic": "pydantic>=2.11",
    "pyyaml": "pyyaml>=6.0",
}
"""What the files under utils/ import beside the standard library, by canonical name."""

RUNTIME_MODULES = {"cloudpickle": ("cloudpickle",), "pydantic": ("pydantic",), "pyyaml": ("yaml",)}
SERVICE_MODULES = ("fastapi", "fastapi_offline", "prometheus_client", "uvicorn")
"""What exporter.py and serving.py import."""
SWEEP_MODULES = ("optuna",)
"""What sweep.py imports."""

PARALLEL_MODULES = ("joblib", "ray")
"""What parallel_joblib.py and parallel_ray.py import."""
PARALLEL_EXTRAS = {"parallel": "joblib>=1.5", "ray": "ray>=2.40"}
"""The extras of a project with loops over data that several processes, or a Ray cluster, can run."""

DEPTRY = "0.25.1"
"""Which deptry recorded that the imports are as declared; graduate itself does not need it."""

AUDIT_TOOLS = ("cyclonedx-bom>=7", "pip-audit>=2.9")

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEM_PACKAGES: dict[str, tuple[str, ...]] = {
    "graphviz": ("graphviz",),
    "lightgbm": ("libgomp1",),
    "opencv-contrib-python": ("libgl1", "libglib2.0-0"),
    "opencv-python": ("libgl1", "libglib2.0-0"),
    "xgboost": ("libgomp1",),
}
"""Shared libraries and programs that these distributions need and no wheel brings: Debian packages."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One direct dependency and where it was asked for."""

    name: str
    text: str
    origin: str


def find_requirements(dependencies: Iterable[Dependency]) -> tuple[Requirement, ...]:
    """The direct dependencies, sorted. What the research code asks for wins over what the runtime asks for."""
    found = {
        name: Requirement(name, text, "the pipeline itself") for name, text in RUNTIME_REQUIREMENTS.items()
    }
    for each in dependencies:
        name = canonicalize_name(each.distribution)
        found[name] = Requirement(name, each.requirement, each.origin)
    return tuple(found[name] for name in sorted(found))


def find_tools() -> tuple[str, ...]:
    """The tools of the generated project; those whose findings are recorded are pinned to what recorded them."""
    return (f"deptry=={DEPTRY}", f"mypy=={version('mypy')}", "pytest>=8", f"ruff=={version('ruff')}")


def find_system_packages(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """The Debian packages that the container needs at run time."""
    return tuple(sorted({p for each in requirements for p in SYSTEM_PACKAGES.get(each.name, ())}))


def choose_python(specifier: str) -> str:
    """The version of Python that is locked for: the lowest that the research code allows, `3.11` or later."""
    allowed = SpecifierSet(specifier)
    return next((each for each in PYTHONS if allowed.contains(f"{each}.99")), PYTHONS[0])


def render_requirements(requirements: Iterable[Requirement]) -> str:
    """`requirements.in`."""
    lines = ["# Direct dependencies. After a change: make lock install"]
    lines += [f"{each.text}  # {each.origin}" if each.origin else each.text for each in requirements]
    return "\n".join(lines) + "\n"


def render_tools() -> str:
    """`requirements-dev.in`."""
    return "\n".join(["# What tests and checks need on top.", "-r requirements.in", *find_tools()]) + "\n"


def render_audit() -> str:
    """`requirements-audit.in`: what `make audit` needs, apart from all else."""
    return "\n".join(["# What `make audit` needs, in an environment of its own.", *AUDIT_TOOLS]) + "\n"


def logs_for_tensorboard(requirements: Iterable[Requirement]) -> bool:
    return any(each.name in ("tensorboard", "tensorboardx") for each in requirements)


def find_service(models: Collection[str], requirements: Collection[Requirement]) -> tuple[str, ...]:
    """What `metrics`, and `serve` and TensorBoard where there is something for them, need on top."""
    found = ["prometheus-client>=0.21"]
    if models:
        found += ["fastapi>=0.115", "fastapi-offline>=1.7", "uvicorn>=0.30"]
    if logs_for_tensorboard(requirements) and not any(each.name == "tensorboard" for each in requirements):
        found.append("tensorboard")
    return tuple(sorted(found))


def render_service(service: Iterable[str]) -> str:
    """`requirements-service.in`."""
    head = "# What the services beside the pipeline need on top."
    return "\n".join([head, "-r requirements.in", *service]) + "\n"


def find_sweep_requirements(can_sweep: bool) -> tuple[str, ...]:
    """What `sweep` needs on top, where the project has it."""
    return ("optuna>=4.2",) if can_sweep else ()


def render_sweep_requirements(can_sweep: bool) -> str:
    """`requirements-sweep.in`."""
    head = (
        "# What `sweep` needs on top."
        if can_sweep
        else "# This project has no `sweep`, which would need more."
    )
    return "\n".join([head, "-r requirements.in", *find_sweep_requirements(can_sweep)]) + "\n"


def render_parallel_requirements(extra: str) -> str:
    """`requirements-parallel.in`, `requirements-ray.in`."""
    where = "in several processes" if extra == "parallel" else "on a Ray cluster"
    head = f"# What loops over data {where} need on top."
    return "\n".join([head, "-r requirements.in", PARALLEL_EXTRAS[extra]]) + "\n"
