"""The tests that ship with a project: they hold this project to what its conversion recorded."""

from __future__ import annotations

from collections.abc import Sequence

from graduate.emit.makefile import find_targets
from graduate.emit.options import Setting, count_times_smaller, find_cases, find_small_settings
from graduate.emit.render import render
from graduate.model.project import Bundle

_FILES = (
    "unit/test_pipeline.py",
    "unit/test_project.py",
    "unit/test_segments.py",
    "unit/test_settings.py",
    "integration/conftest.py",
    "integration/results.py",
    "integration/test_runs.py",
)


def render_tests(bundle: Bundle, settings: Sequence[Setting]) -> dict[str, str]:
    """The test files by path."""
    modules = bundle.modules
    imports = {name.partition(".")[0] for each in bundle.dependencies for name in each.imports}
    required = [each.name for each in settings if each.option.required]
    values = {
        "name": modules.name,
        "prefix": f"{modules.name}_".upper(),
        "targets": [each.name for each in find_targets()],
        "libraries": sorted(imports - {"yaml"}),
        "cases": find_cases(settings),
        "variables": sorted({each.option.keys[0] for each in settings if each.option.kind == "environment"}),
        "small": list(find_small_settings(settings)),
        "smaller": count_times_smaller(settings),
        "required": required,
    }
    return {f"tests/{path}": render(f"tests/{path}.j2", **values) for path in _FILES}
