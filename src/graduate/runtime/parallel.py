"""Loops over data whose turns need nothing of each other, in several processes or on a Ray cluster.

    for path in parallel(paths, features):
        features.append(extract(path))

Without PARALLEL_WORKERS or RAY_ADDRESS this is the loop as it stands. With several workers the turns run elsewhere, in
chunks. What a turn adds to `features` and prints comes back and is put in its place in the order of the items; nothing
of a chunk counts before all of it is done and no turn has touched a file of another one. Where that does not work out,
the chunk's files become what they were, and its turns run here, one after the other.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

from . import parallel_turn, world
from .files import recorder
from .journal import Journal
from .log import say_once
from .pace import clock
from .parallel_turn import Outcome
from .parallel_wire import Unusable
from .problems import EXIT_FAILED, Problem
from .running import settings_read
from .step_run import StepRun

Item = TypeVar("Item")
_TRIED = 0.2
"""Seconds of turns that run here first: they tell how long one takes."""
_WORTH = 1.0
"""Seconds that the other turns must take for processes to be worth their start."""
_CHUNK, _LONGEST = 2.0, 20.0
"""Seconds that the first chunk takes, and the most that a later one does: what an unlucky chunk costs."""
_PARTS = 4
"""Into so many parts, for each worker, a chunk is cut: some take longer than others."""


def parallel(iterable: Iterable[Item], /, *targets: Any) -> Iterable[Item]:
    """The items for the body of the loop that stands around the call: those of its turns that run here.

    `targets` are what the turns add to: they append, extend, update or assign to keys, and nothing else.
    """
    step = StepRun.current
    if step is None or parallel_turn.is_worker or world.SIZE > 1 or not is_asked_for():
        return iterable
    return _spread(iter(iterable), _Loop(step, targets, sys._getframe(1)))


def is_asked_for() -> bool:
    """Whether turns run elsewhere. Raises `Problem`."""
    workers = world.number("PARALLEL_WORKERS", 0)
    return workers > 1 or (workers == 0 and _has_cluster())


def _has_cluster() -> bool:
    return bool(os.environ.get("RAY_ADDRESS", "").strip())


def _spread(iterator: Iterator[Item], loop: _Loop) -> Iterator[Item]:
    done, start = 0, clock()
    for item in iterator:
        yield item
        done += 1
        if clock() - start > _TRIED:
            break
    else:
        return
    each = (clock() - start) / done
    next_ones = list(itertools.islice(iterator, int(_WORTH / each) + 1))
    if len(next_ones) * each < _WORTH:
        yield from next_ones
        return
    iterator = itertools.chain(next_ones, iterator)
    crew = _make_crew()
    seconds = _CHUNK
    ahead: list[Item] = []
    try:
        while True:
            # The last turn of all runs here: it leaves its values in the names of the loop.
            size = 1 + max(1, int(crew.workers * seconds / each))
            *chunk, last = [*ahead, *itertools.islice(iterator, size - len(ahead))]
            ahead = [last]
            if not chunk:
                break
            try:
                began = clock()
                loop.run(crew, chunk)
                each = max(1e-6, (clock() - began) * crew.workers / len(chunk))
                seconds = min(seconds * 2, _LONGEST)
            except Unusable as why:
                say_once(f"note: {loop.step.name}: {loop.place} goes on one turn after the other: {why}")
                yield from chunk
                break
        yield from ahead
        yield from iterator
    finally:
        loop.close()


def _make_crew() -> Any:
    """What runs parts of chunks: processes of this machine, or a Ray cluster."""
    name, library, extra = (
        (".parallel_ray", "Ray", "ray") if _has_cluster() else (".parallel_joblib", "joblib", "parallel")
    )
    try:
        return importlib.import_module(name, __package__).Crew(world.number("PARALLEL_WORKERS", 0))
    except ModuleNotFoundError as error:
        raise Problem(
            f"Turns of loops in several processes need {library}.",
            where="the environment",
            why=str(error),
            fix=f"make install EXTRAS={extra}, or leave out PARALLEL_WORKERS and RAY_ADDRESS",
            exit_code=EXIT_FAILED,
        ) from None


class _Loop:
    """One run of one loop."""

    def __init__(self, step: StepRun, targets: tuple[Any, ...], frame: FrameType) -> None:
        self.step = step
        self.targets = targets
        self.frame = frame
        self.job: parallel_turn.Job | None = None
        self.chunks = 0
        code = frame.f_code
        self.place = f"the loop at {os.path.relpath(code.co_filename)}:{frame.f_lineno}"
        line, _, column, _ = list(code.co_positions())[frame.f_lasti // 2]
        self.at = line or 0, column or 0

    def run(self, crew: Any, chunk: list[Any]) -> None:
        """Run the turns of a chunk elsewhere, and put what they did in its place. Raises `Unusable` without a trace."""
        if self.job is None:
            self.job = parallel_turn.Job.make(self.step, self.frame, self.at, self.targets)
        self.chunks += 1
        journal = Journal(self.job.path.parent / f"chunk-{self.chunks}" / "touched.jsonl")
        journal.path.parent.mkdir()
        size = -(-len(chunk) // (crew.workers * _PARTS))
        parts = [self.job.pack(chunk[at : at + size]) for at in range(0, len(chunk), size)]
        try:
            outcomes = self._run_parts(crew, parts, journal)
            _check_apart(outcomes)
        except Unusable:
            _undo(journal)
            raise
        for outcome in outcomes:
            self._put_in_place(outcome)

    def _run_parts(self, crew: Any, parts: list[Any], journal: Journal) -> list[Outcome]:
        assert self.job is not None
        for _ in range(3):
            answers = crew.run(str(self.job.path), [part.data for part in parts], str(journal.path))
            if None not in answers:
                return [
                    outcome
                    for part, answer in zip(parts, answers, strict=True)
                    for outcome in self.job.unpack(part, answer)
                ]
            # A worker was lost in the middle of a turn.
            _undo(journal)
        raise Unusable("its workers are lost again and again")

    def _put_in_place(self, outcome: Outcome) -> None:
        """What a turn printed and added, and what it read and wrote, as if it had run here."""
        if outcome.printed:
            sys.stdout.write(outcome.printed)
        for number, method, arguments in outcome.added:
            getattr(self.targets[number], method)(*arguments)
        recorder.read.update({path: stat for path, stat in outcome.read.items() if path not in recorder.read})
        recorder.written.update(
            {path: m for path, m in outcome.written.items() if path not in recorder.written}
        )
        for name, text in outcome.settings.items():
            settings_read.step.setdefault(name, text)

    def close(self) -> None:
        if self.job is not None:
            self.job.remove()


def _check_apart(outcomes: list[Outcome]) -> None:
    """Raise `Unusable` when two turns have to do with the same file, and one of them wrote it."""
    writers: dict[str, int] = {}
    folders: dict[str, set[int]] = {}
    for number, outcome in enumerate(outcomes):
        for path in outcome.wrote:
            if writers.setdefault(path, number) != number:
                raise Unusable(f"two of its turns write {os.path.relpath(path)}")
            folders.setdefault(os.path.dirname(path), set()).add(number)  # noqa: PTH120
    for number, outcome in enumerate(outcomes):
        for path in outcome.looked:
            if writers.get(path, number) != number:
                raise Unusable(f"one of its turns looks at {os.path.relpath(path)}, which another one writes")
        for path in outcome.listed:
            if folders.get(path, set()) - {number}:
                raise Unusable(
                    f"one of its turns lists {os.path.relpath(path)}, into which another one writes"
                )


def _undo(journal: Journal) -> None:
    """Make the files what they were before the chunk."""
    with recorder.paused():
        journal.put_back_overwritten()
        journal.undo()
        journal.remove_made()
    journal.path.unlink(missing_ok=True)
