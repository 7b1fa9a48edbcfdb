"""`validate-data`: the data is still what it was at the first good run, which data/profile.json describes.

Compared are the schema exactly (columns, types, shapes behind the first axis, input files by their hash) and
the statistics with a margin, because rows may come and go. What a person has taken out of the file is not compared.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

from . import store
from .doctor import check_manifest
from .files import FileRecord, record_of
from .lock import lock
from .log import now, say
from .paths import DATA_PROFILE, STATE_FOLDER
from .problems import EXIT_BAD_INPUT, Problem
from .snapshot import NotStored, load_group
from .state import State
from .steps import CONTEXT, Pipeline

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


def record_first_run(pipeline: Pipeline, state: State) -> None:
    """Write down what the data of a good run looks like. What goes wrong here makes it no bad one."""
    try:
        found, lost = _profile(pipeline, state, lambda _, seen: seen.hash)
        if not lost:
            _write(found)
    except Exception as error:
        say(f"What the data looks like could not be recorded ({type(error).__name__}: {error}).")


def validate(pipeline: Pipeline, *, accept: bool) -> int:
    """Compare the data with the record of the first good run, or make that record. The exit code."""
    with lock():
        state = State(STATE_FOLDER)
        state.prepare()
        problems = list(check_manifest())
        found, lost = _profile(pipeline, state, _hash_now)
        problems += lost
        known = None if accept else _known()
        if known is not None:
            problems += compare(known, found)
        elif not problems:
            _write(found)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        say("If the data is meant to be like this, `validate-data --accept` records it anew.")
        return EXIT_BAD_INPUT
    say(f"Data and stored results are whole and as recorded ({now()}).")
    return 0


def _write(found: Profile) -> None:
    if not found["values"] and not found["files"]:
        return
    text = json.dumps(found, indent=1, sort_keys=True).encode()
    store.commit(STATE_FOLDER / "staging", DATA_PROFILE, [text])
    say(
        "What the data looks like was recorded in data/profile.json; `validate-data` compares later data with it."
    )


def _known() -> Profile | None:
    """The record of the first good run; None when there is none. Raises `Problem`."""
    try:
        found = json.loads(DATA_PROFILE.read_bytes())
        return {"values": dict(found["values"]), "files": dict(found["files"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(
            "What the data looked like at the first good run cannot be read.",
            where="data/profile.json",
            why=f"{type(error).__name__}: {error}",
            fix="bring the file back, or record the data as it is now with `validate-data --accept`",
        ) from None


def _hash_now(path: str, _: FileRecord) -> str:
    found = record_of(path)
    return found.hash if found is not None else "gone"


def _profile(
    pipeline: Pipeline, state: State, hash_of: Callable[[str, FileRecord], str]
) -> tuple[Profile, list[str]]:
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
        files.update({path: hash_of(path, record.read[path]) for path in sorted(set(record.read) - own)})
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
        if key in before and before[key] != after.get(key):
            yield f"{name}: its {key} is {after.get(key)}, not {before.get(key)}"
            return
    if "rows" in before and not before["rows"] / ROWS <= after["rows"] <= before["rows"] * ROWS:
        yield f"{name}: it has {after['rows']} rows, not about {before['rows']}"
    yield from _numbers(name, before, after)
    columns = after.get("columns", {})
    for column, described in before.get("columns", {}).items():
        where = f"{name}, column {column!r}" if column else name
        if column not in columns:
            yield f"{where}: it is gone"
        elif described.get("dtype", columns[column]["dtype"]) != columns[column]["dtype"]:
            yield f"{where}: its type is {columns[column]['dtype']}, not {described['dtype']}"
        else:
            yield from _numbers(where, described, columns[column])
    for column in columns:
        if column not in before.get("columns", {}):
            yield f"{name}, column {column!r}: it is new"


def _numbers(where: str, before: Profile, after: Profile) -> Iterator[str]:
    for share in ("missing", "not finite"):
        more = MORE_MISSING if share == "missing" else 0
        if share in before and after.get(share, 0) > before[share] + more:
            yield f"{where}: {after[share]:.1%} of it is {share}, not {before[share]:.1%}"
    if {"min", "max"} <= before.keys() & after.keys():
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
