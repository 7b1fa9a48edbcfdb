"""The steps of a pipeline, and which of them are up to date and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import configuration, precision
from .code_hashes import CodeHashes
from .context import Context, Shared
from .files import Before, begins_with, is_unchanged
from .fingerprint import environment
from .journal import Journal
from .paths import PROJECT_ROOT, STATE_FOLDER
from .problems import Problem
from .state import State, StepRecord

CONTEXT = "@context"
UNFINISHED = ("running", "interrupted", "failed")


@dataclass(frozen=True)
class Step:
    """One resumable step: a function with the names that it takes (by keyword) and gives back.

    `restore` repeats the process-wide effects of the step when the step itself is skipped.
    `program` names the research program that it came from: programs ran as processes of their own, each in its `folder`
    of the project. `retries` is how often it is tried again when the network or a server fails it. `alone` says, as
    "file:line: why", what in it cannot be shared out among processes.
    """

    name: str
    run: Callable[..., Any]
    role: str = "other"
    program: str = ""
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    restore: Callable[[], Any] | None = None
    retries: int = 0
    folder: str = ""
    alone: tuple[str, ...] = ()

    def by_name(self, result: Any) -> dict[str, Any]:
        """What the function returned, under the names that the step gives."""
        if not self.gives:
            return {}
        if len(self.gives) == 1:
            return {self.gives[0]: result}
        if not isinstance(result, (tuple, list)) or len(result) != len(self.gives):
            raise Problem(
                f"The step {self.name!r} must return {len(self.gives)} values: {', '.join(self.gives)}.",
                why=f"it returned {type(result).__name__}",
                fix="correct the function or the step's `gives` in pipeline.py",
            )
        return dict(zip(self.gives, result, strict=True))


@dataclass(frozen=True)
class Standing:
    """What a step is now, and why. `due` says whether it has to run."""

    step: Step
    status: str
    why: str
    due: bool
    record: StepRecord


class Pipeline:
    """Steps in the order in which they run."""

    def __init__(
        self,
        *steps: Step,
        setup: Callable[[], Any] | dict[str, Callable[[], Any]] | None = None,
        context: Context | None = None,
        module_state: Any = None,
        models: tuple[str, ...] = (),
        package: str | None = None,
    ) -> None:
        names = [step.name for step in steps]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two steps have the same name: {', '.join(sorted(twice))}")
        self.steps = steps
        self.models = models
        """Names that hold a trained model: they are stored to the end, for `serve`."""
        self._setup = setup
        self.package = package or ""
        is_shared = context is not None or module_state is not None
        self.shared = Shared(context, module_state) if is_shared else None
        self.code = CodeHashes(self.package)

    def setup(self, program: str) -> Callable[[], Any] | None:
        """What sets the process-wide state of a program: one function, or one for each program."""
        return self._setup.get(program) if isinstance(self._setup, dict) else self._setup

    def takes(self, index: int) -> tuple[str, ...]:
        # A program's first step starts with nothing shared, as its process did.
        shared = self.shared is not None and self.before(index) is not None
        return self.steps[index].takes + ((CONTEXT,) if shared else ())

    def gives(self, index: int) -> tuple[str, ...]:
        return self.steps[index].gives + ((CONTEXT,) if self.shared is not None else ())

    def live_after(self, index: int) -> tuple[str, ...]:
        """The names that later steps take before a step gives them anew, and the models."""
        live = set(self.models)
        for later in range(len(self.steps) - 1, index, -1):
            live = (live - set(self.gives(later))) | set(self.takes(later))
        given = {name for step in self.steps[: index + 1] for name in step.gives}
        return tuple(sorted(live - (set(self.models) - given)))

    def before(self, index: int) -> Step | None:
        """The step before, when it belongs to the same program."""
        if index > 0 and self.steps[index - 1].program == self.steps[index].program:
            return self.steps[index - 1]
        return None

    def inputs(self, index: int, state: State) -> dict[str, str]:
        """For each name that a step takes, the hash of its value as the step before left it."""
        if index == 0:
            return {}
        record = state.record(self.steps[index - 1].name)
        found = {}
        for name in self.takes(index):
            group = record.group_of(name)
            found[name] = group.content() if group is not None else record.unstored.get(name, "")
        return found

    def code_of(self, index: int, state: State) -> dict[str, str]:
        """The hashes of the code that a step can run, the classes of the values that it takes included."""
        starts = [_where(self.steps[index].run)]
        setup = self.setup(self.steps[index].program)
        if setup is not None:
            starts.append(_where(setup))
        if index > 0:
            record = state.record(self.steps[index - 1].name)
            for name in self.takes(index):
                group = record.group_of(name)
                for each in group.code if group is not None else ():
                    home, _, definition = each.partition(":")
                    starts.append((home, definition))
        return self.code.reach(starts)

    def reason(self, index: int, state: State) -> str:
        """Why a step has to run, looking only at itself and at what the steps before left; "" if it need not."""
        step = self.steps[index]
        record = state.record(step.name)
        if record.status == "failed":
            what = (record.error or {}).get("message", "")
            return f"it failed: {what}"
        if record.status in UNFINISHED:
            return "it was interrupted"
        if record.status != "done":
            return record.error.get("message", "it has not run yet") if record.error else "it has not run yet"
        return (
            _changed_code(record.code, self.code_of(index, state))
            or changed_settings(record.settings)
            or _changed_inputs(record.inputs, self.inputs(index, state))
            or _changed_environment(record.environment)
            or self._changed_random(index, record, state)
            or self._changed_files(index, record, state)
        )

    def _changed_random(self, index: int, record: StepRecord, state: State) -> str:
        before = self.before(index)
        if before is None:
            return ""
        left = state.record(before.name).after
        for generator, value in record.drawn.items():
            if left.get(generator, value) != value:
                return f"{before.name} left the random generator of {generator} in another state"
        return ""

    def _changed_files(self, index: int, record: StepRecord, state: State) -> str:
        theirs: set[str] = set()
        added: dict[str, Before] = {}
        for step in self.steps[index + 1 :]:
            later = state.record(step.name)
            theirs |= set(later.wrote)
            appended = later.appended
            if later.status in UNFINISHED:
                # It may have rewritten any of them and will do so again.
                theirs |= set(journal_of(step.name).entries())
                appended = {**appended, **journal_of(step.name).appended()}
            added = {**appended, **added}
        for path, before in record.wrote.items():
            if before is None:
                continue
            if path not in theirs:
                unchanged = is_unchanged(path, before)
            else:
                # Of a file to which a later step adds, this step's part must still be there.
                start = added.get(path)
                unchanged = start is None or start.hash != before.hash or begins_with(path, start)
            if not unchanged:
                return f"{path}, which it wrote, is {_changed_or_gone(path)}"
        for path, seen in record.read.items():
            if path not in theirs and path not in record.wrote and not is_unchanged(path, seen):
                return f"{path}, which it reads, is {_changed_or_gone(path)}"
        return ""

    def standings(self, state: State) -> list[Standing]:
        """Every step's status and why, without running anything."""
        result: list[Standing] = []
        due: list[int] = []
        ended = ""
        for index, step in enumerate(self.steps):
            record = state.record(step.name)
            why = self.reason(index, state)
            status = record.status
            if ended:
                result.append(Standing(step, "skipped", f"{ended} ended the program early", False, record))
                continue
            if status == "done":
                waits = [self.steps[each].name for each in due if self._depends(index, each)]
                if why:
                    status = "stale"
                elif waits:
                    status, why = "stale", f"it depends on {waits[0]}"
                elif record.ended_early and not due:
                    ended = step.name
            if why:
                due.append(index)
            result.append(Standing(step, status, why, bool(why), record))
        return result

    def _depends(self, index: int, earlier: int) -> bool:
        if self.steps[index].program != self.steps[earlier].program:
            return bool(set(self.takes(index)) & set(self.gives(earlier)) - {CONTEXT})
        touched = set(self.gives(earlier)) | set(self.takes(earlier))
        return bool(set(self.takes(index)) & touched)


