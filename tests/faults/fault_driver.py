"""Runs in the folder of a project under test: breaks its pipeline and looks at what the next run makes of it.

    python fault_driver.py calls FAULT STEP       every STEP-th call fails; prints how many were tried
    python fault_driver.py crashes STEP           every STEP/10-th crash state, every STEP-th with a run after it
    python fault_driver.py kills STEP             every STEP-th crash state soon after a kill behind some of the renames
    python fault_driver.py damage STEP [PART]     every STEP-th region of every stored file, from the PART-th on
    python fault_driver.py bytes PROJECT STEP     every STEP-th byte of what a hash seals is damaged, and read

Each try is a fork of this process, so that the libraries are loaded once. Exit code 3 and a text: something was wrong.
"""

from __future__ import annotations

import importlib
import itertools
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ["CHECKPOINT_EVERY"] = os.environ.get("CHECKPOINT_EVERY", "2")
from crash_states import Disk, Files
from fault_damage import damages, find_readers, find_unnoticed
from fault_disks import Failing, Noting
from pkg.utils import command, lock, objects, saved, state, store

for _late in ("pipeline", "utils.runner", "utils.pickling", "utils.loop_pickle", "utils.checkpoint"):
    importlib.import_module(f"pkg.{_late}")
ROOT = Path.cwd()
STATE = ROOT / ".pipeline_state"
OUTPUTS = ("rows.csv", "result.txt")
LOG = ROOT / "said.txt"
TRACE = ROOT / "trace.bin"
KEPT = ROOT / "kept"
LEFT_ALONE = ("pkg", LOG.name, TRACE.name, KEPT.name)
lock._WAIT = 0.0


