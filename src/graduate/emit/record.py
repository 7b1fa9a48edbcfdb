"""`conversion.json`: what was converted, how, and where every statement of the research code went."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from graduate import __version__
from graduate.emit.placing import DataPlacement
from graduate.model.facts import Hazard, Option
from graduate.model.project import Bundle, ProgramResult, Row, Segment, Step
from graduate.model.source import Place

MADE_BY = "graduate"
RECORD = "conversion.json"


def render_record(bundle: Bundle, placements: Iterable[DataPlacement], files: Iterable[str]) -> str:
    """The text of conversion.json. `files` are the paths of everything that is written."""
    modules = bundle.modules
    record = {
        "made_by": MADE_BY,
        "graduate": __version__,
        "schema": 1,
        "name": modules.name,
        "title": bundle.title,
        "python": bundle.python,
        "programs": [_program(each) for each in modules.programs],
        "steps": [_step(each) for each in modules.steps],
        "settings_file": modules.settings_file,
        "workspace": bundle.workspace,
        "options": [_option(each) for each in modules.options],
        "rows": [_row(each) for each in modules.rows],
        "hazards": [_hazard(each) for each in modules.hazards],
        "modules": [{"path": f"{modules.name}/{m.path}", "origin": m.origin} for m in modules.modules],
        "data": [_data(each) for each in placements],
        "dependencies": [
            {"distribution": d.distribution, "requirement": d.requirement, "origin": d.origin}
            for d in bundle.dependencies
        ],
        "files": sorted({*files, RECORD}),
    }
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _place(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {"path": place.path, "line": place.line, "end_line": place.end_line}
    if place.cell is not None:
        found["cell"] = place.cell
    return found


def _program(result: ProgramResult) -> dict[str, Any]:
    return {
        "name": result.program.name,
        "path": result.program.path,
        "arguments": list(result.program.arguments),
        "origin": result.program.origin,
        "level": result.level,
        "blocked_by": result.blocked_by,
        "statements": result.statements,
        "refactored": result.refactored,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "role": step.role,
        "program": step.program,
        "function": step.function,
        "takes": list(step.takes),
        "gives": list(step.gives),
        "segments": [_segment(each) for each in step.segments],
        "doc": step.doc,
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "module": segment.module,
        "function": segment.function,
        "role": segment.role,
        "arguments": list(segment.arguments),
        "returns": list(segment.returns),
        "place": _place(segment.place),
        "doc": segment.doc,
    }


def _option(option: Option) -> dict[str, Any]:
    return {
        "name": option.name,
        "annotation": option.annotation,
        "default": None if option.secret else option.default,
        "kind": option.kind,
        "help": option.help,
        "flags": list(option.flags),
        "action": option.action,
        "nargs": option.nargs,
        "choices": list(option.choices),
        "positional": option.positional,
        "required": option.required,
        "secret": option.secret,
        "program": option.program,
        "keys": list(option.keys),
        "place": _place(option.place),
    }


def _row(row: Row) -> dict[str, Any]:
    return {"place": _place(row.place), "source": row.source, "where": row.where, "reason": row.reason}


def _hazard(hazard: Hazard) -> dict[str, Any]:
    return {
        "code": hazard.code,
        "message": hazard.message,
        "cost": hazard.cost,
        "place": _place(hazard.place),
    }


def _data(placement: DataPlacement) -> dict[str, Any]:
    file = placement.file
    return {
        "path": file.path,
        "stored": placement.stored,
        "bytes": file.size,
        "sha256": file.sha256,
        "copied": file.copied,
        "place": _place(file.place) if file.place else None,
    }