def _where(function: Callable[..., Any]) -> tuple[str, str]:
    inner = getattr(function, "func", function)
    return getattr(inner, "__module__", ""), getattr(inner, "__qualname__", "").partition(".")[0]


def journal_of(name: str) -> Journal:
    """What an unfinished attempt of a step has written."""
    return Journal(STATE_FOLDER / "checkpoints" / name / "touched.jsonl")


def _changed_or_gone(path: str) -> str:
    return "changed" if (PROJECT_ROOT / path).exists() else "gone"


def _changed_code(before: dict[str, str], now: dict[str, str]) -> str:
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if not changed:
        return ""
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"its code changed: {changed[0].replace(':<module>', '')}{more}"


def changed_settings(before: dict[str, str]) -> str:
    """Which of the settings that were read has another value now; "" when none has."""
    settings = configuration.loaded()
    for name, text in before.items():
        now = settings.describe(name) if settings is not None else None
        if now != text:
            if text.startswith("secret "):
                return f"the setting {name} changed"
            return f"the setting {name} changed from {text} to {now}"
    return ""


def _changed_inputs(before: dict[str, str], now: dict[str, str]) -> str:
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            return f"its input {name.removeprefix('@')} changed"
    return ""


def _changed_environment(before: dict[str, str]) -> str:
    now = environment(PROJECT_ROOT) | precision.of("train")
    for name, text in before.items():
        if now.get(name) != text:
            return f"{name} changed"
    return ""
