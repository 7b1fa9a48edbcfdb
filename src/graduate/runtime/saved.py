"""Checkpoints on disk: a manifest that names everything with its hash, and a pack with what is new.

A manifest is renamed to a number that was never used; a checkpoint is there whole or not at all. Buffers
that an object of the pipeline or an earlier pack already holds are only referred to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import store
from .log import say
from .objects import Damaged, Objects, digest, digest_json

if TYPE_CHECKING:
    from .pickling import Packed

KEPT = 2


@dataclass
class Saved:
    """One checkpoint: where it stands (`body`), and its pickles by name (`parts`)."""

    number: int
    kind: str
    path: str
    body: dict[str, Any]
    parts: dict[str, Any]

    def references(self) -> list[list[Any]]:
        return [each for part in self.parts.values() for each in (part["data"], *part["buffers"])]

    def files(self) -> dict[str, list[Any]]:
        """The files that the step had written: how each was opened first, and its size."""
        found: dict[str, list[Any]] = self.body.get("files", {})
        return found

    def objects(self) -> set[str]:
        """The pipeline's objects that it needs."""
        return {each[0] for each in self.references() if each[1] == ""}


class Folder:
    """The checkpoints of one step."""

    def __init__(self, path: Path, objects: Objects) -> None:
        self.path = path
        self.objects = objects
        self._known: dict[str, list[Any]] = {}
        self._next = 1

    def write(self, kind: str, path: str, body: dict[str, Any], parts: dict[str, Packed]) -> Saved:
        """Write a checkpoint durably."""
        number = self._next
        self._next += 1
        pack = f"{number:06d}.pack"
        chunks: list[store.Data] = []
        offset = 0

        def place(data: store.Data, readonly: bool) -> list[Any]:
            nonlocal offset
            name, size = digest(data), memoryview(data).nbytes
            if name not in self._known and size and self.objects.has(name):
                self._known[name] = [name, "", 0, size]
            if name not in self._known:
                self._known[name] = [name, pack, offset, size]
                chunks.append(data)
                offset += size
            return [*self._known[name], readonly]

        described = {
            part: {
                "data": place(packed.data, True),
                "buffers": [place(buffer.raw(), buffer.raw().readonly) for buffer in packed.buffers],
            }
            for part, packed in parts.items()
        }
        manifest = {"number": number, "kind": kind, "path": path, "body": body, "parts": described}
        manifest["hash"] = digest_json(manifest)
        try:
            if chunks:
                store.commit(self.objects.staging, self.path / pack, chunks, seal=False)
            text = json.dumps(manifest).encode()
            store.commit(self.objects.staging, self.path / f"{number:06d}.json", [text])
        except OSError:
            self._known = {name: each for name, each in self._known.items() if each[1] != pack}
            raise
        return Saved(number, kind, path, body, described)

    def read(self) -> list[Saved]:
        """All whole checkpoints, newest first. A damaged one is set aside."""
        found = []
        for path in sorted(self.path.glob("*.json"), reverse=True):
            self._next = max(self._next, int(path.stem) + 1)
            saved = _parse(path)
            if saved is None:
                self.set_aside(path)
            else:
                found.append(saved)
        return found

    def set_aside(self, path: Path) -> None:
        say(f"The checkpoint {path.name} is damaged; it was moved to the quarantine.")
        self.objects.set_aside(path)

    def discard(self, saved: Saved) -> None:
        """Never use this one again; it is kept in the quarantine."""
        path = self.path / f"{saved.number:06d}.json"
        if path.exists():
            self.objects.set_aside(path)

    def load(self, saved: Saved, part: str) -> tuple[bytearray, list[Any]]:
        """The pickle and its buffers, each checked. Raises `Damaged`."""
        described = saved.parts[part]
        data = self._fetch(described["data"])
        buffers: list[Any] = []
        for reference in described["buffers"]:
            content = self._fetch(reference)
            buffers.append(bytes(content) if reference[4] else content)
        return data, buffers

    def check(self, saved: Saved) -> bool:
        """Whether everything that a checkpoint names is there and right."""
        try:
            for reference in saved.references():
                self._fetch(reference)
        except Damaged:
            return False
        return True

    def _fetch(self, reference: list[Any]) -> bytearray:
        name, pack, offset, size = reference[:4]
        if not pack:
            return self.objects.get(name)
        try:
            with open(self.path / pack, "rb") as file:  # noqa: PTH123
                file.seek(offset)
                data = bytearray(file.read(size))
        except OSError:
            raise Damaged(name) from None
        if digest(data) != name:
            raise Damaged(name)
        self._known[name] = list(reference[:4])
        return data

    def sweep(self, wanted: list[Saved]) -> None:
        """Keep these checkpoints and the packs that they need."""
        numbers = {saved.number for saved in wanted}
        packs = {each[1] for saved in wanted for each in saved.references()}
        for path in self.path.iterdir():
            if path.suffix == ".json" and path.stem.isdigit() and int(path.stem) not in numbers:
                store.remove(path)
        for path in self.path.iterdir():
            if path.suffix == ".pack" and path.name not in packs:
                store.remove(path)
        self._known = {name: each for name, each in self._known.items() if each[1] in packs or not each[1]}

    def clear(self) -> None:
        store.remove_folder(self.path)
        self._known = {}


def objects_needed(root: Path) -> set[str]:
    """The pipeline's objects that any checkpoint of any step refers to."""
    found: set[str] = set()
    for path in root.glob("*/*.json"):
        saved = _parse(path)
        if saved is not None:
            found |= saved.objects()
    return found


def _parse(path: Path) -> Saved | None:
    try:
        data = json.loads(path.read_bytes())
        if data["hash"] != digest_json(data):
            return None
        return Saved(data["number"], data["kind"], data["path"], data["body"], data["parts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
