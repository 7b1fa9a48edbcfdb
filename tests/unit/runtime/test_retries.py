"""Which errors are the network's, and how long to wait after them."""

from __future__ import annotations

import email.message
import errno
import http.client
import io
import random
import socket
import ssl
import types
import urllib.error

import pytest

from graduate.runtime.retries import is_network_error, pause


def http_error(code: int, **headers: str) -> urllib.error.HTTPError:
    message = email.message.Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return urllib.error.HTTPError("http://x", code, "made up", message, io.BytesIO())


def of_library(module: str, names: str, **attributes: object) -> Exception:
    """An error of a library that need not be installed; `names` are its class and base classes."""
    kind: type = Exception
    for name in reversed(names.split()):
        kind = type(name, (kind,), {"__module__": module})
    error: Exception = kind("made up")
    vars(error).update(attributes)
    return error


def response(code: int, **headers: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        status_code=code, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError(socket.gaierror(-3, "Temporary failure in name resolution")),
        urllib.error.URLError(ConnectionRefusedError(errno.ECONNREFUSED, "refused")),
        urllib.error.URLError(OSError(errno.ENETUNREACH, "unreachable")),
        http_error(500),
        http_error(503),
        http_error(429),
        TimeoutError("timed out"),
        ConnectionResetError(),
        http.client.IncompleteRead(b"x", 9),
        http.client.RemoteDisconnected(),
        OSError(errno.EHOSTUNREACH, "no route"),
        of_library("requests.exceptions", "ConnectTimeout ConnectionError"),
        of_library("requests.exceptions", "ReadTimeout Timeout"),
        of_library("requests.exceptions", "HTTPError", response=response(502)),
        of_library("httpx", "HTTPStatusError", response=response(429)),
        of_library("httpx", "ConnectTimeout TimeoutException"),
        of_library("urllib3.exceptions", "ProtocolError"),
        of_library("aiohttp.client_exceptions", "ClientResponseError", status=503),
    ],
    ids=lambda error: f"{type(error).__module__}.{error!r}",
)
def test_the_network_s(error: Exception) -> None:
    assert is_network_error(error)
    outer = RuntimeError("the download failed")
    outer.__cause__ = error
    assert is_network_error(outer)


@pytest.mark.parametrize(
    "error",
    [
        http_error(404),
        http_error(403),
        urllib.error.URLError("unknown url type: foo"),
        urllib.error.URLError(FileNotFoundError(errno.ENOENT, "no such file")),
        urllib.error.URLError(ssl.SSLCertVerificationError(1, "certificate verify failed")),
        FileNotFoundError(errno.ENOENT, "no such file"),
        OSError(errno.ENOSPC, "no space"),
        PermissionError(errno.EACCES, "denied"),
        BrokenPipeError(),
        ValueError("bad value"),
        KeyError("x"),
        SystemExit(5),
        of_library("requests.exceptions", "HTTPError", response=response(404)),
        of_library("requests.exceptions", "InvalidURL RequestException"),
        of_library("mylib", "Timeout"),
    ],
    ids=lambda error: f"{type(error).__module__}.{error!r}",
)
def test_not_the_network_s(error: BaseException) -> None:
    assert not is_network_error(error)


def test_pauses_grow_with_jitter_and_leave_the_program_s_random_numbers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PIPELINE_RETRY_SECONDS", raising=False)
    random.seed(4)
    before = random.getstate()
    for tries, longest in ((1, 1.0), (2, 2.0), (3, 4.0)):
        found = {pause(TimeoutError(), tries) for _ in range(50)}
        assert longest / 2 <= min(found) < max(found) <= longest
    assert pause(TimeoutError(), 30) == 300
    assert random.getstate() == before


def test_a_server_says_when() -> None:
    assert pause(http_error(429, Retry_After="17"), 1) == 17
    assert pause(of_library("requests", "HTTPError", response=response(503, Retry_After="9")), 1) == 9
    assert pause(http_error(503, Retry_After="86400"), 1) == 300
    assert pause(http_error(503, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), 1) <= 1
