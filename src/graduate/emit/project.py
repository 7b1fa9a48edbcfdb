"""Puts the whole project together: every file that a generated project has, as values."""

from __future__ import annotations

import json
import posixpath
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from graduate import __version__
from graduate.emit.baseline import Baseline, format_generated, record_baseline
from graduate.emit.dashboard import render_dashboard
from graduate.emit.documents import document_values
from graduate.emit.imported import compare_imports
from graduate.emit.makefile import find_absent, find_targets, render_makefile
from graduate.emit.options import find_settings, render_default_yaml
from graduate.emit.package import can_sweep, has_parallel_loops, has_torch, render_package
from graduate.emit.placing import find_clashes, keep_folders, place_data, render_data
from graduate.emit.record import RECORD, render_record
from graduate.emit.render import render
from graduate.emit.requirements import (
    PARALLEL_EXTRAS,
    PARALLEL_MODULES,
    SERVICE_MODULES,
    SWEEP_MODULES,
    choose_python,
    find_requirements,
    find_service,
    find_sweep_requirements,
    find_system_packages,
    logs_for_tensorboard,
    render_audit,
    render_parallel_requirements,
    render_requirements,
    render_service,
    render_sweep_requirements,
    render_tools,
)
from graduate.emit.sweep import choose_sweep_file, render_sweep
from graduate.emit.tests import render_tests
from graduate.model.project import Bundle, Modules, Project, ProjectFile

VERSION = "0.1.0"
AROUND = (
    "AGENTS.md",
    "Dockerfile",
    "compose.yaml",
    "docker/deploy.sh",
    "docker/install-lock.sh",
    "monitoring/grafana/provisioning/dashboards/pipeline.yml",
    "monitoring/grafana/provisioning/datasources/prometheus.yml",
    "monitoring/prometheus.yml",
    "pyproject.toml",
)
"""The files of a project that are one template each."""
LOCKS = tuple(f"requirements{part}.lock" for part in ("", "-audit", "-cuda", "-dev", "-service", "-sweep"))
_RUNTIME_LIBRARIES = ("cloudpickle", "pydantic", "yaml", "numpy", "torch", "matplotlib", "IPython")


def render_project(bundle: Bundle) -> Project:
    """The project without its locks, ready to be checked and written. The same bundle gives the same bytes."""
    modules = bundle.modules
    package = render_package(modules, bundle.title, _libraries(bundle))
    values = _values(bundle)
    texts = {file.path: file.text or "" for file in package}
    tests = render_tests(bundle, values["settings"])
    values["imported"] = compare_imports(
        texts, modules.name, bundle.dependencies, find_requirements(bundle.dependencies), values["service"]
    )
    plain = render("pyproject.toml.j2", **values, baseline=Baseline())
    main = f"{modules.name}/__main__.py"
    own = {path: texts[path] for path in (main, *_free_to_format(modules))}
    texts |= format_generated({**tests, **own}, plain)
    from_research = frozenset(f"{modules.name}/{each.path}" for each in modules.modules)
    values["baseline"] = record_baseline(texts, from_research, plain)
    texts |= _render_texts(bundle, values)
    locks = (*LOCKS, *(f"requirements-{each}.lock" for each in values["parallel"]))
    placements = place_data(bundle.data_files, {*texts, *locks, RECORD}, bundle.workspace)
    clashes = find_clashes(bundle.data_files, placements)
    bundle = replace(bundle, modules=replace(modules, hazards=(*modules.hazards, *clashes)))
    data = render_data(placements, bundle.source_root)
    data += keep_folders(output_folders(bundle), [*texts, *(file.path for file in data)])
    texts["README.md"] = render("README.md.j2", **values, data=placements)
    paths = [*texts, *locks, *(file.path for file in data)]
    texts[RECORD] = render_record(bundle, placements, paths)
    files = [*(ProjectFile(path, text=text) for path, text in texts.items()), *data]
    return Project(modules.name, tuple(sorted(files, key=lambda file: file.path)), clashes)


def output_folders(bundle: Bundle) -> tuple[str, ...]:
    """The folders of the project that the programs write into."""
    return tuple(posixpath.join(bundle.workspace, folder) for folder in bundle.output_folders)


