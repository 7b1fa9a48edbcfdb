"""The checkpoints that a running step makes: when, of what, and which of the earlier ones stay."""

from __future__ import annotations

import math
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from . import loop_files, optional, world
from .background import Writer
from .copies import Copies
from .log import say_once
from .pace import Pace, clock
from .problems import Interrupted, Problem
from .saved import KEPT, Saved
from .signals import stop

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .loop_run import LoopRun
    from .pickling import Packed


class Saving:
    """Saves the loops of a step, in the background unless somebody waits for it. `broken` says why it cannot."""

    def __init__(self, run: LoopRun) -> None:
        self.run = run
        self.pace = Pace()
        self.writer = Writer()
        self.copies = Copies()
        self.kept: list[Saved] = []
        self.broken = ""
        self._broken_at = 0
        self.agreement: Any = optional.find("agreement").Agreement(self) if world.SIZE > 1 else None

    def leave(self, depth: int) -> None:
        """The block at this depth has ended; what could not be saved may have gone with it."""
        if depth <= self._broken_at:
            self.broken = ""

    def schedule(self, block: Checkpoint) -> None:
        """Set the time of the next look."""
        self.pace.schedule(block, self.broken)
        if self.agreement is not None:
            self.agreement.schedule()

    def look(self, block: Checkpoint) -> None:
        """Called by a loop when an iteration is over and the timer is due."""
        self.pace.looks += 1
        if self.agreement is not None:
            self._look_together(block)
            return
        if stop:
            if self.run.target is None and not self.broken:
                self.save(block, "position", at_once=True)
            raise Interrupted
        if self.run.target is not None or self.broken:
            self.pace.timer.due = math.inf
            return
        if self.writer.is_in_flight and not self.pace.forced_every:
            self.pace.put_off()
            return
        self.settle()
        if self.pace.is_due(block):
            self.save(block, "position")

    def _look_together(self, block: Checkpoint) -> None:
        """What `look` does when several processes have to do the same."""
        verdict = self.agreement.ask(block)
        if verdict and self.run.target is None and not self.broken:
            self.save(block, "position", at_once=verdict == "stop")
        if verdict == "stop":
            raise Interrupted

    def affords_done(self, block: Checkpoint, took: float, spent_before: float) -> bool:
        """Whether a block that took so long may still save what it has come to."""
        affords = self.pace.affords_done(block, took, spent_before)
        return affords if self.agreement is None else bool(self.agreement.of_first(affords))

    def save(self, block: Checkpoint, kind: str, *, at_once: bool = False) -> None:
        """Make a checkpoint of the innermost block and those around it: write it `at_once`, or only copy it now."""
        self.settle()
        if self.broken:
            return
        start = clock()
        self.pace.start()
        sys.stdout.flush()
        loop_files.flush()
        try:
            parts = self._pack()
            body = self._body(parts)
            if self.agreement is not None:
                self.agreement.check_alike(parts)
        except Problem:
            raise
        except Exception as error:
            self._note_failure(error)
        else:
            if world.RANK:
                return  # the first process's is everybody's
            copies = None if at_once else self.copies.of(parts)
            job = partial(self._write, kind, block.path, body, copies or parts, self._wanted(kind))
            if copies is None:
                self.writer.run(job)
                self.settle()
            else:
                self.writer.start(job)
        took = clock() - start
        self.pace.spent += took
        if at_once:
            self.pace.waited = took
        else:
            self.pace.blocked = took
        self.pace.restart()
        self.schedule(block)

    def settle(self) -> None:
        """Wait for the write in flight, and take note of what came of it."""
        outcome = self.writer.wait()
        if outcome is None:
            return
        if outcome.was_beside:
            self.pace.note_written(outcome)
            self.copies.trim()
        if outcome.error is not None:
            self._note_failure(outcome.error)

    def _write(
        self, kind: str, path: str, body: dict[str, Any], parts: dict[str, Packed], wanted: list[Saved]
    ) -> None:
        """The part of a save that runs beside the loop: it touches nothing that the loop changes."""
        self.kept = [self.run.folder.write(kind, path, body, parts), *wanted]
        self.run.folder.sweep(self.kept)

    def _note_failure(self, error: Exception) -> None:
        if isinstance(error, OSError):
            say_once(f"{self.run.name}: a checkpoint could not be written ({error}); the one before stands")
            return
        from .loop_pickle import blame

        self._broken_at, self.broken = blame(self.run.stack, self.run.package, error)
        where = repr(self.run.stack[-1].name) if self.run.stack else "that has ended"
        say_once(f"note: {self.run.name}: the loop {where} goes on without checkpoints: {self.broken}")

    def _pack(self) -> dict[str, Packed]:
        from .loop_pickle import pack_states

        inner = len(self.run.stack) - 1
        parts = {
            f"enter{depth}": pack_states(self.run.stack[: depth + 1], self.run.package)
            for depth in range(inner)
        }
        parts["last"] = pack_states(self.run.stack, self.run.package)
        return parts

    def _body(self, parts: dict[str, Packed]) -> dict[str, Any]:
        return {
            **self.run.validity.now(),
            "processes": world.SIZE,
            "files": loop_files.keep(self.run.journal, parts),
            "signatures": [block.registry.signature for block in self.run.stack],
            "blocks": [
                {
                    "path": block.path,
                    "frames": [(frame.ordinal, frame.count) for frame in block.frames],
                    "children": (block.frames[-1] if block.frames else block).children,
                }
                for block in self.run.stack
            ],
        }

    def _wanted(self, kind: str) -> list[Saved]:
        """The checkpoints that stay beside a new one."""
        positions = [each for each in self.kept if each.kind == "position"]
        done = [each for each in self.kept if each.kind == "done" and self._still_counts(each.path)]
        stay = positions[: KEPT - (kind == "position")] + done
        return sorted(stay, key=lambda each: -each.number)

    def _still_counts(self, path: str) -> bool:
        """Whether a finished block can come up again: the loops around it still stand where they stood."""
        outer, _, _ = path.rpartition("/")
        if not outer:
            return True
        for depth in range(len(self.run.stack)):
            block = self.run.stack[depth]
            now = block.path + "".join(f"@{frame.ordinal}.{frame.count}" for frame in block.frames)
            if now == outer or outer.startswith(now + "/"):
                return True
        return False
