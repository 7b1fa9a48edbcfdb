"""One run of one step, as its loops see it: when to save, what to save, and what to go on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import loop_files, random_state
from .ends import CannotResume
from .live import Registry, Unlike
from .log import say
from .loop_pickle import load_states
from .objects import Damaged
from .open_loops import Resume
from .output import Muted, mute
from .saved import Folder, Saved
from .saving import Saving
from .signals import stop
from .step_run import StepRun
from .validity import Validity

if TYPE_CHECKING:
    from .checkpoint import Checkpoint


class LoopRun(StepRun):
    """A running step whose loops have checkpoints."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.folder = Folder(self.path, self.objects)
        self.saving = Saving(self)
        self.iterated = 0
        """The iterations of the innermost loops that have ended, without those of earlier runs."""
        self.timer = self.saving.pace.timer
        self.stack: list[Checkpoint] = []
        self.entered: dict[str, int] = {}
        self.done: dict[str, Saved] = {}
        self.positions: list[Saved] = []
        self.until = 0
        self.target: Saved | None = None
        self.muted: Muted | None = None
        self.is_fitting = False
        """Whether a library's loop runs: what is inside belongs to its rounds and has no checkpoints of its own."""
        self.validity = Validity(self.record, self.random)

    @staticmethod
    def here() -> LoopRun | None:
        """The step that runs in this process."""
        return StepRun.current if isinstance(StepRun.current, LoopRun) else None

    def __enter__(self) -> LoopRun:
        super().__enter__()
        if self._wake not in stop.on_stop:
            stop.on_stop.append(self._wake)
        if stop:
            self._wake()
        return self

    def __exit__(self, *error: object) -> None:
        # Nothing may be written any more when the step's end is committed and its checkpoints go.
        self.saving.settle()
        super().__exit__(*error)
        stop.on_stop[:] = [each for each in stop.on_stop if each != self._wake]
        # Held back to the very end: the position was not met again, so nothing of it may be lost.
        self.unmute(repeat=error[0] is None)

    def _wake(self) -> None:
        self.timer.due = 0.0

    @property
    def is_catching_up(self) -> bool:
        return self.target is not None

    def drop_checkpoint(self) -> None:
        if self.target is not None:
            self.folder.discard(self.target)

    def forget(self) -> None:
        self.folder.clear()

    def progress(self) -> dict[str, Any]:
        loops = [frame.count for block in list(self.stack) for frame in list(block.frames)]
        pace = self.saving.pace
        return {
            "iterations": self.iterated + (loops[-1] if loops else 0),
            "loops": loops,
            "saves": pace.saves,
            "save_seconds": round(pace.spent, 6),
            "save_waited": round(pace.blocked, 6),
        }

    def values(self) -> dict[str, Any]:
        return {name: each for block in list(self.stack) for name, each in list(vars(block.state).items())}

    def find_checkpoint(self) -> bool:
        usable: list[Saved] = []
        told = False
        if foreign := self.journal.foreign():
            say(f"{self.name}: its checkpoints cannot be used, because {foreign}, to which it adds, changed")
            return False
        for saved in self.folder.read():
            why = self.validity.problem(saved.body)
            if why:
                if not told:
                    say(f"{self.name}: checkpoint {saved.number} cannot be used, because {why}")
                told = True
                continue
            if not self.folder.check(saved):
                say(f"{self.name}: checkpoint {saved.number} is damaged; an earlier one is used")
                self.folder.discard(saved)
                continue
            usable.append(saved)
        self.positions = [saved for saved in usable if saved.kind == "position"]
        self.done = {saved.path: saved for saved in reversed(usable) if saved.kind == "done"}
        self.target = self.positions[0] if self.positions else None
        self.saving.kept = list(usable)
        if usable:
            self.until = usable[0].number
            self.muted = mute()
        return bool(usable)

    # -- going on ---------------------------------------------------------------------------

    def path_of(self, name: str) -> str:
        """A name for the block that is entered now: where it stands in the loops around it."""
        prefix = ""
        if self.stack:
            outer = self.stack[-1]
            prefix = outer.path + "".join(f"@{frame.ordinal}.{frame.count}" for frame in outer.frames) + "/"
        count = self.entered.get(prefix + name, 0)
        self.entered[prefix + name] = count + 1
        return f"{prefix}{name}#{count}"

    def resume(self, block: Checkpoint) -> None:
        """Called when a block is entered: give it the state and the position that it goes on from."""
        self.saving.settle()
        done = self.done.get(block.path)
        if done is not None:
            self._put_back(done)
            block.is_done = True
            if self._leads_to(block):
                self.target = None
            self._caught_up(done)
            return
        target = self.target
        if target is None or not self._leads_to(block):
            return
        block.registry.hold(True)
        depth = len(self.stack) - 1
        blocks = target.body["blocks"]
        part = "last" if depth == len(blocks) - 1 else f"enter{depth}"
        try:
            # The random state stays as it is, so that what is drawn until the loop is drawn as before.
            natural = random_state.capture()
            frames = self._load(target, part, entering=True)
            random_state.restore(natural)
        except (Damaged, Unlike) as error:
            self._give_up(target, str(error))
        described = blocks[depth]
        block.resume = Resume(
            [
                (ordinal, count, extra)
                for (ordinal, count), extra in zip(described["frames"], frames[depth]["frames"], strict=True)
            ],
            described["children"],
            frames[depth]["ends"],
            depth == len(blocks) - 1,
        )

    def _leads_to(self, block: Checkpoint) -> bool:
        depth = len(self.stack) - 1
        blocks = self.target.body["blocks"] if self.target is not None else []
        return depth < len(blocks) and bool(blocks[depth]["path"] == block.path)

    def _caught_up(self, saved: Saved) -> None:
        """Output goes on after the newest thing that was saved."""
        if saved.number >= self.until:
            self.unmute(repeat=False)

    def reach(self) -> None:
        """Called at the innermost loop of the position: everything is put back as it was at that moment."""
        target = self.target
        if target is None:
            return
        self._put_back(target)
        self.target = None
        self.saving.pace.restart()
        self.saving.schedule(self.stack[-1])
        for block in self.stack:
            block.registry.hold(False)
            block.resume = None
        self._caught_up(target)

    def unmute(self, *, repeat: bool) -> None:
        if self.muted is not None:
            self.muted.unmute(repeat=repeat)
            self.muted = None

    def _put_back(self, saved: Saved) -> None:
        """The states of all open blocks, and the files that the step writes."""
        try:
            self._load(saved, "last", entering=False)
            loop_files.put_back(saved, self.folder, self.journal)
        except (Damaged, Unlike) as error:
            self._give_up(saved, str(error))

    def _give_up(self, saved: Saved, why: str) -> None:
        self.folder.discard(saved)
        raise CannotResume(f"checkpoint {saved.number}: {why}")

    def _load(self, saved: Saved, part: str, *, entering: bool) -> list[dict[str, Any]]:
        """Put back the states of all blocks that a part holds; the extras of their open loops."""
        data, buffers = self.folder.load(saved, part)
        registries = [block.registry for block in self.stack]
        signatures = saved.body["signatures"][: len(registries)]
        if [registry.signature for registry in registries] != signatures:
            raise Unlike("the objects around the loop are not those of the checkpoint")
        return load_states(data, buffers, self.stack, entering=entering)

    def registries(self) -> list[Registry]:
        return [block.registry for block in self.stack]
