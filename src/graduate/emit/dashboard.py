"""The Grafana dashboard of a project: what `metrics` and `serve` tell, as panels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: queries with their legends, the unit of the values, its kind and width (of 24).

    Where values are numbers of states, `states` are these with their colours.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    text: str = ""
    states: tuple[tuple[str, str], ...] = ()


STATES = (
    ("pending", "text"),
    ("running", "blue"),
    ("done", "green"),
    ("failed", "red"),
    ("interrupted", "orange"),
)
"""What a step can be, as `pipeline_step_status` tells it, with a colour of Grafana."""
_STATE = " or ".join(
    f'{number} * pipeline_step_status{{status="{state}"}}' for number, (state, _) in enumerate(STATES)
)
_STEP = "{{step}}"
PIPELINE = (
    Panel(
        "State of the steps",
        ((f"sum by (step) ({_STATE})", _STEP),),
        kind="state-timeline",
        text="What each step is.",
        states=STATES,
    ),
    Panel("Duration of the steps", (("pipeline_step_seconds", _STEP),), "s", "bargauge"),
    Panel(
        "Loss and metrics",
        (("pipeline_value", "{{step}} {{name}}"),),
        text="The numbers that the loops carry.",
        width=24,
    ),
    Panel(
        "Throughput",
        (("pipeline_step_iterations_per_second", _STEP),),
        "ops",
        text="Iterations of the innermost loops.",
    ),
    Panel(
        "Age of the newest checkpoint",
        (("pipeline_checkpoint_age_seconds", _STEP),),
        "s",
        text="What would be lost if the run was killed now.",
    ),
    Panel(
        "Cost of checkpoints",
        (("pipeline_checkpoint_cost_seconds / pipeline_step_running_seconds", _STEP),),
        "percentunit",
        text="Share of the run's time.",
    ),
    Panel("Size of checkpoints", (("pipeline_checkpoint_bytes", _STEP),), "bytes"),
    Panel(
        "Memory",
        (
            ("pipeline_step_memory_bytes", "{{step}} now"),
            ("pipeline_step_peak_memory_bytes", "{{step}} most"),
        ),
        "bytes",
    ),
    Panel(
        "Errors and interruptions",
        (
            ("pipeline_step_errors_total", "{{step}} errors"),
            ("pipeline_step_interruptions_total", "{{step}} interruptions"),
            ("pipeline_step_starts_total", "{{step}} starts"),
            ("pipeline_state_damaged", "damaged states"),
        ),
    ),
)
SERVE = (
    Panel(
        "Requests",
        (("sum by (path, status) (rate(serve_requests_total[1m]))", "{{path}} {{status}}"),),
        "reqps",
    ),
    Panel(
        "Time of a prediction",
        (('histogram_quantile(0.95, rate(serve_request_seconds_bucket{path="/predict"}[5m]))', "95 %"),),
        "s",
    ),
)


def render_dashboard(title: str, has_model: bool) -> str:
    """The JSON of the dashboard."""
    panels = [*PIPELINE, *(SERVE if has_model else ())]
    placed: list[dict[str, Any]] = []
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _COLUMNS:
            x, y = 0, y + 8
        placed.append(_render(panel, number, x, y))
        x += panel.width
    board = {
        "uid": "pipeline",
        "title": title,
        "tags": ["pipeline"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": placed,
    }
    return json.dumps(board, indent=1, ensure_ascii=False) + "\n"


def _render(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": 8},
        "fieldConfig": {"defaults": {"unit": panel.unit, "mappings": _map(panel.states)}, "overrides": []},
        "options": {},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }


def _map(states: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    """Values of a panel as words."""
    options = {
        str(number): {"text": state, "color": color, "index": number}
        for number, (state, color) in enumerate(states)
    }
    return [{"type": "value", "options": options}] if states else []