def _render_texts(bundle: Bundle, values: Mapping[str, Any]) -> dict[str, str]:
    """The files around the package, without the ones that need to know all others."""
    around = {path: render(f"{path}.j2", **values) for path in AROUND}
    for extra in values["parallel"]:
        around[f"requirements-{extra}.in"] = render_parallel_requirements(extra)
    if values["sweep_file"]:
        around[values["sweep_file"]] = render_sweep(values["settings"], bundle.modules)
    return {
        **around,
        "monitoring/grafana/dashboards/pipeline.json": render_dashboard(
            values["title"], bool(values["models"])
        ),
        ".dockerignore": render("dockerignore.j2", **values),
        ".gitignore": render("gitignore.j2", **values),
        "Makefile": render_makefile(values),
        "README.md": "",
        bundle.modules.settings_file: render_default_yaml(values["settings"]),
        "requirements-audit.in": render_audit(),
        "requirements-dev.in": render_tools(),
        "requirements-service.in": render_service(values["service"]),
        "requirements-sweep.in": render_sweep_requirements(can_sweep(bundle.modules)),
        "requirements.in": render_requirements(find_requirements(bundle.dependencies)),
    }


def _values(bundle: Bundle) -> dict[str, Any]:
    """What the templates may use."""
    modules = bundle.modules
    requirements = find_requirements(bundle.dependencies)
    settings = find_settings(modules.options, modules.name)
    title = " ".join(bundle.title.split())
    trains_torch = any(each.name == "torch" for each in requirements)
    return {
        **document_values(bundle),
        "name": modules.name,
        "title": title,
        "description": json.dumps(f"{title}, as a pipeline of resumable steps", ensure_ascii=False),
        "as_of": bundle.as_of,
        "models": modules.models,
        "output_folders": output_folders(bundle),
        "read_in_tests": _find_read_in_tests(bundle),
        "workspace": bundle.workspace,
        "image": f"{modules.name.strip('_').replace('__', '_')}:latest",
        "version": VERSION,
        "graduate": __version__,
        "python": choose_python(bundle.python),
        "requires_python": bundle.python,
        "requirements": [json.dumps(each.text, ensure_ascii=False) for each in requirements],
        "system_packages": find_system_packages(requirements),
        "torch": [json.dumps(each.text, ensure_ascii=False) for each in requirements if each.name == "torch"],
        "service": find_service(modules.models, requirements),
        "parallel": PARALLEL_EXTRAS if has_parallel_loops(modules) else {},
        "sweep": find_sweep_requirements(can_sweep(modules)),
        "sweep_file": choose_sweep_file(
            settings if can_sweep(modules) else (), [each.path for each in bundle.data_files]
        ),
        "third_party": _third_party(bundle),
        "moved": sorted(
            _dotted(modules.name, each.path) for each in modules.modules if each.origin == "moved"
        ),
        "settings": settings,
        "settings_file": modules.settings_file,
        "secrets": [each.variable for each in settings if each.option.secret],
        "tensorboard": logs_for_tensorboard(requirements),
        "shared": [step for step in modules.steps if step.role == "train" and not step.alone],
        "alone": list(dict.fromkeys(why for step in modules.steps for why in step.alone))
        if trains_torch
        else [],
        "targets": find_targets(),
        "absent": find_absent(
            modules.steps,
            modules.models,
            is_shareable=has_torch(_libraries(bundle)),
            can_sweep=can_sweep(modules),
        ),
    }


def _free_to_format(modules: Modules) -> list[str]:
    """Generated modules of which no row cites lines: their formatting may change."""
    cited = {row.where.partition(":")[0] for row in modules.rows if re.search(r":\d+-\d+$", row.where)}
    generated = [each.path for each in modules.modules if each.origin == "generated"]
    paths = {path: f"{modules.name}/{path}" for path in generated}
    return [full for path, full in paths.items() if _dotted("", path).lstrip(".") not in cited]


def _find_read_in_tests(bundle: Bundle) -> list[str]:
    """The Python files that programs read as data, and that stand where the project has its own tests: TOML strings."""
    if bundle.workspace:
        return []
    read = [each.path for each in bundle.data_files if each.path.startswith("tests/")]
    return [json.dumps(path, ensure_ascii=False) for path in read if path.endswith(".py")]


def _libraries(bundle: Bundle) -> set[str]:
    return {name.partition(".")[0] for each in bundle.dependencies for name in each.imports}


def _third_party(bundle: Bundle) -> list[str]:
    """The top-level modules of all libraries, so that mypy need not look into them."""
    return sorted(
        (
            {
                *_libraries(bundle),
                *_RUNTIME_LIBRARIES,
                *SERVICE_MODULES,
                *SWEEP_MODULES,
                *PARALLEL_MODULES,
                "xgboost",
            }
        )
        - set(sys.stdlib_module_names)
    )


def _dotted(package: str, path: str) -> str:
    return f"{package}/{path}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")
