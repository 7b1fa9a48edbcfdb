"""`metrics`: the state of the pipeline for Prometheus. Read from the state folder, by a process of its own.

So it costs a run nothing, and what a run that ended (or was killed) has left can still be looked at.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from . import progress
from .log import say
from .paths import STATE_FOLDER
from .services import wait_for_stop
from .state import State, StepRecord
from .steps import Pipeline, Step

STATUSES = ("pending", "running", "done", "failed", "interrupted")
EVENTS = {"failed": "errors", "interrupted": "interruptions", "started": "starts"}


def serve(pipeline: Pipeline, host: str, port: int) -> int:
    """Answer Prometheus until the process is stopped."""
    registry = CollectorRegistry()
    ProcessCollector(namespace="exporter", registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(Collector(pipeline))
    server, thread = start_http_server(port, host, registry=registry)
    say(f"metrics: http://{host}:{server.server_port}/metrics")
    wait_for_stop()
    server.shutdown()
    thread.join()
    return 0


class Collector:
    """What the state folder says, whenever somebody asks."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.events = Events(STATE_FOLDER / "events.jsonl")
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            state = State(STATE_FOLDER)
            state.load()
            counts = self.events.count()
        yield GaugeMetricFamily("pipeline_generation", "Number of the newest state.", state.generation)
        yield GaugeMetricFamily(
            "pipeline_state_damaged", "State files that cannot be read.", len(state.damaged)
        )
        yield from self._steps(state)
        for event, name in EVENTS.items():
            family = CounterMetricFamily(
                f"pipeline_step_{name}", f"How often a step was {event}.", labels=["step"]
            )
            for step in self.pipeline.steps:
                family.add_metric([step.name], counts[step.name, event])
            yield family
        yield from self._checkpoints()
        yield from self._progress(state)

    def _steps(self, state: State) -> Iterator[Metric]:
        status = GaugeMetricFamily(
            "pipeline_step_status", "1 for what the step is.", labels=["step", "program", "status"]
        )
        for step, record in self._records(state):
            for each in STATUSES:
                status.add_metric([step.name, step.program, each], float(record.status == each))
        yield status
        for name, text, value in (
            ("seconds", "Duration of the last run of the step, of a running one until now.", _seconds),
            ("attempts", "How often the step was begun.", lambda record: record.attempt),
            ("peak_memory_bytes", "Most memory that the step held.", lambda record: record.peak_memory),
            ("output_bytes", "Size of what the step stored.", _stored),
        ):
            family = GaugeMetricFamily(f"pipeline_step_{name}", text, labels=["step"])
            for step, record in self._records(state):
                family.add_metric([step.name], value(record))
            yield family

    def _records(self, state: State) -> Iterable[tuple[Step, StepRecord]]:
        return [(step, state.record(step.name)) for step in self.pipeline.steps]

    def _checkpoints(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            "pipeline_checkpoint_age_seconds", "Since the newest checkpoint.", labels=["step"]
        )
        size = GaugeMetricFamily(
            "pipeline_checkpoint_bytes", "Size of the kept checkpoints.", labels=["step"]
        )
        for step in self.pipeline.steps:
            stats = _stats(STATE_FOLDER / "checkpoints" / step.name)
            if stats:
                age.add_metric([step.name], max(0.0, time.time() - max(each.st_mtime for each in stats)))
                size.add_metric([step.name], sum(each.st_size for each in stats))
        yield from (age, size)

    def _progress(self, state: State) -> Iterator[Metric]:
        """What a running step tells of itself, and what the last run of the others told."""
        steps = {
            name: each for name, each in progress.read().get("steps", {}).items() if isinstance(each, dict)
        }
        known = {step.name for step in self.pipeline.steps}
        for key, name, text in (
            (
                "iterations",
                "step_iterations",
                "Iterations of the innermost loops, since the process started.",
            ),
            ("processor", "step_processor_seconds", "Time of the processor that the step took."),
            ("memory", "step_memory_bytes", "Memory that the process of the step holds."),
            ("saves", "checkpoint_saves", "Checkpoints that were made since the process started."),
            ("save_seconds", "checkpoint_cost_seconds", "Time that checkpoints took from the step."),
            ("save_waited", "checkpoint_wait_seconds", "How long the loop waited for the last checkpoint."),
            ("seconds", "step_running_seconds", "How long the process of the step has run."),
            ("time", "step_seen_timestamp_seconds", "When the step last told something."),
        ):
            family = GaugeMetricFamily(f"pipeline_{name}", text, labels=["step"])
            for step, each in steps.items():
                if step in known and isinstance(each.get(key), (int, float)):
                    family.add_metric([step], each[key])
            yield family
        rate = GaugeMetricFamily("pipeline_step_iterations_per_second", "Pace of the loops.", labels=["step"])
        value = GaugeMetricFamily(
            "pipeline_value", "Numbers that the loops carry: losses and metrics.", labels=["step", "name"]
        )
        for step, each in steps.items():
            if step not in known:
                continue
            if each.get("seconds") and state.record(step).status == "running":
                rate.add_metric([step], each.get("iterations", 0) / each["seconds"])
            for name, number in each.get("values", {}).items():
                value.add_metric([step, name], number)
        yield from (rate, value)


class Events:
    """The events of the log by step and kind. What was counted is not read again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.counts: Counter[tuple[str, str]] = Counter()

    def count(self) -> Counter[tuple[str, str]]:
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123
                if file.seek(0, 2) < self.offset:
                    self.offset, self.counts = 0, Counter()
                file.seek(self.offset)
                text = file.read()
        except OSError:
            return self.counts
        whole = text[: text.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.splitlines():
            try:
                entry: dict[str, Any] = json.loads(line)
                self.counts[str(entry["step"]), str(entry["event"])] += 1
            except (ValueError, KeyError, TypeError):
                continue
        return self.counts


def _seconds(record: StepRecord) -> float:
    if record.status != "running" or not record.started:
        return record.seconds
    return max(0.0, time.time() - datetime.fromisoformat(record.started).timestamp())


def _stored(record: StepRecord) -> int:
    return sum(group.bytes + sum(each[1] for each in group.buffers) for group in record.groups)


def _stats(folder: Path) -> list[Any]:
    found = []
    for path in folder.glob("*.json"):
        for each in (path, path.with_suffix(".pack")):
            try:
                found.append(each.stat())
            except OSError:
                continue
    return found
