"""The pipeline's memory: immutable, numbered generations, each with the hash of the one before.

The newest valid generation is the truth. A generation exists whole or not at all.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import store
from .files import Before, FileRecord
from .log import append_line, now, say
from .objects import Objects, digest, digest_json

SCHEMA = 1
KEPT_GENERATIONS = 12


@dataclass
class Group:
    """Names that are stored in one pickle, because they share something."""

    names: list[str]
    object: str
    bytes: int
    buffers: list[tuple[str, int, bool]] = field(default_factory=list)
    code: list[str] = field(default_factory=list)

    def content(self) -> str:
        """One hash for all that the group holds."""
        return digest(json.dumps([self.object, [each[0] for each in self.buffers]]).encode())

    def objects(self) -> list[str]:
        return [self.object, *(each[0] for each in self.buffers)]


@dataclass
class StepRecord:
    """What is known about one step from its last run."""

    status: str = "pending"
    attempt: int = 0
    started: str = ""
    ended: str = ""
    seconds: float = 0.0
    code: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    drawn: dict[str, str] = field(default_factory=dict)
    read: dict[str, FileRecord] = field(default_factory=dict)
    wrote: dict[str, FileRecord | None] = field(default_factory=dict)
    appended: dict[str, Before] = field(default_factory=dict)
    """Files that it added to, as they were before: to be cut back when it runs again."""
    groups: list[Group] = field(default_factory=list)
    unstored: dict[str, str] = field(default_factory=dict)
    random_before: str = ""
    random_after: str = ""
    libraries: str = ""
    """What it changed in the state of libraries: see `library_state`."""
    after: dict[str, str] = field(default_factory=dict)
    ended_early: bool = False
    tries: int = 0
    """How often it was tried in vain because of the network, while it is to be tried again."""
    peak_memory: int = 0
    error: dict[str, Any] | None = None

    def group_of(self, name: str) -> Group | None:
        return next((group for group in self.groups if name in group.names), None)

    def forgotten(self) -> StepRecord:
        """The record of the step as one that has not run; only its traces in files are still known."""
        return StepRecord(wrote=self.wrote, appended=self.appended)

    def objects(self) -> list[str]:
        """Every object that this record refers to."""
        names = [each for group in self.groups for each in group.objects()]
        return [*names, *(each for each in (self.random_before, self.random_after, self.libraries) if each)]

    def to_json(self) -> dict[str, Any]:
        result = dict(vars(self))
        result["groups"] = [dataclasses.asdict(group) for group in self.groups]
        result["read"] = {path: each.to_json() for path, each in self.read.items()}
        result["wrote"] = {path: each and each.to_json() for path, each in self.wrote.items()}
        return {key: value for key, value in result.items() if value or key == "status"}

    @staticmethod
    def from_json(data: dict[str, Any]) -> StepRecord:
        known = {each.name for each in dataclasses.fields(StepRecord)}
        record = StepRecord(**{key: value for key, value in data.items() if key in known})
        record.groups = [
            Group(**{**group, "buffers": [(b[0], b[1], b[2]) for b in group["buffers"]]})
            for group in data.get("groups", [])
        ]
        record.read = {path: FileRecord.from_json(each) for path, each in data.get("read", {}).items()}
        record.wrote = {
            path: None if each is None else FileRecord.from_json(each)
            for path, each in data.get("wrote", {}).items()
        }
        record.appended = {path: Before(*each) for path, each in data.get("appended", {}).items()}
        return record


class State:
    """The generations of one state folder. Only the owner of the lock may commit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "state"
        self.objects = Objects(root)
        self.generation = 0
        self.hash = ""
        self.steps: dict[str, StepRecord] = {}
        self.damaged: list[Path] = []

    def load(self) -> None:
        """Take the newest valid generation. Damaged ones are remembered in `damaged`."""
        self.damaged = []
        for path, data in self.files():
            if data is None:
                self.damaged.append(path)
                continue
            self.generation = data["generation"]
            self.hash = data["hash"]
            self.steps = self.records(data)
            return
        self.generation, self.hash, self.steps = 0, "", {}

    def prepare(self) -> None:
        """What a new owner does first: sweep what a dead one left half done, set damaged files aside."""
        for folder in (self.folder, self.objects.folder):
            store.make_folder(folder)
        # What can be read now may not be on the disk yet, when its writer died before it could make sure.
        for folder in (self.folder, self.root, self.root.parent):
            store.fsync_folder(folder)
        store.remove_folder(self.objects.staging)
        self.load()
        for path in self.damaged:
            self.set_aside(path)
            # Numbers are never used twice.
            self.generation = max(self.generation, int(path.stem) if path.stem.isdigit() else 0)

    def set_aside(self, path: Path) -> None:
        """Move a damaged generation to the quarantine."""
        self.objects.set_aside(path)
        say(f"The state {path.name} is damaged; it was moved to the quarantine and an earlier one is used.")

    def history(self) -> Iterator[dict[str, Any]]:
        """The kept generations as they were written, newest first; damaged ones are left out."""
        yield from (body for _, body in self.files() if body is not None)

    def files(self) -> Iterator[tuple[Path, dict[str, Any] | None]]:
        """The files of all generations, newest first, with what they hold (None: damaged)."""
        for path in sorted(self.folder.glob("*.json"), reverse=True):
            yield path, _read_generation(path)

    @staticmethod
    def records(body: dict[str, Any]) -> dict[str, StepRecord]:
        """The steps of a generation."""
        return {name: StepRecord.from_json(each) for name, each in body["steps"].items()}

    def record(self, name: str) -> StepRecord:
        return self.steps.get(name) or StepRecord()

    def commit(self, event: str, step: str, record: StepRecord | None) -> None:
        """Write the next generation with this step's record (None: forget it), then tell the event log."""
        steps = {**self.steps}
        if record is None:
            steps.pop(step, None)
        else:
            steps[step] = record
        self.commit_all(event, step, steps)

    def commit_all(self, event: str, step: str, steps: dict[str, StepRecord]) -> None:
        self.objects.seal()
        body = {
            "schema": SCHEMA,
            "generation": self.generation + 1,
            "previous": self.hash,
            "time": now(),
            "event": event,
            "step": step,
            "steps": {name: each.to_json() for name, each in steps.items()},
        }
        body["hash"] = digest_json(body)
        text = json.dumps(body, indent=1).encode()
        store.commit(self.objects.staging, self.folder / f"{body['generation']:08d}.json", [text])
        self.generation, self.hash, self.steps = self.generation + 1, str(body["hash"]), steps
        # A copy under a fixed name for people; never read back.
        store.publish(self.root / "state.json", text)
        record = steps.get(step)
        seconds, memory = (record.seconds, record.peak_memory) if record else (0, 0)
        self.note(event, step, seconds=seconds, peak_memory=memory)

    def note(self, event: str, step: str, **details: Any) -> None:
        """Tell the event log something that changes no state."""
        line = {"time": now(), "event": event, "step": step, "generation": self.generation, **details}
        append_line(self.root / "events.jsonl", line)

    def clean_up(self, also: set[str]) -> None:
        """Remove old generations and every object that no kept generation and none of `also` names."""
        paths = sorted(self.folder.glob("*.json"), reverse=True)
        keep = set(also)
        valid = 0
        for path in paths:
            data = _read_generation(path) if valid < KEPT_GENERATIONS else None
            if data is None:
                if valid >= KEPT_GENERATIONS:
                    store.remove(path)
                continue
            valid += 1
            for record in self.records(data).values():
                keep.update(record.objects())
        self.objects.sweep(keep)


def _read_generation(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
        if (
            data["schema"] == SCHEMA
            and data["hash"] == digest_json(data)
            and data["generation"] == int(path.stem)
        ):
            return dict(data)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
