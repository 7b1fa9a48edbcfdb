"""Loops that go on, exactly, where they were stopped.

    state = LoopState(best=0.0, model=model, optimizer=optimizer)
    with Checkpoint("train", state) as checkpoint:
        for epoch in checkpoint.loop(range(10)):
            for batch in checkpoint.loop(loader):
                ...

Outside of a pipeline (in a test, in a plain script) the loops run as if they were not wrapped.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

from . import optional, positions
from .copied import Copied
from .draws import Draws
from .live import Registry
from .loop_run import LoopRun
from .open_loops import OpenLoops
from .pace import clock
from .positions import Frame
from .syntax import block_allows_done

Item = TypeVar("Item")
_loader_passes = optional.find("loader_passes")


class LoopState:
    """What a loop carries from one iteration to the next: names that it rebinds, objects that it changes."""

    def __init__(self, /, **names: Any) -> None:
        vars(self).update(names)

    @staticmethod
    def take(state: LoopState, values: Mapping[str, Any], /, *names: str) -> None:
        """Put those of the names on the state that have a value now."""
        vars(state).update({name: values[name] for name in names if name in values})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NameError(f"name {name!r} has no value yet", name=name)

    def __repr__(self) -> str:
        return f"LoopState({', '.join(vars(self))})"


class Checkpoint(OpenLoops):
    """A block whose loops are saved now and then, on a stop signal, and when it is finished.

    `every` (iterations of the innermost loop) or `seconds` ask for an interval; it is stretched so that
    saving takes at most the share `max_overhead` of the time. Without them the interval follows from the cost.
    """

    def __init__(
        self,
        name: str,
        state: LoopState,
        every: int | None = None,
        seconds: float | None = None,
        max_overhead: float = 0.02,
    ) -> None:
        super().__init__()
        self.name = name
        self.state = state
        self.every = every
        self.seconds = seconds
        self.max_overhead = max_overhead
        self.path = ""
        self.registry = Registry({})
        self.copied: Copied | None = None
        self.modules: Any = None
        self.exhausted = True
        self._start = self._spent = 0.0
        self._site: tuple[str, int] = ("", 0)

    def __enter__(self) -> Self:
        run = LoopRun.here()
        if run is None or run.is_fitting:
            return self
        caller = sys._getframe(1)
        self._site = (caller.f_code.co_filename, caller.f_lineno)
        self._enter(run)
        return self

    def _enter(self, run: LoopRun) -> None:
        """Become the innermost block of a step, and get what an earlier run of it has saved."""
        self._run = run
        if _loader_passes is not None:
            _loader_passes.watch()
        outer = [block.registry for block in run.stack]
        self.modules = run.modules
        self.registry = Registry(
            {**vars(self.state), "@modules": run.modules},
            lambda value: any(each.number(value) is not None for each in outer),
        )
        if run.stack and run.stack[-1].frames:
            run.stack[-1].frames[-1].had_children = True
        self.path = self.path or run.path_of(self.name)
        run.stack.append(self)
        self.copied = Copied(vars(self.state), run.registries(), run.package)
        self._start, self._spent = clock(), run.saving.pace.spent
        run.resume(self)
        run.saving.schedule(self)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        run = self._run
        if run is None:
            return
        if run.turns is not None and kind is None:
            run.turns.note_end(self, sys._getframe(1))
        del self.frames[:]
        self._run = None
        run.watcher.note()
        try:
            if kind is None and not self.is_done and run.target is None and not run.saving.broken:
                took = clock() - self._start
                worth_it = run.saving.affords_done(self, took, self._spent)
                if worth_it and block_allows_done(*self._site, self.exhausted):
                    run.saving.save(self, "done", at_once=True)
        finally:
            run.stack.remove(self)
            run.saving.leave(len(run.stack))
            self.registry.hold(False)
            if run.stack:
                run.saving.schedule(run.stack[-1])

    def estimated_cost(self, *, in_background: bool = False) -> float:
        """Seconds that a save may take, or keep the loop waiting, before one has been measured."""
        return 0.005 + self.registry.bytes() / (2e9 if in_background else 200e6)

    # -- loops ------------------------------------------------------------------------------

    def loop(self, iterable: Iterable[Item]) -> Iterable[Item]:
        """The items of `iterable`, from where the loop was stopped."""
        if self._run is None:
            return iterable
        caller = sys._getframe(1)
        return self._iterate(self._run, iterable, (hash(caller), caller.f_code.co_filename, caller.f_lineno))

    def _iterate(self, run: LoopRun, iterable: Iterable[Item], key: Any) -> Iterator[Item]:
        opened = self._open(iterable, key)
        if opened is None:
            return
        frame, extra = opened
        frames, timer = self.frames, run.timer
        frames.append(frame)
        iterator = self._begin(run, frame) if extra is None else self._go_on(run, frame, extra)
        if positions.may_draw(frame.iterable):
            frame.draws = frame.draws or Draws()
            iterator = frame.draws.watch(iterator, frame.count, run.registries)
        keep = positions.keeps_item(frame.iterable)
        note = frame.now is None
        turns = run.turns if frames[0] is frame else None
        finished = False
        try:
            for item in iterator:
                if keep:
                    frame.item = item
                if note:
                    frame.now = positions.capture(frame.iterable, run.registries())
                yield item
                if frames[-1] is not frame:
                    self._unwind(frame)
                if frame.had_children:
                    note = True
                    frame.advance()
                else:
                    note = False
                    frame.count += 1
                if turns is not None:
                    turns.note(self, frame.ordinal, frame.count, key[0])
                if clock() >= timer.due:
                    self._look(run, frame)
            finished = True
        finally:
            if frame in frames:
                del frames[frames.index(frame) :]
                self._note_end(run, frame)
            if not frames:
                self.exhausted = finished

    def _begin(self, run: LoopRun, frame: Frame) -> Iterator[Any]:
        frame.made = positions.capture(frame.iterable, run.registries())
        return positions.iterate(frame.iterable)

    def _go_on(self, run: LoopRun, frame: Frame, extra: tuple[Any, ...]) -> Iterator[Any]:
        """The iterator of a loop that was stopped, after the items that are done."""
        frame.made, frame.now, saved_item, saved_iterable, _, frame.draws = extra
        if saved_iterable is not None:
            frame.iterable = saved_iterable
        positions.restore(frame.iterable, frame.made, run.registries())
        if frame.draws is None:
            iterator = positions.iterate_from(frame.iterable, frame.count)
        else:
            plain = positions.iterate(frame.iterable)
            iterator = frame.draws.repeat(plain, frame.count, run.registries())
        if self._is_at_position(run):
            run.reach()
            run.iterated -= frame.count
            frame.now = None
            return iterator
        frame.had_children = True
        item = next(iterator)
        positions.restore(frame.iterable, frame.now, run.registries())
        return itertools.chain((item if saved_item is None else saved_item,), iterator)

    def _look(self, run: LoopRun, frame: Frame) -> None:
        if run.stack and run.stack[-1] is self and frame in self.frames:
            run.saving.look(self)

    def proceed(self, condition: Any) -> bool:
        """The condition of a `while` loop; a loop that was stopped goes on with the test it stood at."""
        run = self._run
        if run is None:
            return bool(condition)
        caller = sys._getframe(1)
        frames = self.frames
        frame = frames[-1] if frames else None
        # A frame's hash is its identity; Python reports every `id` to the hook that watches files.
        if frame is None or frame.key[0] != hash(caller) or caller.f_lasti not in frame.sites:
            key = (hash(caller), caller.f_code.co_filename, caller.f_lineno)
            frame = next((each for each in reversed(frames) if each.key == key), None)
            if frame is not None:
                frame.sites.add(caller.f_lasti)
        if frame is None:
            opened = self._open(None, key)
            if opened is None:
                return False
            frame, extra = opened
            frames.append(frame)
            frame.sites.add(caller.f_lasti)
            if extra is not None:
                if self._is_at_position(run):
                    run.reach()
                    run.iterated -= frame.count
                else:
                    positions.restore(None, extra[1], run.registries())
                    frame.had_children = True
                frame.now = extra[1]
                return True
        else:
            if frames[-1] is not frame:
                self._unwind(frame)
            if frame.had_children:
                frame.advance()
            else:
                frame.count += 1
            if run.turns is not None and frames[0] is frame:
                run.turns.note(self, frame.ordinal, frame.count, hash(caller))
        if not condition:
            del frames[frames.index(frame) :]
            self._note_end(run, frame)
            if not frames:
                self.exhausted = True
            return False
        if len(frames) == 1:
            self.exhausted = False
        if clock() >= run.timer.due:
            self._look(run, frame)
        if frame.had_children or frame.now is None:
            frame.now = positions.capture(None, run.registries())
        return True
