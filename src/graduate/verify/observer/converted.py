"""Watches the converted project from inside: its functions report the local names that they end with.

Nothing on disk is changed. The modules that hold segments are compiled from their own text with a `finally`
around the segments' bodies; when the process ends, the last value of each name is written down.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from . import instrument, recording, seeds

PLAN = "GRADUATE_WATCH"
"""Environment variable: path of the JSON file that says what to watch (see `run.write_watch_plan`)."""


GONE = object()
"""The value of a name that had its last one in an earlier process."""


class Watch:
    """What is watched in this process, and the newest values seen."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.package: str = plan["package"]
        self.segments: dict[str, dict[str, list[str]]] = plan["segments"]
        self.whole: dict[str, str] = plan["wrapped"]
        self.settings: dict[str, dict[str, str]] = plan["settings"]
        self.programs: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, int] = {}
        self.loops: dict[str, dict[str, Any]] = {}
        self.process = os.getpid()

    def report(
        self,
        label: str,
        module: str,
        names: dict[str, Any],
        again: tuple[str, ...] = (),
        skipped: tuple[str, ...] = (),
    ) -> None:
        """A watched function or module ends with these local names; or a loop in it, with its state.

        `again` are names that the code after the loop assigns, so that the loop's values are not the last ones;
        `skipped` those that only the loop assigns, which was finished in an earlier process and not run in this.
        """
        if os.getpid() != self.process:
            return
        if label.startswith(instrument.LOOP):
            loop = self.loops.setdefault(f"{module}:{label.removeprefix(instrument.LOOP)}", {})
            for name in again:
                loop.pop(name, None)
            loop.update({name: value for name, value in names.items() if name not in again})
            loop.update(dict.fromkeys([name for name in skipped if name not in names], GONE))
            return
        values = {**names, **self.loops.pop(f"{module}:{label}", {})}
        for program in self._programs_of(label, module):
            self.programs.setdefault(program, {}).update(values)
            self.seen[program] = time.time_ns()

    def _programs_of(self, label: str, module: str) -> list[str]:
        if label.startswith(instrument.PROGRAM):
            return [label.removeprefix(instrument.PROGRAM)]
        inside = module.removeprefix(f"{self.package}.")
        return self.segments.get(inside, {}).get(label, list(self.whole.values()))

    def finish(self) -> None:
        """Write down the last values, and those that are shared through `context` or are settings."""
        if os.getpid() != self.process or not self.programs:
            return
        context = getattr(sys.modules.get(f"{self.package}.utils.context"), "context", None)
        shared = dict(vars(context)) if context is not None else {}
        for program, seen in self.programs.items():
            names = {name: value for name, value in seen.items() if value is not GONE}
            settings = self._settings_of(program)
            recording.write(
                {
                    "program": program,
                    "variables": recording.digest_names({**names, **shared}),
                    "settings": recording.digest_names(settings),
                    "gone": [name for name, value in seen.items() if value is GONE],
                },
                self.seen[program],
            )

    def _settings_of(self, program: str) -> dict[str, Any]:
        settings = getattr(sys.modules.get(f"{self.package}.config.settings"), "settings", None)
        values = settings.values() if settings is not None and hasattr(settings, "values") else {}
        return {
            name: values[field] for name, field in self.settings.get(program, {}).items() if field in values
        }


class WatchingLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module of the project with its segments watched."""

    watch: Watch

    def get_code(self, fullname: str) -> CodeType | None:
        inside = fullname.removeprefix(f"{self.watch.package}.")
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path))
        if inside in self.watch.whole:
            instrument.watch_functions(tree, ["main"])
            instrument.watch_module(tree, self.watch.whole[inside])
        else:
            instrument.watch_functions(tree, self.watch.segments[inside])
        return compile(tree, path, "exec", dont_inherit=True)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the watched modules where Python would, and gives them the watching loader."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, inside = fullname.partition(".")
        if package != self.watch.package or not (inside in self.watch.segments or inside in self.watch.whole):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            loader = WatchingLoader(spec.loader.name, spec.loader.path)
            loader.watch = self.watch
            spec.loader = loader
            spec.cached = None
        return spec


def install() -> None:
    """Start to watch, if this process is told to."""
    plan = os.environ.get(PLAN)
    if not plan:
        return
    seeds.install()
    watch = Watch(json.loads(Path(plan).read_text(encoding="utf-8")))
    builtins.__dict__[instrument.REPORT] = watch.report
    sys.meta_path.insert(0, Finder(watch))
    atexit.register(watch.finish)
