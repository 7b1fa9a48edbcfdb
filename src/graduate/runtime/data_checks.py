"""`validate-data`: the data is still what it was at the first good run, which data/profile.json describes.

Compared are the schema exactly (columns, types, shapes behind the first axis, input files by their hash) and
the statistics with a margin, because rows may come and go.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

from . import store
from .doctor import check_manifest
from .files import record_of
from .lock import lock
from .log import now, say
from .paths import PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_BAD_INPUT
from .snapshot import NotStored, load_group
from .state import State
from .steps import CONTEXT, Pipeline

PROFILE = PROJECT_ROOT / "data" / "profile.json"
ROLES = ("download", "preprocess", "dataset", "loader", "validate")
MARGIN = 0.1
"""How far a value may lie outside of the recorded range, as a share of that range."""
MORE_MISSING = 0.05
"""How much the share of missing values may grow."""
ROWS = 2.0
"""By which factor the number of rows may grow or shrink."""
MOST_CATEGORIES = 20
MOST_PARTS = 20

Profile = dict[str, Any]


def validate(pipeline: Pipeline, *, accept: bool) -> int:
    """Compare the data with the record of the first good run, or make that record. The exit code."""
    with lock():
        state = State(STATE_FOLDER)
        state.prepare()
        problems = list(check_manifest())
        found, lost = _profile(pipeline, state)
        problems += lost
        known = None if accept else _known()
        if known is not None:
            problems += compare(known, found)
        elif not problems and (found["values"] or found["files"]):
            text = json.dumps({"recorded": now(), **found}, indent=1, sort_keys=True).encode()
            store.commit(STATE_FOLDER / "staging", PROFILE, [text])
            say("What the data looks like was recorded in data/profile.json; later data is compared with it.")
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        say("If the data is meant to be like this, `validate-data --accept` records it anew.")
        return EXIT_BAD_INPUT
    say(f"Data and stored results are whole and as recorded ({now()}).")
    return 0


def _known() -> Profile | None:
    try:
        return dict(json.loads(PROFILE.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return {"values": {}, "files": {"data/profile.json": "a readable record"}}


def _profile(pipeline: Pipeline, state: State) -> tuple[Profile, list[str]]:
    """What the finished data steps gave and which files of nobody's making they read; what is lost of it."""
    values: Profile = {}
    files: Profile = {}
    lost: list[str] = []
    own = {path for step in pipeline.steps for path in state.record(step.name).wrote}
    for step in pipeline.steps:
        record = state.record(step.name)
        if step.role not in ROLES or record.status != "done":
            continue
        for group in record.groups:
            try:
                content = load_group(state.objects, group)
            except NotStored as problem:
                lost.append(f"{step.name}: {problem.name} is lost: {problem.why}; the step has to run again")
                continue
            named = {name: each for name, each in content.items() if name != CONTEXT}
            values.update({f"{step.name}: {name}": each for name, each in _described(named)})
        for path in sorted(set(record.read) - own):
            now_there = record_of(path)
            files[path] = now_there.hash if now_there is not None else "gone"
    return {"values": values, "files": files}, lost


def _described(named: dict[str, Any], depth: int = 0) -> Iterator[tuple[str, Profile]]:
    """A description for each table and array among these values, also inside of lists and dicts."""
    for name, value in named.items():
        kind = type(value).__module__.partition(".")[0]
        if kind == "pandas" and hasattr(value, "columns"):
            columns = {
                str(column): describe_column(value.iloc[:, at]) for at, column in enumerate(value.columns)
            }
            yield name, {"kind": "table", "rows": len(value), "columns": columns}
        elif kind == "pandas" and hasattr(value, "dtype"):
            yield name, {"kind": "column", "rows": len(value), "columns": {"": describe_column(value)}}
        elif hasattr(value, "shape") and hasattr(value, "dtype"):
            yield name, describe_array(value)
        elif isinstance(value, (list, tuple, dict)) and depth < 2 and len(value) <= MOST_PARTS:
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            yield from _described({f"{name}[{key!r}]": each for key, each in parts}, depth + 1)