def fork(function: Callable[[], int]) -> int:
    """Exit code of the function in a fork of its own; what it says on stderr goes to said.txt."""
    process = os.fork()
    if process == 0:
        os.dup2(os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        try:
            code = function()
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 99
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def clean() -> None:
    for path in ROOT.iterdir():
        if path.name in LEFT_ALONE or path.suffix == ".py":
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    LOG.write_text("")


def outcome() -> tuple[bytes | None, ...]:
    return tuple((ROOT / each).read_bytes() if (ROOT / each).exists() else None for each in OUTPUTS)


def run() -> int:
    return command.main("pkg", ["train-all"])


class Wrong(Exception):
    """The property does not hold; the text says where."""


def expect(holds: object, where: object, text: str) -> None:
    if not holds:
        raise Wrong(f"{where}: {text}\n{LOG.read_text()[-3000:]}")


def go_on(where: object) -> None:
    """The next run ends well and with the result of a run that was never disturbed."""
    code = fork(run)
    expect(code == 0, where, f"the next run ended with {code}")
    expect(outcome() == EXPECTED, where, f"another result: {outcome()} not {EXPECTED}")


# -- calls ----------------------------------------------------------------------------------------------


def try_calls(fault: str, step: int) -> int:
    tried = 0
    for number in range(1, 100_000, step):
        clean()
        LOG.write_text("")
        disk = Failing(fault, number)

        def broken(disk: Failing = disk) -> int:
            store.disk = disk
            code = run()
            return 98 if disk.count < disk.number else code

        code = fork(broken)
        if code == 98:
            break
        where = f"{fault} at call {number}"
        if fault in ("before", "after", "torn"):
            expect(code == 9, where, f"ended with {code}")
        else:
            expect(code in (0, 1), where, f"ended with {code}")
            expect(
                "Traceback" not in LOG.read_text() or "OSError" in LOG.read_text(), where, "an internal error"
            )
            expect(code == 0 or fault.startswith(("eio", "enospc", "eintr")), where, "it did not go through")
        go_on(where)
        tried += 1
    return tried


# -- crashes --------------------------------------------------------------------------------------------


def record_trace(stop_after: int = 0) -> list[tuple[Any, ...]]:
    """Every call of a run, with what was promised after which of them; killed after so many entries."""

    def end() -> None:
        TRACE.write_bytes(pickle.dumps(disk.trace))
        os._exit(9)

    disk = Noting(ROOT, OUTPUTS, stop_after, end)
    commit, prepare, write = state.State.commit_all, state.State.prepare, saved.Folder.write

    def promising_commit(self: Any, *arguments: Any) -> None:
        commit(self, *arguments)
        disk.note("promise", "generation", self.generation)

    def promising_prepare(self: Any) -> None:
        prepare(self)
        disk.note("promise", "generation", self.generation)

    def promising_write(self: Any, *arguments: Any) -> Any:
        found = write(self, *arguments)
        disk.note("promise", "checkpoint", found.number)
        return found

    def noted() -> int:
        store.disk = disk
        state.State.commit_all = promising_commit
        state.State.prepare = promising_prepare
        saved.Folder.write = promising_write
        run()
        end()
        return 0

    expect(fork(noted) == 9, "a run with notes", "it failed")
    return list(pickle.loads(TRACE.read_bytes()))


def find_traces(step: int) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """(from where on it is new, trace): of a whole run, and of runs that go on after a kill behind each rename."""
    clean()
    whole = record_trace()
    yield 0, whole
    renames = [number for number, entry in enumerate(whole, 1) if entry[0] in ("rename", "mkdir")]
    for number in renames[:: max(1, step // 10)]:
        clean()
        killed = record_trace(number)
        yield number, killed + record_trace()


def find_beginnings() -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """Those that go on after a kill, up to the second generation: what they have taken over is promised by then."""
    for start, trace in itertools.islice(find_traces(20), 1, None):
        made = [
            at for at, entry in enumerate(trace) if at >= start and entry[:2] == ("promise", "generation")
        ]
        yield start, trace[: made[1] + 1] if len(made) > 1 else trace  # a kill at the end leaves one to make


def crash_states(
    traces: Iterable[tuple[int, list[tuple[Any, ...]]]],
) -> Iterator[tuple[str, Files, dict[str, int]]]:
    """Every different state after every call, with what had been promised by then."""
    seen = set()
    for start, trace in traces:
        disk = Disk()
        promised = {"generation": 0, "checkpoint": 0}
        for number, entry in enumerate(trace):
            if entry[0] == "promise":
                promised = {**promised, "checkpoint": 0, entry[1]: entry[2]}
            else:
                disk.do(*entry)
            for files in disk.crash_states() if number >= start else ():
                mark = hash((frozenset(files.items()), *promised.values()))
                if mark not in seen:
                    seen.add(mark)
                    yield f"crash {len(seen)}: killed {start}, call {number} {entry[:2]}", files, promised


def lay_out(files: Files) -> None:
    clean()
    for path, content in sorted(files.items()):
        target = ROOT / path
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.write_bytes(content)


def check_whole(where: str, promised: dict[str, int]) -> None:
    """What was promised is there, and everything that the newest state names is whole without its second copy."""
    found = state.State(STATE)
    found.load()
    expect(found.generation >= promised["generation"], where, f"generation {promised['generation']} is lost")
    for name, record in found.steps.items():
        for each in record.objects():
            path = STATE / "objects" / each
            whole = path.exists() and objects.digest_file(path) == each
            expect(whole, where, f"an object of {name} is not whole in generation {found.generation}")
        if record.status == "running" and promised["checkpoint"]:
            folder = saved.Folder(STATE / "checkpoints" / name, found.objects)
            whole_ones = [each.number for each in folder.read() if folder.check(each)]
            newest = max(whole_ones, default=0)
            expect(newest >= promised["checkpoint"], where, f"checkpoint {promised['checkpoint']} is lost")


def try_crashes(step: int) -> int:
    tried = 0
    for tried, (where, files, promised) in enumerate(crash_states(find_traces(step)), 1):
        if tried % max(1, step // 10):
            continue
        lay_out(files)
        check_whole(where, promised)
        if tried % step == 0:
            go_on(where)
    return tried


def try_kills(step: int) -> int:
    tried = 0
    for tried, (where, files, promised) in enumerate(crash_states(find_beginnings()), 1):
        if tried % step == 0:
            lay_out(files)
            check_whole(where, promised)
    return tried


# -- damage ---------------------------------------------------------------------------------------------


def stop_in_the_middle() -> int:
    """A run that is killed while its loop has two checkpoints."""
    write = saved.Folder.write

    def last_write(self: Any, *arguments: Any) -> Any:
        found = write(self, *arguments)
        if found.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    saved.Folder.write = last_write
    return run()


def prepare(name: str) -> None:
    """Put a project whose run is finished, or was killed, into KEPT."""
    clean()
    fork(run if name == "finished" else stop_in_the_middle)
    shutil.rmtree(KEPT, ignore_errors=True)
    shutil.copytree(ROOT, KEPT, ignore=shutil.ignore_patterns("pkg", "*.py", KEPT.name))


def try_damage(step: int, part: int = 0) -> int:
    """Every step-th damage, beginning with number `part`."""
    tried = number = 0
    for name in ("finished", "killed"):
        prepare(name)
        for path in sorted(each for each in (KEPT / STATE.name).rglob("*") if each.is_file()):
            for how, content in damages(path.read_bytes(), REGIONS) if path.stat().st_size else ():
                number += 1
                if number % step != part:
                    continue
                where = f"{name}, {path.relative_to(KEPT)} {how}"
                for second in ("run", "doctor"):
                    damage_one(path.relative_to(KEPT), how, content, where, second)
                tried += 1
    return tried


def try_bytes(name: str, step: int) -> int:
    """Every step-th damage to a byte of what a hash seals: it is refused, or read as what it was."""
    prepare(name)
    tried = 0
    for path, reader in find_readers(KEPT / STATE.name):
        count, how = find_unnoticed(KEPT / STATE.name, path, reader, step)
        expect(not how, f"{name}, {path.relative_to(KEPT)} {how}", "it was not noticed")
        tried += count
    return tried


def damage_one(path: Path, how: str, content: bytes, where: str, second: str) -> None:
    clean()
    for each in KEPT.iterdir():
        if each.name == LOG.name:
            continue
        shutil.copytree(each, ROOT / each.name) if each.is_dir() else shutil.copy2(each, ROOT / each.name)
    (ROOT / path).unlink() if how == "gone" else (ROOT / path).write_bytes(content)
    if second == "doctor":
        matters = path.parts[1] in ("state", "objects", "checkpoints", "backups") and path.suffix != ".jsonl"
        code = fork(lambda: command.main("pkg", ["doctor"]))
        said = LOG.read_text()
        told = "repaired:" in said or "lost:" in said or "damaged" in said
        # A generation or manifest that is missing leaves no trace in older ones; what follows a pack is not read.
        silent = (how == "gone" and path.suffix == ".json") or (how == "longer" and path.suffix == ".pack")
        expect(code in (0, 1), where, f"doctor ended with {code}")
        expect(told or silent or not matters, where, "doctor did not see it")
        expect(
            code == 1 or fork(lambda: command.main("pkg", ["doctor"])) == 0, where, "a second look finds more"
        )
    go_on(where)


REGIONS = int(os.environ.get("REGIONS", 8))
clean()
expect(fork(run) == 0, "an undisturbed run", "it failed")
EXPECTED = outcome()
TRIES = {
    "calls": try_calls,
    "crashes": try_crashes,
    "kills": try_kills,
    "damage": try_damage,
    "bytes": try_bytes,
}
try:
    arguments: list[Any] = [int(each) if each.isdigit() else each for each in sys.argv[2:]]
    print(TRIES[sys.argv[1]](*arguments))
except Wrong as wrong:
    print(wrong, file=sys.stderr)
    sys.exit(3)
