"""README.md and AGENTS.md: the commands, the map of the code, and what was and was not converted."""

from __future__ import annotations

from typing import Any

from graduate.model.project import Bundle, Row


def find_left_out(bundle: Bundle) -> tuple[Row, ...]:
    """The statements that have no counterpart, but for docstrings and comments."""
    return tuple(row for row in bundle.modules.rows if not row.where)


def document_values(bundle: Bundle) -> dict[str, Any]:
    """What both documents say about the conversion."""
    modules = bundle.modules
    return {
        "steps": modules.steps,
        "programs": modules.programs,
        "hazards": modules.hazards,
        "left_out": find_left_out(bundle),
    }
