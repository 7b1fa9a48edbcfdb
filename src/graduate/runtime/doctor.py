"""Checks everything that is stored, repairs what can be repaired, and says what cannot."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import optional, store
from .journal import Journal
from .lock import lock
from .log import now, say
from .objects import Damaged
from .paths import PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_FAILED
from .state import State
from .steps import Pipeline

_saved = optional.find("saved")
"""The checkpoints of loops, where the project's code has such loops."""


class Findings:
    """What was found: `lost` cannot be had again without running something."""

    def __init__(self) -> None:
        self.repaired: list[str] = []
        self.lost: list[str] = []

    def report(self, good: str) -> int:
        for text in self.repaired:
            say(f"repaired: {text}")
        for text in self.lost:
            print(f"lost: {text}", file=sys.stderr)
        if not self.lost:
            say(f"{good} ({now()}).")
        return EXIT_FAILED if self.lost else 0


def examine(pipeline: Pipeline) -> int:
    """The command `doctor`."""
    found = Findings()
    with lock():
        state = State(STATE_FOLDER)
        state.prepare()
        found.repaired += [
            f"the state {path.stem} is damaged; an earlier one is used" for path in state.damaged
        ]
        _check_history(state, found)
        _check_objects(pipeline, state, found)
        _check_checkpoints(state, found)
        store.cut_torn_line(STATE_FOLDER / "events.jsonl")
        found.lost += check_manifest()
    return found.report("Everything that is stored is whole")


def _check_history(state: State, found: Findings) -> None:
    for path, body in list(state.files()):
        if body is None:
            state.set_aside(path)
            found.repaired.append(f"the state {path.stem} is damaged; `rollback` cannot go to it any more")
    newer = None
    for body in state.history():
        follows = newer is None or newer["generation"] != body["generation"] + 1
        if not follows and newer is not None and newer["previous"] != body["hash"]:
            found.lost.append(
                f"generation {body['generation']} is not the one that the next one was made from"
            )
        newer = body


def _check_objects(pipeline: Pipeline, state: State, found: Findings) -> None:
    users: dict[str, str] = {}
    for body in reversed(list(state.history())):
        for name in state.records(body):
            for each in state.records(body)[name].objects():
                users[each] = f"{name} of generation {body['generation']}"
    for step in pipeline.steps:
        for each in state.record(step.name).objects():
            users[each] = step.name
    for name in _saved.objects_needed(STATE_FOLDER / "checkpoints") if _saved is not None else ():
        users.setdefault(name, "a checkpoint")
    for name, user in users.items():
        try:
            if state.objects.check(name):
                found.repaired.append(f"a stored value of {user} ({name[:12]}), from its second copy")
        except Damaged:
            found.lost.append(
                f"a stored value of {user} ({name[:12]}); the step runs again when it is needed"
            )
    for name in state.objects.mend_backups(set(users)):
        found.repaired.append(f"the second copy of {name[:12]}, from the first")
    state.objects.sweep(users)


def _check_checkpoints(state: State, found: Findings) -> None:
    for path in sorted((STATE_FOLDER / "checkpoints").glob("*/")):
        for name in Journal(path / "touched.jsonl").damaged_copies():
            found.lost.append(f"the copy of {name} from before {path.name} overwrote it")
        if _saved is None:
            continue
        folder = _saved.Folder(path, state.objects)
        count = len(list(path.glob("*.json")))
        whole = folder.read()
        for each in list(whole):
            if not folder.check(each):
                folder.discard(each)
                whole.remove(each)
        if len(whole) < count:
            rest = "an earlier one is used" if whole else "the step starts again"
            found.repaired.append(f"{count - len(whole)} checkpoints of {path.name} were damaged; {rest}")


def check_manifest() -> Iterator[str]:
    """What is wrong with the data files that data/checksums.json lists."""
    path = PROJECT_ROOT / "data" / "checksums.json"
    if not path.exists():
        return
    try:
        files: dict[str, Any] = json.loads(path.read_bytes())["files"]
    except (ValueError, KeyError, TypeError):
        yield "data/checksums.json cannot be read"
        return
    for name, expected in files.items():
        target = PROJECT_ROOT / name
        if not target.is_file():
            yield f"{name} is missing"
        elif target.stat().st_size != expected.get("bytes", target.stat().st_size):
            yield f"{name} has {target.stat().st_size} bytes, not {expected['bytes']}"
        elif expected.get("sha256") and _sha256(target) != expected["sha256"]:
            yield f"{name} has another content than the manifest says"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.file_digest(file, "sha256").hexdigest()
