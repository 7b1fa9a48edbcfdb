"""The loops of a block that are open: where they stand, and where those that were stopped go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import positions
from .ends import CannotResume
from .positions import Frame
from .syntax import encloses

if TYPE_CHECKING:
    from .loop_run import LoopRun


@dataclass
class Resume:
    """Where a block goes on: its open loops from the outside in, each (ordinal, count, extra).

    `children` loops inside the innermost of them are finished; `ends` are the random states that
    finished loops beside the outermost one left. `is_last` says that the position is in this block, not in
    one inside it.
    """

    frames: list[tuple[int, int, tuple[Any, ...]]]
    children: int
    ends: list[Any]
    is_last: bool


class OpenLoops:
    """The open loops of a block, `frames`, from the outside in.

    `children` loops of the block itself have begun; `ends` are the random states that those that are over left.
    `resume` is where the block goes on, until it is there; one that `is_done` runs no loop any more.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.children = 0
        self.ends: list[Any] = []
        self.is_done = False
        self.resume: Resume | None = None
        self._run: LoopRun | None = None

    def _open(self, iterable: Any, key: Any) -> tuple[Frame, Any] | None:
        """A frame for a loop that starts, with what it goes on from; None when it was finished before."""
        if self.is_done:
            return None
        self._drop_left_loops(key)
        depth = len(self.frames)
        parent = self.frames[-1] if self.frames else self
        ordinal = parent.children
        parent.children = ordinal + 1
        if isinstance(parent, Frame):
            parent.had_children = True
        frame = Frame(ordinal, iterable, key)
        if self.resume is None:
            return frame, None
        wanted, count, extra = self.resume.frames[depth] if depth < len(self.resume.frames) else (None, 0, ())
        if wanted is None:
            wanted, depth = self.resume.children, -1
        if ordinal < wanted:
            self._skip(ordinal)
            return None
        if ordinal > wanted or depth < 0:
            raise CannotResume("the loop that it stopped in was not reached")
        frame.count = count
        return frame, extra

    def _skip(self, ordinal: int) -> None:
        """A loop that was finished before leaves the random state that it left then."""
        depth = len(self.frames)
        if self.resume is not None and self._run is not None:
            ends = self.resume.frames[depth - 1][2][4] if depth else self.resume.ends
            parent = self.frames[-1] if self.frames else self
            parent.ends = list(ends[: ordinal + 1])
            if ordinal < len(ends):
                positions.restore(None, ends[ordinal], self._run.registries())

    def _is_at_position(self, run: LoopRun) -> bool:
        """Whether the loop that was just opened is the innermost one of the checkpoint."""
        resume = self.resume
        return resume is not None and resume.is_last and len(self.frames) == len(resume.frames)

    def _drop_left_loops(self, key: Any) -> None:
        """Loops of the same function that do not enclose the new one were left by `break`."""
        identity, filename, line = key[:3]
        for position, open_frame in enumerate(self.frames):
            same = open_frame.key[0] == identity and open_frame.key[1] == filename
            if same and not encloses(filename, open_frame.key[2], line):
                del self.frames[position:]
                if self._run is not None:
                    self._note_end(self._run, open_frame)
                return

    def _unwind(self, frame: Frame) -> None:
        """Forget the loops inside that were left by `break`."""
        if frame in self.frames:
            del self.frames[self.frames.index(frame) + 1 :]

    def _note_end(self, run: LoopRun, frame: Frame) -> None:
        """Keep the random state with which a loop ended, for when it is skipped."""
        run.iterated += 0 if frame.had_children else frame.count
        parent = self.frames[-1] if self.frames else self
        parent.ends += [None] * (frame.ordinal + 1 - len(parent.ends))
        parent.ends[frame.ordinal] = positions.capture(None, run.registries())
