"""The turns of a loop that run elsewhere: what a worker gets, does, and answers."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import os
import shutil
import signal
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import configuration, parallel_files, parallel_wire
from .files import Stat, recorder
from .journal import Journal
from .parallel_text import compile_turn, names_needed
from .parallel_wire import Known, Unusable
from .paths import STATE_FOLDER
from .process import prepare_process
from .running import settings_read
from .step_run import StepRun
from .steps import journal_of

FOLDER = STATE_FOLDER / "parallel"
is_worker = False
"""Whether this process runs turns for another one: loops inside of them are as they stand."""


@dataclass
class Outcome:
    """What one turn did: what it added to targets, (number, method, arguments), what it printed, and its files."""

    added: list[tuple[int, str, tuple[Any, ...]]] = field(default_factory=list)
    printed: str = ""
    read: dict[str, Stat] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    wrote: set[str] = field(default_factory=set)
    looked: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Part:
    """Items on their way to a worker."""

    data: bytes
    known: Known


# -- here ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """A loop as a worker needs it: a file with where it stands and the values that its turns read."""

    path: Path
    package: str
    known: Known

    @staticmethod
    def make(step: StepRun, frame: types.FrameType, place: tuple[int, int], targets: tuple[Any, ...]) -> Job:
        """Raises `Unusable` when a value cannot be sent."""
        for target in targets:
            if type(target).__name__ not in _TARGETS:
                raise Unusable(f"its turns add to a {type(target).__name__}")
        module = frame.f_globals["__name__"]
        names = names_needed(module, place)
        given = {name: value for name, value in frame.f_locals.items() if name in names}
        shared = importlib.import_module(f"{step.package}.pipeline").PIPELINE.shared
        head = [step.package, configuration.command_line(), step.name, module, place]
        values = {"given": given, "shared": None if shared is None else shared.read()}
        try:
            data, known = parallel_wire.dump(values, {}, step.package, targets)
        except Exception as error:
            raise Unusable(
                f"what it needs cannot be sent ({str(error).partition(chr(10))[0][:120]})"
            ) from None
        path = FOLDER / f"{os.getpid()}-{id(frame)}" / "job"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(parallel_wire.dump([*head, data], {}, step.package)[0])
        return Job(path, step.package, known)

    def pack(self, items: list[Any]) -> Part:
        try:
            return Part(*parallel_wire.dump(items, self.known, self.package))
        except Exception as error:
            raise Unusable(f"an item cannot be sent ({str(error).partition(chr(10))[0][:120]})") from None

    def unpack(self, part: Part, answer: bytes) -> list[Outcome]:
        """What a worker answered. Raises `Unusable` with its reason."""
        if answer.startswith(_FAILED):
            raise Unusable(answer.removeprefix(_FAILED).decode())
        outcomes: list[Outcome] = parallel_wire.load(answer, part.known)[0]
        return outcomes

    def remove(self) -> None:
        shutil.rmtree(self.path.parent, ignore_errors=True)
        with contextlib.suppress(OSError):
            FOLDER.rmdir()


_FAILED = b"failed: "
_TARGETS = ("list", "dict", "set", "deque", "defaultdict", "OrderedDict", "Counter", "ndarray")


# -- there -----------------------------------------------------------------------------------


class _Failed(BaseException):
    """A turn does what cannot be done elsewhere. Not an `Exception`, which the turn may catch."""


class StandIn:
    """A target in a worker: it keeps what is added, and cannot be looked at."""

    def __init__(self, number: int, keeps: bool) -> None:
        self._number = number
        self._keeps = keeps

    def _add(self, method: str, *arguments: Any) -> None:
        kept = arguments if self._keeps else copy.deepcopy(arguments)
        _turn.outcome.added.append((self._number, method, kept))

    def append(self, value: Any) -> None:
        self._add("append", value)

    def extend(self, values: Any) -> None:
        self._add("extend", list(values))

    def add(self, value: Any) -> None:
        self._add("add", value)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._add("__setitem__", key, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _fail(f"one of its turns looks at what they add to (.{name})")

    def _look(self, *arguments: Any) -> Any:
        raise _fail("one of its turns looks at what they add to")

    __len__ = __iter__ = __contains__ = __getitem__ = __bool__ = __eq__ = __reduce_ex__ = _look
    __hash__ = None  # type: ignore[assignment]


@dataclass
class _Turn:
    outcome: Outcome = field(default_factory=Outcome)
    why: str = ""


_turn = _Turn()


def _fail(why: str) -> _Failed:
    _turn.why = _turn.why or why
    return _Failed(why)


def run_part(job: str, part: bytes, journal: str) -> bytes:
    """Run turns one after the other; the answer for `Job.unpack`."""
    try:
        turn, known, package, step = _open(job)
        items, known = parallel_wire.load(part, known)
        notes = (journal_of(step).note, Journal(Path(journal)).note)
        outcomes = []
        for item in items:
            outcomes.append(_run(turn, item, notes))
            if _turn.why:
                return _FAILED + _turn.why.encode()
        return parallel_wire.dump(outcomes, known, package)[0]
    except BaseException as error:
        return _FAILED + (_turn.why or f"it cannot be sent ({type(error).__name__}: {error})").encode()


def _run(turn: Callable[[Any], Any], item: Any, notes: tuple[Callable[[str, str], None], ...]) -> Outcome:
    def note(relative: str, mode: str) -> None:
        for each in notes:
            each(relative, mode)

    _turn.outcome, _turn.why = Outcome(), ""
    printed = io.StringIO()
    settings_read.start()
    recorder.start()
    recorder.before_write = note
    try:
        with contextlib.redirect_stdout(printed), parallel_files.watch(_turn.outcome, _fail):
            turn(item)
    except _Failed:
        pass
    except BaseException as error:
        _turn.why = _turn.why or f"one of its turns raised {type(error).__name__}: {error}"
    finally:
        recorder.stop()
        recorder.before_write = None
    outcome = _turn.outcome
    outcome.printed = printed.getvalue()
    outcome.read, outcome.written = recorder.read, recorder.written
    outcome.settings = dict(settings_read.step)
    return outcome


_opened: tuple[str, Any] = ("", None)


def _open(path: str) -> tuple[Callable[[Any], Any], Known, str, str]:
    """The turn of a job as a function of the item, what is known, the package and the step."""
    global _opened
    if _opened[0] != path:
        head, _ = parallel_wire.load(Path(path).read_bytes(), {})
        package, command_line, step, module, place, data = head
        _enter(package, command_line, step)
        values, known = parallel_wire.load(data, {}, StandIn)
        shared = importlib.import_module(f"{package}.pipeline").PIPELINE.shared
        if shared is not None:
            shared.write(values["shared"])
        given = values["given"]
        importlib.import_module(module)
        turn = compile_turn(module, place, tuple(sorted(given)))
        _opened = (path, (lambda item: turn(item, **given), known, package, step))
    opened: tuple[Callable[[Any], Any], Known, str, str] = _opened[1]
    return opened


def _enter(package: str, command_line: list[str], name: str) -> None:
    """Become a process like the one that runs the step."""
    global is_worker
    configuration.set_command_line(command_line)
    importlib.import_module(f"{package}.config.settings")
    pipeline = importlib.import_module(f"{package}.pipeline").PIPELINE
    step = next(each for each in pipeline.steps if each.name == name)
    prepare_process(pipeline, step)
    if is_worker:
        return
    is_worker = True
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)  # whoever asked for the turns hears it
    setup = pipeline.setup(step.program)
    if setup is not None:
        setup()
    for each in pipeline.steps[: pipeline.steps.index(step)]:
        if each.restore is not None and each.program == step.program:
            each.restore()
