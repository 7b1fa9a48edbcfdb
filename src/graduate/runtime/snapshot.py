"""The values between two steps: in memory while a process runs on, in the store for the next one."""

from __future__ import annotations

import json
import pickle
from typing import Any

from .context import Shared
from .log import now, say_once
from .objects import Damaged, Objects, digest
from .random_state import RandomState
from .redaction import redacted
from .state import Group, StepRecord
from .steps import CONTEXT


class NotStored(Exception):
    """A name is needed that has no usable stored value; `name` says which, `why` what is wrong."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class Values:
    """The values after step `index`, loaded from its record when they are first needed."""

    def __init__(self, objects: Objects, package: str, shared: Shared | None) -> None:
        self.objects = objects
        self.package = package
        self.shared = shared
        self.index = -1
        self.loaded: dict[str, Any] = {}
        self._unwritten: dict[str, Any] | None = None

    def forget(self) -> None:
        self.index = -1
        self.loaded = {}
        self._unwritten = None

    def take(self, names: tuple[str, ...], index: int, record: StepRecord) -> dict[str, Any]:
        """The values of `names` as step `index` left them. Raises `NotStored`."""
        if self.index != index:
            self.loaded = {}
            self.index = index
        for name in names:
            if name not in self.loaded:
                self._load(name, record)
        return {name: self.loaded[name] for name in names}

    def put_shared(self) -> None:
        """Put back what the steps share, when it was loaded: once the process is set up as theirs was."""
        if self._unwritten is not None and self.shared is not None:
            self.shared.write(self._unwritten)
        self._unwritten = None

    def _load(self, name: str, record: StepRecord) -> None:
        group = record.group_of(name)
        if group is None:
            raise NotStored(name, record.unstored.get(name, "no step has given it"))
        values = load_group(self.objects, group)
        if CONTEXT in values:
            self._unwritten = values.pop(CONTEXT)
            self.loaded[CONTEXT] = self.shared
        self.loaded.update(values)

    def store(
        self,
        values: dict[str, Any],
        live: tuple[str, ...],
        taken: set[str],
        before: StepRecord,
        record: StepRecord,
    ) -> None:
        """Put the live names into the store and note them in `record`.

        A name that the step only passed on keeps its entry, when no name that is stored with it was taken.
        """
        fresh: dict[str, Any] = {}
        for name in live:
            group = before.group_of(name)
            reused = group is not None and name not in values and not (set(group.names) & taken)
            if reused and group is not None:
                if group not in record.groups:
                    record.groups.append(group)
            elif name in values:
                fresh[name] = values[name].read() if name == CONTEXT else values[name]
            else:
                record.unstored[name] = before.unstored.get(name, "it was never given")
        if not fresh:
            return
        from . import pickling

        def refuse(name: str, value: Any, error: BaseException) -> None:
            label = "context" if name == CONTEXT else name
            say_once(
                f"note: {label} ({pickling.describe(value)}) cannot be stored ({_first_line(error)}); "
                f"after a restart the step that gives it is run again"
            )
            record.unstored[name] = f"not storable, {record.started}"

        for names, packed in pickling.pack_groups(fresh, self.package, refuse):
            buffers = [(self.objects.put(b.raw()), b.raw().nbytes, b.raw().readonly) for b in packed.buffers]
            record.groups.append(
                Group(
                    list(names), self.objects.put(packed.data), len(packed.data), buffers, list(packed.code)
                )
            )


def load_group(objects: Objects, group: Group) -> dict[str, Any]:
    """The names of a group with their values. Raises `NotStored` when they cannot be had."""
    from . import pickling

    try:
        data = objects.get(group.object)
        buffers: list[Any] = []
        for name, _, readonly in group.buffers:
            content = objects.get(name)
            buffers.append(bytes(content) if readonly else content)
    except Damaged as error:
        raise NotStored(group.names[0], f"its stored value {str(error)[:12]} is damaged or gone") from None
    try:
        return pickling.unpack_group(data, buffers)
    except Exception as error:
        raise NotStored(group.names[0], f"its stored value cannot be read ({_first_line(error)})") from error


def put_random(objects: Objects, state: RandomState) -> str:
    return objects.put(pickle.dumps(state, 4))


def get_random(objects: Objects, name: str) -> RandomState:
    """A stored random state. Raises `Damaged`."""
    return dict(pickle.loads(objects.get(name)))


def inputs_hash(inputs: dict[str, str]) -> str:
    return digest(json.dumps(inputs, sort_keys=True).encode())


def _first_line(error: BaseException) -> str:
    text = redacted(str(error)).strip().split("\n")[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


__all__ = ["NotStored", "Values", "get_random", "inputs_hash", "load_group", "now", "put_random"]
