"""One attempt at a step: its function is called, and how it ends is written down."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from . import figures, retries, world
from .ends import CannotResume, CatchUpFailed, Failed, TryAgain
from .failure import note_failure, show_traceback
from .files import recorder
from .log import now, say
from .problems import EXIT_FAILED, Interrupted, Problem
from .process import peak_memory
from .redaction import redacted
from .running import settings_read
from .signals import stop
from .state import State, StepRecord
from .step_run import StepRun
from .steps import Step


@dataclass
class Attempt:
    """A step that is about to run, with the record that tells of it."""

    step: Step
    run: StepRun
    record: StepRecord
    state: State
    start: float = 0.0

    def call(self, values: dict[str, Any]) -> Any:
        """What the step's function returns. Raises `Interrupted`, `Failed`, `TryAgain` or `CatchUpFailed`."""
        self.start = time.perf_counter()
        figures.start(self.step.name)
        try:
            with self.run:
                return self.step.run(**values)
        except Interrupted:
            self._interrupt()
            raise
        except SystemExit as end:
            self._exit(end)
        except BaseException as error:
            self._raise(error)
        finally:
            recorder.stop()
            sys.stdout.flush()
            self.record.seconds = round(time.perf_counter() - self.start, 3)

    def _exit(self, end: SystemExit) -> None:
        """The program ended itself: early, where that is no failure."""
        if stop and type(end) is not SystemExit:  # a library heard of the signal too, and ends in its own way
            self._interrupt()
            raise Interrupted from None
        if end.code in (None, 0):
            self.record.ended_early = True
            return
        if not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else EXIT_FAILED
        self.run.put_files_back()
        self._fail(end, f"it ended the program with exit code {code}")
        raise Failed(code) from None

    def _raise(self, error: BaseException) -> NoReturn:
        """The step's function raised this."""
        network = self.step.retries > 0 and retries.is_network_error(error)
        catching_up = self.run.is_catching_up and isinstance(error, Exception) and not network
        if catching_up or isinstance(error, CannotResume):
            raise CatchUpFailed(f"{type(error).__name__}: {error}") from error
        if stop and "DataLoader worker" in str(error):
            # The signal went to the loader's workers too; what follows from that is no failure.
            self._interrupt()
            raise Interrupted from None
        if world.is_lost(error):
            self._fail(error, "another process of the run was lost")
            raise Failed(EXIT_FAILED) from None
        may_pass = network and self.record.tries < self.step.retries
        self.record.tries = self.record.tries + 1 if may_pass else 0
        if not may_pass:
            show_traceback(error)
        self.run.put_files_back()
        self._fail(error, f"{type(error).__name__}: {error}")
        if may_pass:
            raise TryAgain(self.step.name, self.record, retries.pause(error, self.record.tries)) from None
        if isinstance(error, KeyboardInterrupt):
            raise Failed(130) from None
        raise Failed(error.exit_code if isinstance(error, Problem) else EXIT_FAILED) from None

    def _interrupt(self) -> None:
        self.record.tries = 0
        self._note_end("interrupted")
        self.state.commit("interrupted", self.step.name, self.record)

    def _fail(self, error: BaseException, message: str) -> None:
        self._note_end("failed")
        name, message = self.step.name, redacted(message)
        note_failure(name, self.record, error, message)
        try:
            self.state.commit("failed", name, self.record)
        except OSError as trouble:
            say(f"The failure could not be written down ({trouble}).")
        say(f"{name}: failed. {message.splitlines()[0] if message else ''}", step=name)

    def _note_end(self, status: str) -> None:
        self.record.status = status
        self.record.ended = now()
        self.record.seconds = round(time.perf_counter() - self.start, 3)
        self.record.settings = dict(settings_read.step)
        self.record.peak_memory = peak_memory()
