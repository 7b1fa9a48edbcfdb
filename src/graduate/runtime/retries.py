"""Steps that use the network are tried again when it fails: a few times, after growing pauses, in a fresh process."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import socket
import time
from collections.abc import Iterator

from .ends import TryAgain
from .log import say
from .signals import stop
from .state import State

_FIRST_PAUSE = 1.0
"""Seconds; each further pause is twice as long. The variable PIPELINE_RETRY_SECONDS overrides it."""
_LONGEST_PAUSE = 300.0
_TRY_AGAIN_LATER = (408, 425, 429)
_ERRNO = frozenset(
    {
        *(errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED, errno.ETIMEDOUT, errno.EHOSTUNREACH),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET),
    }
)
_LIBRARIES = frozenset({"http", "requests", "urllib3", "httpx", "httpcore", "aiohttp", "ftplib"})
_NAMES = frozenset(
    {
        *("IncompleteRead", "RemoteDisconnected", "BadStatusLine"),  # http.client
        *("ConnectionError", "Timeout", "ChunkedEncodingError"),  # requests
        *("ProtocolError", "TimeoutError", "MaxRetryError", "NewConnectionError"),  # urllib3
        *("NetworkError", "TimeoutException", "RemoteProtocolError"),  # httpx, httpcore
        *("ClientConnectionError", "ClientPayloadError", "error_temp"),  # aiohttp, ftplib
    }
)


def is_network_error(error: BaseException) -> bool:
    """Whether an error, or one that it comes from, says that the network or a server failed, not the program."""
    chain = list(_chain(error))
    if any(type(each).__name__ == "SSLCertVerificationError" for each in chain):
        return False
    for each in chain:
        status = _status(each)
        if status is not None:
            return status in _TRY_AGAIN_LATER or 500 <= status < 600
    return any(_is_about_a_connection(each) for each in chain)


def pause(error: BaseException, tries: int) -> float:
    """Seconds to wait after so many tries: what the server asks for, or twice the last pause, with jitter."""
    first = float(os.environ.get("PIPELINE_RETRY_SECONDS", _FIRST_PAUSE))
    # Its own generator: those of the research program must stay as they are.
    seconds = first * 2 ** (tries - 1) * random.Random().uniform(0.5, 1.0)
    asked = max((_retry_after(each) for each in _chain(error)), default=0.0)
    return float(min(max(seconds, asked), _LONGEST_PAUSE))


def wait(again: TryAgain, most: int, state: State) -> bool:
    """Wait until a step may be tried again; False when a stop signal came first, which is written down."""
    name, record = again.name, again.record
    say(
        f"{name}: the network failed; trying again in {again.seconds:.1f} s (retry {record.tries} of {most})",
        step=name,
    )
    state.note("retry", name, retry=record.tries, of=most, pause=round(again.seconds, 3))
    until = time.monotonic() + again.seconds
    while not stop and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
    if stop:
        record.status, record.tries = "interrupted", 0
        state.commit("interrupted", name, record)
    return not stop


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from or because of, and what it wraps."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [getattr(each, "reason", None), *each.args[:1]]
        waiting += [each.__cause__, each.__context__]
        waiting += [wrapped for wrapped in inner if isinstance(wrapped, BaseException)]


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error stands for."""
    response = getattr(error, "response", None)
    code = getattr(error, "code", None) if type(error).__module__.startswith("urllib") else None
    for found in (code, getattr(response, "status_code", None), getattr(error, "status", None)):
        if isinstance(found, int) and 100 <= found < 600:
            return found
    return None


def _retry_after(error: BaseException) -> float:
    """The seconds after which a server wants to be asked again; 0 when it does not say."""
    for holder in (getattr(error, "response", None), error):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            return float(holder.headers["Retry-After"])  # type: ignore[union-attr]
    return 0.0


def _is_about_a_connection(error: BaseException) -> bool:
    if isinstance(error, BrokenPipeError):  # it may be the program's own output
        return False
    if isinstance(error, (ConnectionError, TimeoutError, socket.gaierror, socket.herror)):
        return True
    if isinstance(error, OSError) and error.errno in _ERRNO:
        return True
    return any(
        kind.__module__.partition(".")[0] in _LIBRARIES and kind.__name__ in _NAMES
        for kind in type(error).__mro__
    )
