"""Which files a turn of a loop writes, reads, asks for and lists, so that turns that meet in a file are noticed."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .files import counts, is_nobodys, recorder
from .paths import inside_project

if TYPE_CHECKING:
    from .parallel_turn import Outcome

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_TRUNC | os.O_CREAT
_CLOSED = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "socket.connect",
)
_UNSEEN = {
    ("cv2", "imread"): (0, "r"),
    ("cv2", "imwrite"): (0, "w"),
    ("soundfile.SoundFile", "__init__"): (1, ""),
}
"""(Module or class, function) → which of its arguments is a file that Python does not see it open, and how ("": as the
next argument says)."""
_MOVES = {"os.rename": 2, "os.remove": 1, "os.link": 2, "os.symlink": 2, "os.truncate": 1}
"""Events whose first so many arguments are files that are changed."""

_outcome: Outcome | None = None
_fail: Callable[[str], BaseException] = RuntimeError
_installed = False


@contextlib.contextmanager
def watch(outcome: Outcome, fail: Callable[[str], BaseException]) -> Iterator[None]:
    """Note what the code inside does. `fail` makes the error for what a turn may not do elsewhere."""
    global _outcome, _fail
    _install()
    _outcome, _fail = outcome, fail
    try:
        yield
    finally:
        _outcome = None


def _install() -> None:
    global _installed
    for (home, name), how in _UNSEEN.items():
        module, _, inner = home.partition(".")
        if module in sys.modules:
            owner = getattr(sys.modules[module], inner) if inner else sys.modules[module]
            if not hasattr(getattr(owner, name), "is_watched"):
                setattr(owner, name, _watched(getattr(owner, name), *how))
    if not _installed:
        _installed = True
        tempfile.gettempdir()
        os.stat, os.lstat = _noting(os.stat), _noting(os.lstat)
        sys.addaudithook(_see)


def _watched(function: Callable[..., Any], number: int, mode: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def watched(*arguments: Any, **named: Any) -> Any:
        if (
            _outcome is not None
            and len(arguments) > number
            and isinstance(arguments[number], (str, os.PathLike))
        ):
            how = mode or str(
                arguments[number + 1] if len(arguments) > number + 1 else named.get("mode", "r")
            )
            sys.audit("open", arguments[number], how, 0)
        return function(*arguments, **named)

    watched.is_watched = True  # type: ignore[attr-defined]
    return watched


def _noting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def noting(path: Any, *arguments: Any, **named: Any) -> Any:
        if _outcome is not None and recorder.active and isinstance(path, (str, bytes, os.PathLike)):
            _outcome.looked.add(_where(path))
        return function(path, *arguments, **named)

    return noting


def _where(path: Any) -> str:
    """The real place of a path: two names of one file are one."""
    with _unwatched():
        return os.path.realpath(os.fsdecode(path))


@contextlib.contextmanager
def _unwatched() -> Iterator[None]:
    global _outcome
    outcome, _outcome = _outcome, None
    try:
        yield
    finally:
        _outcome = outcome


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    outcome = _outcome
    if outcome is None or not recorder.active:
        return
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, (str, bytes, os.PathLike)):
            writes = any(c in mode for c in "wax+") if isinstance(mode, str) else bool((flags or 0) & _WRITES)
            _note(outcome, path, writes=writes)
    elif event in ("os.listdir", "os.scandir"):
        if arguments and not isinstance(arguments[0], int):
            outcome.listed.add(_where(arguments[0] or "."))
    elif event in _MOVES:
        for path in arguments[: _MOVES[event]]:
            if not isinstance(path, int):
                _note(outcome, path, writes=True)
    elif event in _CLOSED:
        raise _fail(f"one of its turns starts a program or a connection ({event})")


def _note(outcome: Outcome, path: Any, *, writes: bool) -> None:
    name = _where(path)
    if not writes:
        outcome.looked.add(name)
    elif (relative := inside_project(name)) is not None:
        if counts(relative):
            outcome.wrote.add(name)
    elif not is_nobodys(name):
        raise _fail(f"one of its turns writes {name}, outside of the project folder")
