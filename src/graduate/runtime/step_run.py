"""One run of one step: the files that it touches, and what an unfinished run before it left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import optional, store
from .children import children
from .files import recorder
from .journal import Journal, cut_back
from .library_state import LibraryState
from .log import say
from .objects import Objects
from .open_files import flush_all
from .paths import STATE_FOLDER
from .progress import Watcher

if TYPE_CHECKING:
    from .context import Shared
    from .state import StepRecord


class StepRun:
    """A running step. `current` is the one of this process, a `LoopRun` where loops go on inside."""

    current: StepRun | None = None

    def __init__(
        self,
        name: str,
        objects: Objects,
        package: str,
        record: StepRecord,
        random: str = "",
        shared: Shared | None = None,
    ) -> None:
        self.name = name
        self.objects = objects
        self.package = package
        self.context = shared.context if shared is not None else None
        self.modules = shared.modules if shared is not None else None
        self.record = record
        self.random = random
        """The random state with which the step begins, where the step before left it."""
        self.path = STATE_FOLDER / "checkpoints" / name
        self.libraries = LibraryState()
        """What libraries held when the step began."""
        self.journal = Journal(self.path / "touched.jsonl")
        self.watcher = Watcher(self)
        self.turns: Any = (
            optional.find("trial").Turns(self) if "PIPELINE_TRIAL_METRIC" in os.environ else None
        )
        """What tells the metric of a trial."""
        self.process = os.getpid()

    def __enter__(self) -> StepRun:
        StepRun.current = self
        store.make_folder(self.path)
        with recorder.paused():
            for path in flush_all():
                self.journal.note(path, "a")  # open since an earlier step, which may be a logger's
        recorder.before_write = self.journal.note
        has_context = self.context is not None
        spawned = optional.find("spawned") if has_context else None
        children.start(self.path / "children.jsonl", "" if spawned is None else spawned.share())
        workers = optional.find("workers") if has_context else None
        if workers is not None:
            workers.share()
        self.watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        StepRun.current = None
        children.stop()
        self.watcher.stop()
        flush_all()
        recorder.before_write = None

    @property
    def is_catching_up(self) -> bool:
        """Whether it has not come to where its checkpoint stands."""
        return False

    def find_checkpoint(self) -> bool:
        """Whether an earlier attempt left something to go on from. If so, output is held back until there."""
        return False

    def drop_checkpoint(self) -> None:
        """Never use the checkpoint again that could not be come to."""

    def forget(self) -> None:
        """Drop the checkpoints: the step is done, or starts anew."""
        store.remove_folder(self.path)

    def progress(self) -> dict[str, Any]:
        """How far it is, for those who watch it."""
        return {"iterations": 0, "loops": []}

    def values(self) -> dict[str, Any]:
        """What its loops carry, by name."""
        return {}

    def undo(self, old: StepRecord, *, keeps_checkpoints: bool) -> None:
        """Before the step starts: undo what an unfinished attempt did to files, so that it finds what that found.

        A program that failed by itself may have made a file for the next attempt: such files stay.
        """
        with recorder.paused():
            if keeps_checkpoints:
                self.journal.hide()
                return
            if old.status != "done":
                self.journal.put_back_overwritten()
                self.journal.undo()
                self.journal.remove_folders()
                if old.status != "failed":
                    self.journal.remove_made()
            cut_back(old.appended)
        self.forget()

    def put_files_back(self) -> None:
        """The step has failed: what it overwrote is as it was before. That must not hide why it failed."""
        try:
            self.journal.put_back_overwritten()
        except OSError as trouble:
            say(f"{self.name}: the files that it overwrote could not be put back yet ({trouble})")
