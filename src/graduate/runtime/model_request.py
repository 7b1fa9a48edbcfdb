"""What a request to `serve` may be: how slow, how big, of which kind, and its type, after the recorded input."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field, create_model

from .services import number

MOST_BYTES = int(number("SERVE_MAX_BYTES", 8 << 20))
MOST_ROWS = int(number("SERVE_MAX_ROWS", 1000))
MOST_SECONDS = number("SERVE_READ_SECONDS", 30)
"""How long a client may take to send its request."""

_READ_ON = 8
"""How many times MOST_BYTES of a body that is too big are read before it is refused."""
_JSON = re.compile(rb"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)
_BIGGEST = {"float16": 65504.0, "float32": 3.4028234663852886e38}
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


async def read_request(scope: Any, receive: Any) -> bytes | Response | None:
    """The body of a request, or the answer that refuses it; None when the client has gone."""
    headers = dict(scope["headers"])
    try:
        async with asyncio.timeout(MOST_SECONDS):
            body = await _read_body(headers.get(b"content-length", b"0"), receive)
    except TimeoutError:
        return _refusal(408, f"the request took longer than {MOST_SECONDS:g} s to arrive")
    except _TooBig:
        return _refusal(413, f"the request is bigger than {MOST_BYTES} bytes")
    if body is not None and scope["method"] == "POST" and not _JSON.match(headers.get(b"content-type", b"")):
        return _refusal(
            415, "the request is not JSON: send it with the header content-type: application/json"
        )
    return body


class _TooBig(Exception):
    pass


async def _read_body(told: bytes, receive: Any) -> bytes | None:
    """What is too much is read on, up to a limit: a client that is cut off while it sends sees no answer."""
    if not told.isdigit() or int(told) > MOST_BYTES * _READ_ON:
        raise _TooBig
    body, size, more = bytearray(), 0, True
    while more and size <= MOST_BYTES * _READ_ON:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        more = message.get("more_body", False)
        if size <= MOST_BYTES:
            body += chunk
    if size > MOST_BYTES:
        raise _TooBig
    return bytes(body)


def _refusal(status: int, why: str) -> JSONResponse:
    return JSONResponse({"detail": why}, status_code=status)


def busy() -> JSONResponse:
    """The answer to one request too many at once."""
    return JSONResponse(
        {"detail": "too many requests at once, try again"}, status_code=503, headers={"retry-after": "1"}
    )


def replay(body: bytes, receive: Any) -> Any:
    """A `receive` that gives a body that was read before."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def refuse(_: Request, error: Exception) -> JSONResponse:
    """What is wrong with a request: the first ten places, without what was sent."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    shown = [{"where": list(each["loc"]), "what": each["msg"]} for each in found[:10]]
    return JSONResponse({"detail": shown, "problems": len(found)}, status_code=422)


def make_request(described: dict[str, Any]) -> Any:
    """The type of a request whose inputs fit the recorded description, and nothing else."""
    if described["kind"] == "table":
        fields: dict[str, Any] = {
            f"column_{at}": (_column_type(column), Field(alias=name))
            for at, (name, column) in enumerate(described["columns"].items())
        }
        item: Any = create_model("Row", __config__=STRICT, **fields)
    elif described["kind"] == "texts":
        item = str
    else:
        item = _number_type(described["dtype"])
        for length in reversed(described["shape"]):
            item = Annotated[list[item], Field(min_length=length, max_length=length)]
    inputs = Annotated[list[item], Field(min_length=1, max_length=MOST_ROWS)]
    return create_model("Request", __config__=STRICT, inputs=(inputs, ...))


def _column_type(column: dict[str, Any]) -> Any:
    if column.get("categories"):
        kind: Any = Literal[tuple(column["categories"])]
    else:
        kind = _number_type(column["dtype"])
    return kind | None if column.get("missing") else kind


def _number_type(dtype: str) -> Any:
    """The type of a value, with the bounds of a number of this dtype."""
    if dtype.startswith("bool"):
        return bool
    if found := re.fullmatch(r"(u?)int(\d+)", dtype):
        least = 0 if found[1] else -(1 << (int(found[2]) - 1))
        return Annotated[int, Field(ge=least, le=least + (1 << int(found[2])) - 1)]
    if dtype.startswith("float"):
        biggest = _BIGGEST.get(dtype)
        return float if biggest is None else Annotated[float, Field(ge=-biggest, le=biggest)]
    return str
