"""The state of loops as one pickle, in which live objects are references that are found again in place."""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from . import figures, pickling, random_state, set_order
from .contents import content, put_back
from .library_state import Changes
from .live import ITERATORS, Registry, Unlike, children_of_handle
from .positions import sources
from .redaction import redacted
from .step_run import StepRun

if TYPE_CHECKING:
    from .checkpoint import Checkpoint


def pack_states(blocks: list[Checkpoint], package: str) -> pickling.Packed:
    """The states of blocks, from the outside in, the content of the live objects that came up, and the random state."""
    registries = [block.registry for block in blocks]
    for block in blocks:
        if block.copied is not None and (changed := block.copied.changed(vars(block.state), _framed(blocks))):
            raise TypeError(changed)
    file = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    pickler = make_pickler(file, buffers, registries, package, _framed(blocks))
    pickler.dump(
        {
            "states": [dict(vars(block.state)) for block in blocks],
            "frames": [
                {"frames": [frame.extra() for frame in block.frames], "ends": list(block.ends)}
                for block in blocks
            ],
            "modules": blocks[0].modules,
            "random": random_state.capture(),
            "figures": figures.capture(),
            "libraries": _library_changes(package),
        }
    )
    while pickler.found:
        level, number = pickler.found.pop()
        registry = registries[level]
        value = registry.get(number)
        kind = registry.kinds[number]
        if kind in ("handle", "function"):
            # A function stays as it is, but what it closes over may have changed.
            for child in children_of_handle(value):
                pickler.persistent_id(child)
        if kind != "handle" and value is not None:
            pickler.dump((level, number, content(kind, value)))
    pickler.dump(None)
    pickler.dump(set_order.orders_of(pickling.objects_in(pickler)))
    return pickling.Packed(file.getvalue(), buffers)


def load_states(
    data: bytearray, buffers: list[Any], blocks: list[Checkpoint], *, entering: bool
) -> list[dict[str, Any]]:
    """Put back what `pack_states` made; what it kept of each block's open loops.

    While the blocks are being entered iterators stay where they are: the loops over them have still to begin.
    """
    registries = [block.registry for block in blocks]
    unpickler = Unpickler(io.BytesIO(data), buffers, registries)
    head = unpickler.load()
    contents = []
    while (each := unpickler.load()) is not None:
        contents.append(each)
    set_order.put_in_order(unpickler.load())
    for depth, number, saved in contents:
        registry = registries[depth]
        if not (entering and registry.kinds[number] in ITERATORS):
            put_back(registry.kinds[number], registry.get(number), saved)
    for block, state in zip(blocks, head["states"], strict=False):
        vars(block.state).clear()
        vars(block.state).update(state)
        if block.copied is not None:
            block.copied.keep(vars(block.state))
    random_state.restore(head["random"])
    figures.restore(head["figures"])
    if not entering and StepRun.current is not None:
        StepRun.current.libraries.put_back(head["libraries"])
    frames: list[dict[str, Any]] = head["frames"]
    return frames


def _library_changes(package: str) -> Changes:
    return StepRun.current.libraries.changes(package) if StepRun.current is not None else {}


def blame(blocks: list[Checkpoint], package: str, error: BaseException) -> tuple[int, str]:
    """Which name of the states cannot be saved, with the depth of its block."""
    registries = [block.registry for block in blocks]
    for depth, block in enumerate(blocks):
        for name, value in vars(block.state).items():
            try:
                make_pickler(io.BytesIO(), [], registries, package, _framed(blocks)).dump(value)
            except Exception as trouble:
                text = redacted(str(trouble)).partition("\n")[0][:160]
                return depth, f"{name} ({pickling.describe(value)}) cannot be saved: {text}"
    return 0, f"{type(error).__name__}: {error}"


def _framed(blocks: list[Checkpoint]) -> set[int]:
    """What the open loops iterate over: it comes to its place by itself."""
    frames = [frame.iterable for block in blocks for frame in block.frames]
    return {id(each) for iterable in frames for each in (iterable, *sources(iterable))}


def make_pickler(
    file: io.BytesIO,
    buffers: list[pickle.PickleBuffer],
    registries: list[Registry],
    package: str,
    framed: Collection[int] = (),
) -> Any:
    class LoopPickler(pickling.Pickler):
        """Refers to live objects by number; notes which of them came up."""

        def __init__(self) -> None:
            super().__init__(file, buffers, pickling.Sharing(), package)
            self.found: list[tuple[int, int]] = []
            self.seen: set[tuple[int, int]] = set()

        def persistent_id(self, obj: Any) -> Any:
            if type(obj) is types.GeneratorType and obj.gi_frame is not None and id(obj) not in framed:
                return None  # nobody can bring it to its place
            for level, registry in enumerate(registries):
                number = registry.number(obj)
                if number is not None:
                    key = level, number
                    if key not in self.seen:
                        self.seen.add(key)
                        self.found.append(key)
                    return key
            return None

    return LoopPickler()


class Unpickler(pickle.Unpickler):
    """Finds live objects by their numbers."""

    def __init__(self, file: io.BytesIO, buffers: list[Any], registries: list[Registry]) -> None:
        super().__init__(file, buffers=buffers)
        self._registries = registries

    def persistent_load(self, pid: Any) -> Any:
        level, number = pid
        found = self._registries[level].get(number)
        if found is None:
            raise Unlike("an object of the checkpoint does not live any more")
        return found
