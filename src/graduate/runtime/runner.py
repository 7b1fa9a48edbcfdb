"""Runs the steps that are due, one after the other, and writes down what each of them did."""

from __future__ import annotations

import contextlib
import pickle
from typing import Any

from . import library_state, optional, precision, random_state, retries
from .attempt import Attempt
from .ends import ROLLED_BACK, CatchUpFailed, Failed, Finished, TryAgain
from .files import record_of, recorder, scan
from .fingerprint import environment
from .loading import keep_random
from .log import now, say
from .objects import Damaged
from .paths import PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_INTERRUPTED, Interrupted
from .process import peak_memory, prepare_process
from .running import settings_read
from .signals import stop
from .snapshot import NotStored, Values, get_random, put_random
from .state import State, StepRecord
from .step_run import StepRun
from .steps import CONTEXT, Pipeline, Step
from .written import find_written

_loops = optional.find("loop_run")
_saved = optional.find("saved")
_new_run: type[StepRun] = StepRun if _loops is None else _loops.LoopRun


class Runner:
    """One process's run of steps `first`..`last` (indexes, inclusive) of a pipeline."""

    def __init__(self, pipeline: Pipeline, state: State) -> None:
        self.pipeline = pipeline
        self.state = state
        self.values = Values(state.objects, pipeline.package, pipeline.shared)
        self.is_set_up = False
        self.skipped: list[Step] = []
        self.ran = 0

    def run(self, first: int, last: int) -> int:
        """Run what is due among these steps; the exit code. Everything before `first` must be up to date."""
        index = first
        try:
            while index <= last:
                if stop:
                    raise Interrupted
                why = self.pipeline.reason(index, self.state)
                step = self.pipeline.steps[index]
                if not why:
                    self.skipped.append(step)
                    if self.state.record(step.name).ended_early:
                        raise Finished
                    index += 1
                    continue
                try:
                    self._run_step(index, why)
                except NotStored as problem:
                    index = self._roll_back(index, problem)
                    if index < first or self.is_set_up:
                        return ROLLED_BACK
                    continue
                index += 1
        except Interrupted:
            return self._stopped()
        except CatchUpFailed:
            return ROLLED_BACK
        except TryAgain as again:
            most = self.pipeline.steps[index].retries
            return ROLLED_BACK if retries.wait(again, most, self.state) else self._stopped()
        except Finished:
            return 0
        except Failed as failure:
            return failure.code
        return 0

    def _stopped(self) -> int:
        say(
            f"Stopped on {stop.name or 'request'}; what was done is kept. Run the same command again to go on."
        )
        return EXIT_INTERRUPTED

    def _roll_back(self, index: int, problem: NotStored) -> int:
        """Mark the steps to run again so that a name has its value again; the first of them."""
        start = index - 1
        while start > 0 and problem.name not in self.pipeline.gives(start):
            start -= 1
        for each in range(max(start, 0), index):
            step = self.pipeline.steps[each]
            record = self.state.record(step.name)
            record.status = "pending"
            record.error = {"message": f"{problem.name.removeprefix('@')} is needed again: {problem.why}"}
            self.state.commit("rolled back", step.name, record)
        names = ", ".join(step.name for step in self.pipeline.steps[max(start, 0) : index])
        say(f"{problem.name.removeprefix('@')} is needed but {problem.why}: running again {names}.")
        self.values.forget()
        return max(start, 0)

    def _run_step(self, index: int, why: str) -> None:
        pipeline, state = self.pipeline, self.state
        step = pipeline.steps[index]
        previous = state.record(pipeline.steps[index - 1].name) if index > 0 else StepRecord()
        old = state.record(step.name)
        goes_on = self.values.index == index - 1 and self.ran > 0
        values = self.values.take(pipeline.takes(index), index - 1, previous)
        settings_read.start()
        recorder.start()
        self._set_up(step)
        self.values.put_shared()
        self._restore_random(index, goes_on, previous)
        with recorder.paused():  # what is looked at here is not the step's
            record = StepRecord(
                status="running",
                attempt=old.attempt + 1,
                tries=old.tries,
                started=now(),
                code=pipeline.code_of(index, state),
                inputs=pipeline.inputs(index, state),
                environment=environment(PROJECT_ROOT) | precision.of(step.role),
            )
        begins_with = previous.random_after if pipeline.before(index) is not None else ""
        run = _new_run(step.name, state.objects, pipeline.package, record, begins_with, pipeline.shared)
        resumes = old.status in ("running", "interrupted", "failed") and run.find_checkpoint()
        before = self._random_before(index, old, bool(resumes))
        record.random_before = put_random(state.objects, before)
        run.undo(old, keeps_checkpoints=bool(resumes))
        state.commit("started", step.name, record)
        say(f"{step.name}: {'going on' if resumes else 'running'} ({why})", step=step.name)
        files = scan()
        values.pop(CONTEXT, None)
        try:
            result = Attempt(step, run, record, state).call(values)
        except CatchUpFailed as error:
            say(f"{step.name}: going on did not work ({error}); an earlier state is used")
            run.drop_checkpoint()
            raise
        finally:
            self.ran += 1
        self._finish(index, record, run, files, before, result, previous)

    def _set_up(self, step: Step) -> None:
        """What every process needs before its first step, and what skipped steps left behind."""
        if not self.is_set_up:
            self.is_set_up = True
            prepare_process(self.pipeline, step)
            precision.install()
            setup = self.pipeline.setup(step.program)
            if setup is not None:
                settings_read.in_setup = True
                before = random_state.capture()
                try:
                    setup()
                finally:
                    settings_read.in_setup = False
                keep_random(self.pipeline.package, before)
        for skipped in self.skipped:
            if skipped.program == step.program:
                if skipped.restore is not None:
                    skipped.restore()
                self._restore_libraries(skipped)
        self.skipped = []

    def _restore_libraries(self, skipped: Step) -> None:
        name = self.state.record(skipped.name).libraries
        if not name:
            return
        try:
            library_state.write(pickle.loads(self.state.objects.get(name)))
        except Damaged:
            index = self.pipeline.steps.index(skipped)
            why = f"the state of libraries {name[:12]} is damaged"
            raise NotStored((*self.pipeline.gives(index), skipped.name)[0], why) from None

    def _restore_random(self, index: int, goes_on: bool, previous: StepRecord) -> None:
        before = self.pipeline.before(index)
        if goes_on or before is None or not previous.random_after:
            return
        try:
            natural = random_state.capture()
            random_state.restore(get_random(self.state.objects, previous.random_after))
            keep_random(self.pipeline.package, natural)
        except Damaged as error:
            raise NotStored(
                (*self.pipeline.gives(index - 1), before.name)[0],
                f"the random state {str(error)[:12]} is damaged",
            ) from None

    def _random_before(self, index: int, old: StepRecord, resumes: bool) -> random_state.RandomState:
        """The random state that the step starts with: when it goes on, the one that it first started with."""
        if resumes and self.pipeline.before(index) is None and old.random_before:
            with contextlib.suppress(Damaged):
                random_state.restore(get_random(self.state.objects, old.random_before))
        return random_state.capture()

    def _finish(
        self,
        index: int,
        record: StepRecord,
        run: StepRun,
        files: dict[str, tuple[int, int, int]],
        before: random_state.RandomState,
        result: Any,
        previous: StepRecord,
    ) -> None:
        """Write down everything that the step left, then commit it: from here on it is done."""
        step = self.pipeline.steps[index]
        given = {} if record.ended_early else step.by_name(result)
        if run.turns is not None:
            run.turns.note_given(given)
        if self.pipeline.shared is not None:
            given[CONTEXT] = self.pipeline.shared
        after = random_state.capture()
        record.random_after = put_random(self.state.objects, after)
        record.after = random_state.digests(after)
        started = random_state.digests(before)
        record.drawn = {name: each for name, each in started.items() if record.after.get(name) != each}
        changes = run.libraries.changes(self.pipeline.package)
        record.libraries = self.state.objects.put(pickle.dumps(changes, 4)) if changes else ""
        record.settings = dict(settings_read.step)
        record.wrote = find_written(files, run.journal)
        record.appended = run.journal.appended()
        record.read = {
            path: found
            for path in recorder.read
            if path not in record.wrote and (found := record_of(path)) is not None
        }
        values = {**self.values.loaded, **given} if self.values.index == index - 1 else given
        live = self.pipeline.live_after(index)
        if record.ended_early:
            live = ()
        else:
            self.values.store(values, live, set(self.pipeline.takes(index)), previous, record)
        record.status, record.tries = "done", 0
        record.ended = now()
        record.peak_memory = peak_memory()
        self.state.commit("done", step.name, record)
        run.forget()
        self.values.loaded = {name: value for name, value in values.items() if name in live}
        self.values.index = index
        self.state.clean_up(
            _saved.objects_needed(STATE_FOLDER / "checkpoints") if _saved is not None else set()
        )
        say(f"{step.name}: done in {record.seconds:.1f} s", step=step.name, seconds=record.seconds)
        if record.ended_early:
            say(f"{step.name} ended the program; the steps after it are not run.")
            raise Finished
