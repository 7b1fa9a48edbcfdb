"""One writer at a time. The lock of a dead process is free at once, because the system holds it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import store
from .paths import STATE_FOLDER
from .problems import EXIT_FAILED, Problem

_WAIT = 3.0
"""Seconds to wait for a lock: a process that was killed a moment ago may not be gone yet."""

_held: list[int] = []


def _let_go() -> None:
    """A worker that outlives its parent must not hold the lock on."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)


@contextmanager
def lock() -> Iterator[None]:
    """Own the state folder. Raises `Problem` when somebody else does."""
    store.make_folder(STATE_FOLDER)
    descriptor = os.open(STATE_FOLDER / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    _held.append(descriptor)
    os.truncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    try:
        yield
    finally:
        _let_go()


def _take(descriptor: int) -> None:
    import fcntl

    deadline = time.monotonic() + _WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise _in_use(os.pread(descriptor, 20, 0).decode("ascii", "replace")) from None
            time.sleep(0.05)
        except OSError as error:
            raise Problem(
                "The state of the pipeline cannot be locked.",
                where=str(Path(".pipeline_state") / "lock"),
                why=str(error),
                fix="put the project on a file system that knows locks (a local disk)",
                exit_code=EXIT_FAILED,
            ) from error


def _in_use(owner: str) -> Problem:
    why, fix = f"process {owner or 'unknown'} holds the lock", "wait until it ends, or stop it"
    if _is_stopped(owner):
        why += " and is suspended"
        fix = f"let it go on with `kill -CONT {owner}`, or end it with `kill -KILL {owner}`"
    return Problem(
        "Another run of this project is in progress.",
        where=str(Path(".pipeline_state") / "lock"),
        why=why,
        fix=f"{fix}, and run this command again",
        exit_code=EXIT_FAILED,
    )


def _is_stopped(owner: str) -> bool:
    """Whether a process is suspended (Ctrl-Z), as far as the system tells."""
    try:
        state = Path(f"/proc/{int(owner)}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return False
    return state in ("T", "t")
