"""How far a running step is, for those who watch it: written every few seconds by a thread, read by `metrics`.

Only where it is asked for (PIPELINE_PROGRESS_SECONDS, as compose.yaml does). It looks at plain numbers from outside of
the loops, so it costs them nothing and changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from . import store
from .paths import STATE_FOLDER
from .process import memory, peak_memory
from .signals import SIGNALS

if TYPE_CHECKING:
    from .step_run import StepRun

FILE = STATE_FOLDER / "progress.json"
MOST_VALUES = 40


class Watcher:
    """Writes down where a step is, until it is stopped."""

    def __init__(self, run: StepRun) -> None:
        self.run = run
        self.every = float(os.environ.get("PIPELINE_PROGRESS_SECONDS", 0) or 0)
        self._start = time.perf_counter()
        self._processor = time.process_time()
        self._ended = threading.Event()
        self._values: dict[str, float] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self.every > 0:
            self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
            with contextlib.suppress(RuntimeError):
                self._thread.start()

    def stop(self) -> None:
        """Write a last time how it went."""
        if self._thread is not None and self._thread.is_alive():
            self._ended.set()
            self._thread.join(timeout=5)

    def note(self) -> None:
        """Keep what the loops hold now: one of them ends."""
        if self._thread is not None:
            # A dictionary may change its size while it is looked at, and research code's objects may do anything.
            with contextlib.suppress(Exception):
                self._values = find_values(self.run.values(), self.run.package) or self._values

    def _watch(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        ended = False
        while not ended:
            ended = self._ended.wait(self.every)
            self.note()
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                now = {**self._look(), "values": self._values}
                steps = {**read().get("steps", {}), self.run.name: now}
                store.publish(FILE, json.dumps({"steps": steps}).encode())

    def _look(self) -> dict[str, Any]:
        return {
            **self.run.progress(),
            "time": time.time(),
            "seconds": round(time.perf_counter() - self._start, 3),
            "memory": memory(),
            "peak_memory": peak_memory(),
            "processor": round(time.process_time() - self._processor, 3),
        }


def read() -> dict[str, Any]:
    """What was written last; {} when there is nothing."""
    try:
        return dict(json.loads(FILE.read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def find_values(values: dict[str, Any], package: str) -> dict[str, float]:
    """The numbers among what open loops carry, by name: losses, scores, and the last entry of each history."""
    found: dict[str, float] = {}
    for name, number in find_numbers(values, package).items():
        if len(found) < MOST_VALUES and math.isfinite(number):
            found[name] = number
    return found


def find_numbers(names: dict[str, Any], package: str) -> dict[str, float]:
    """The numbers that these names hold; also those that are infinite or none."""
    found: dict[str, float] = {}
    for name, value in list(names.items()):
        # The numbers of an object of the project's own, say a trainer, go without its name.
        is_own = type(value).__module__.partition(".")[0] == package and hasattr(value, "__dict__")
        parts = dict(vars(value)) if is_own else {name: value}
        found |= {path: number for key, part in parts.items() for path, number in _numbers(key, part, 0)}
    return found


def _numbers(name: str, value: Any, depth: int) -> list[tuple[str, float]]:
    if isinstance(value, bool) or depth > 2:
        return []
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, (int, float)):
        return [(name, math.inf if abs(value) >= 1e300 else float(value))]
    if isinstance(value, (list, tuple)) and value:
        return _numbers(name, value[-1], depth + 1)
    if isinstance(value, dict) and len(value) <= MOST_VALUES:
        return [
            each for key, part in list(value.items()) for each in _numbers(f"{name}.{key}", part, depth + 1)
        ]
    return []
