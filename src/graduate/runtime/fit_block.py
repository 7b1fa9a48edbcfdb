"""The rounds of one call that a library loops over (epochs, boosting rounds), as a block that goes on like a loop.

The library's own code runs the rounds; a helper for it says when one is over. What has been set up until the first
round is set up again in a process that goes on; then everything that lives around the rounds gets its content back.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Iterable
from typing import Any, Self

from . import positions
from .checkpoint import Checkpoint, LoopState
from .context import Context
from .live import ATOMS
from .log import say_once
from .loop_run import LoopRun
from .pace import clock


class Globals:
    """What is on the context, for callbacks to change, without the objects of the call: its helper keeps those."""

    def __init__(self, context: Context, given: Iterable[Any]) -> None:
        self._context: Any = weakref.ref(
            context
        )  # so that nobody looks into the objects of the call from here
        self._given = {id(each) for each in given if type(each) not in ATOMS}
        self._values = self.__getstate__()  # what lives now, to be filled in place

    def __getstate__(self) -> dict[str, Any]:
        return {n: v for n, v in vars(self._context()).items() if id(v) not in self._given}

    def __setstate__(self, values: dict[str, Any]) -> None:
        names = vars(self._context())
        for name in self.__getstate__().keys() - values.keys():
            del names[name]
        names.update(values)


class FitBlock(Checkpoint):
    """One call: `begin` and `go_on` before its first round, `round_over` after each, `finish` after the last one.

    `saved_rounds` is known before: how many rounds an earlier run has done, `math.inf` when it did all of them.
    """

    def __init__(self, run: LoopRun, name: str) -> None:
        super().__init__(name, LoopState())
        self.run = run
        self.path = run.path_of(name)
        self.given: tuple[Any, ...] = ()
        """What is called and with what, alive as long as the call."""
        self.has_begun = False
        self.is_behind = False

    @classmethod
    def of_step(cls, name: str) -> Self | None:
        """A block in the step that runs; None where nothing is saved: outside, in children and other threads."""
        run = LoopRun.here()
        is_here = run is not None and run.process == os.getpid() and not run.is_fitting
        if run is None or not is_here or threading.current_thread() is not threading.main_thread():
            return None
        return cls(run, name)

    @property
    def saved_rounds(self) -> float:
        if self.path in self.run.done:
            return math.inf
        blocks = self.run.target.body["blocks"] if self.run.target is not None else []
        depth = len(self.run.stack)
        if depth < len(blocks) and blocks[depth]["path"] == self.path:
            return int(blocks[depth]["frames"][0][1])
        return 0

    @property
    def rounds(self) -> int:
        """How many rounds are over."""
        return self.frames[0].count if self.frames else 0

    def begin(self, **roots: Any) -> None:
        """The objects that rounds change (`roots`, by name) are there: they get the content that was saved.

        `go_on` follows, after what else has to be set up before the first round that is to be run.
        """
        self.keep(**roots)
        context = self.run.context
        if context is not None and all(each.number(context) is None for each in self.run.registries()):
            self.keep(**{"@globals": Globals(context, self.given)})
        self.has_begun = True
        self._enter(self.run)
        self.run.is_fitting = True
        opened = self._open(None, self.path)
        if opened is None:
            return
        frame, extra = opened
        self.frames.append(frame)
        frame.made = positions.capture(None, self.run.registries())
        if extra is not None:
            frame.made = extra[0]
            self.is_behind = True

    def go_on(self) -> None:
        """The next round is the first that was not run before: everything is put back as it was then."""
        if self.is_behind:
            self.is_behind = False
            self.run.reach()

    def keep(self, **values: Any) -> None:
        """Save these with the rounds that are over, as attributes of the block's state."""
        vars(self.state).update(values)

    def round_over(self) -> None:
        """A round has ended: save now, or stop here, when it is time to. Raises `Interrupted`."""
        self.frames[0].advance()
        if self.run.turns is not None:
            self.run.turns.note(self, 0, self.frames[0].count)
        if clock() >= self.run.timer.due:
            self.run.saving.look(self)

    def give_up(self, why: str) -> None:
        """From here on there are no checkpoints in this step: what was found would not be put back as it was."""
        if not self.run.saving.broken:
            self.run.saving.broken = why
            say_once(f"note: {self.run.name}: {self.name!r} goes on without checkpoints: {why}")

    def finish(self) -> None:
        """The last round has ended."""
        self.run.is_fitting = False
        self.__exit__(None, None, None)

    def leave(self) -> None:
        """Called in any case, after the call has ended: by an error, if it is not finished."""
        if self.has_begun and self in self.run.stack:
            self.run.is_fitting = False
            self.__exit__(BaseException, None, None)
