"""Which stored value is the model, and which input it takes: recorded after the first good run, for `serve`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import model_input, store
from .log import now, say
from .paths import MODEL_RECORD, STATE_FOLDER
from .problems import EXIT_BAD_INPUT, EXIT_FAILED
from .snapshot import NotStored, load_group
from .state import Group, State, StepRecord
from .steps import CONTEXT, Pipeline


class NoModel(Exception):
    """There is nothing to serve; the message says why."""


@dataclass(frozen=True)
class Stored:
    """Where a model is stored: its name, the step whose end it is of, and the hash of its content."""

    name: str
    step: str
    group: Group

    @property
    def hash(self) -> str:
        return self.group.content()


def find_stored(pipeline: Pipeline, state: State) -> list[Stored]:
    """The models that finished steps have stored: of each name the one of the last such step, the last names first."""
    chosen = os.environ.get("SERVE_MODEL", "")
    names = [name for name in reversed(pipeline.models) if chosen in ("", name)]
    found = []
    for name in names:
        for step in reversed(pipeline.steps):
            record = state.record(step.name)
            group = record.group_of(name) if record.status == "done" else None
            if group is not None:
                found.append(Stored(name, step.name, group))
                break
    return found


def load(pipeline: Pipeline, state: State) -> tuple[Stored, Any]:
    """The model and where it is stored. Only what has the hash that the state names is loaded. Raises `NoModel`."""
    stored = find_stored(pipeline, state)
    why = "no step that gives it has finished yet"
    for each in stored:
        try:
            value = load_group(state.objects, each.group)[each.name]
        except (NotStored, OSError) as error:
            why = str(error)
            continue
        if model_input.can_predict(value):
            return each, value
        why = f"{each.name} is {type(value).__name__}, which cannot predict"
    raise NoModel(f"there is no model to serve: {why}")


def describe(pipeline: Pipeline, state: State, stored: Stored, model: Any) -> dict[str, Any]:
    """The model's type and the input that it takes, tried with what the run has stored. Raises `NoModel`."""
    source, found = "the model itself", model_input.describe_from_shape(model)
    if found is None:
        tried = ((name, model_input.describe(model, value)) for name, value in _candidates(pipeline, state))
        source, found = next((each for each in tried if each[1] is not None), (source, None))
    if found is None:
        found = model_input.describe_from_model(model)
    if found is None:
        raise NoModel(
            f"no stored value is an input that {stored.name} ({type(model).__name__}) takes; give the shape of one "
            "input as SERVE_INPUT_SHAPE=3,32,32 to `describe-model`"
        )
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    return {"recorded": now(), "name": stored.name, "type": kind, "from": source, **found}


def _candidates(pipeline: Pipeline, state: State) -> Iterator[tuple[str, Any]]:
    """Stored values that may be inputs, with their names: the likely ones first."""
    groups: dict[str, Group] = {}
    for step in pipeline.steps:
        record: StepRecord = state.record(step.name)
        for group in record.groups:
            for name in group.names:
                if name != CONTEXT and name not in pipeline.models:
                    groups[name] = group
    for name in sorted(groups, key=model_input.rank):
        try:
            yield name, load_group(state.objects, groups[name])[name]
        except NotStored:
            continue


def read() -> dict[str, Any] | None:
    """What is recorded, if anything is."""
    try:
        return dict(json.loads(MODEL_RECORD.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write(found: dict[str, Any]) -> None:
    """Record it durably."""
    store.commit(STATE_FOLDER / "staging-model", MODEL_RECORD, [json.dumps(found, indent=1).encode()])
    store.remove_folder(STATE_FOLDER / "staging-model")


def differences(known: dict[str, Any], found: dict[str, Any]) -> str:
    """What is another kind of input than recorded; "" when nothing is."""
    old, new = known["input"], found["input"]
    if old["kind"] != new["kind"]:
        return f"it takes a {new['kind']}, not a {old['kind']}"
    if old["kind"] == "table":
        gone, more = set(old["columns"]) - set(new["columns"]), set(new["columns"]) - set(old["columns"])
        changes = [f"no column {name}" for name in sorted(gone)] + [
            f"a column {name}" for name in sorted(more)
        ]
        return f"it takes {', '.join(changes)}" if changes else ""
    if old.get("shape") != new.get("shape"):
        return f"it takes the shape {new.get('shape')}, not {old.get('shape')}"
    return ""


def record(pipeline: Pipeline, *, accept: bool) -> int:
    """Record the input of the stored model, or compare it with what is recorded. The exit code."""
    state = State(STATE_FOLDER)
    state.load()
    try:
        stored, model = load(pipeline, state)
        found = describe(pipeline, state, stored, model)
    except NoModel as error:
        say(f"describe-model: {error}")
        return EXIT_FAILED
    known = None if accept else read()
    if known is not None and (changed := differences(known, found)):
        print(f"{stored.name} is not what was recorded: {changed}", file=sys.stderr)
        print("  next: `describe-model --accept` records it anew", file=sys.stderr)
        return EXIT_BAD_INPUT
    if known is None:
        write(found)
        say(
            f"The input that {stored.name} ({found['type']}) takes was recorded in .pipeline_state/model.json."
        )
    return 0