def describe_column(column: Any) -> Profile:
    """A column of a frame: its type, its range or categories, and the share that is missing."""
    described: Profile = {"dtype": str(column.dtype), "missing": round(float(column.isna().mean() or 0), 6)}
    if column.dtype.kind in "iufb":
        return {**described, **_range(column.dropna().to_numpy())}
    if column.dtype.kind in "mM" or not len(column):
        return described
    try:
        distinct = sorted({str(each) for each in column.dropna().unique()[: MOST_CATEGORIES + 1]})
    except TypeError:
        return described
    return {**described, "categories": distinct} if len(distinct) <= MOST_CATEGORIES else described


def describe_array(value: Any) -> Profile:
    """An array or tensor: its type, the shape of a row, its range."""
    import numpy

    if hasattr(value, "detach"):
        value = value.detach().cpu()
    described: Profile = {"dtype": str(value.dtype), "shape": [int(each) for each in value.shape[1:]]}
    described |= {"kind": "array", "rows": int(value.shape[0]) if len(value.shape) else 1}
    try:
        plain = numpy.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        return described
    return {**described, **_range(plain)} if plain.dtype.kind in "iufb" else described


def _range(values: Any) -> Profile:
    """The smallest and the largest finite value, and the share of values that are not finite."""
    import numpy

    finite = values[numpy.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        return {"not finite": 1.0 if values.size else 0.0}
    return {
        "min": float(finite.min()),
        "max": float(finite.max()),
        "not finite": round(1 - finite.size / values.size, 6),
    }


def compare(known: Profile, found: Profile) -> Iterator[str]:
    """What drifted, and where."""
    for path, content in known["files"].items():
        if path in found["files"] and found["files"][path] != content:
            yield f"{path} has another content than at the first good run"
        elif path not in found["files"]:
            yield f"{path} was read at the first good run and is not now"
    for name, before in known["values"].items():
        if name not in found["values"]:
            yield f"{name} is not given any more"
        else:
            yield from _drift(name, before, found["values"][name])


def _drift(name: str, before: Profile, after: Profile) -> Iterator[str]:
    for key in ("kind", "dtype", "shape"):
        if before.get(key) != after.get(key):
            yield f"{name}: its {key} is {after.get(key)}, not {before.get(key)}"
            return
    if not before["rows"] / ROWS <= after["rows"] <= before["rows"] * ROWS:
        yield f"{name}: it has {after['rows']} rows, not about {before['rows']}"
    yield from _numbers(name, before, after)
    columns = after.get("columns", {})
    for column, described in before.get("columns", {}).items():
        where = f"{name}, column {column!r}" if column else name
        if column not in columns:
            yield f"{where}: it is gone"
        elif described["dtype"] != columns[column]["dtype"]:
            yield f"{where}: its type is {columns[column]['dtype']}, not {described['dtype']}"
        else:
            yield from _numbers(where, described, columns[column])
    for column in columns:
        if column not in before.get("columns", {}):
            yield f"{name}, column {column!r}: it is new"


def _numbers(where: str, before: Profile, after: Profile) -> Iterator[str]:
    for share in ("missing", "not finite"):
        if after.get(share, 0) > before.get(share, 0) + (MORE_MISSING if share == "missing" else 0):
            yield f"{where}: {after[share]:.1%} of it is {share}, not {before.get(share, 0):.1%}"
    if "min" in before and "min" in after:
        width = (before["max"] - before["min"]) * MARGIN
        width = width if math.isfinite(width) else 0.0
        if after["min"] < before["min"] - width or after["max"] > before["max"] + width:
            yield (
                f"{where}: its values go from {after['min']:g} to {after['max']:g}, "
                f"not from {before['min']:g} to {before['max']:g}"
            )
    old, now_there = before.get("categories"), after.get("categories")
    if old is not None and now_there is None:
        yield f"{where}: it has more than {MOST_CATEGORIES} categories, not {len(old)}"
    elif old is not None and now_there is not None and set(now_there) - set(old):
        yield f"{where}: it has new categories: {', '.join(sorted(set(now_there) - set(old)))}"
