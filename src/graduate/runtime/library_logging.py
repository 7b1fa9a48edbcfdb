"""The state of `logging`: levels of loggers, and handlers that write to the terminal or to a file.

Handlers that a module adds when it is loaded are left out: whoever loads it again adds them again.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from .paths import PROJECT_ROOT

Described = tuple[str, int, str | None, str | None, str]
"""Where a handler writes, its level, how its lines and times are written, and in which style that is said."""

_ROOT = "root"
_OF_IMPORTS = "_comes_with_module"


def watch() -> None:
    """From now on handlers that are added while a module is loaded are marked."""
    logging.Logger.addHandler = _add_and_mark  # type: ignore[method-assign]


_add = logging.Logger.addHandler


def _add_and_mark(self: logging.Logger, hdlr: logging.Handler) -> None:
    _add(self, hdlr)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and _is_loading(frame.f_globals):
            setattr(hdlr, _OF_IMPORTS, True)
            return
        frame = frame.f_back


def _is_loading(module: dict[str, Any]) -> bool:
    """Whether a module is being imported now: programs that are run, by whatever launcher, are not."""
    return bool(getattr(module.get("__spec__"), "_initializing", False))


def read(_: Any) -> dict[str, Any]:
    """What is set, by the logger's name: `level:name`, `handlers:name`, `propagate:name`."""
    found: dict[str, Any] = {"disable": logging.root.manager.disable}
    for name, logger in _loggers():
        if logger.level != (logging.WARNING if name == _ROOT else logging.NOTSET):
            found[f"level:{name}"] = logger.level
        if not logger.propagate:
            found[f"propagate:{name}"] = False
        handlers = [described for each in logger.handlers if (described := _describe(each)) is not None]
        if handlers:
            found[f"handlers:{name}"] = handlers
    return found


def write(_: Any, key: str, value: Any) -> None:
    """Set what `read` found."""
    kind, _, name = key.partition(":")
    if kind == "disable":
        logging.disable(value)
        return
    logger = logging.getLogger(None if name == _ROOT else name)
    if kind == "level":
        logger.setLevel(value)
    elif kind == "propagate":
        logger.propagate = value
    else:
        there = [_describe(each) for each in logger.handlers]
        for each in value:
            if each not in there:
                logger.addHandler(_make(each))


def _loggers() -> Iterator[tuple[str, logging.Logger]]:
    yield _ROOT, logging.root
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger):
            yield name, logger


def _describe(handler: logging.Handler) -> Described | None:
    formatter = handler.formatter
    if hasattr(handler, _OF_IMPORTS) or type(formatter) not in (logging.Formatter, type(None)):
        return None
    if type(handler) is logging.FileHandler:
        target = os.path.relpath(handler.baseFilename, PROJECT_ROOT)
    elif type(handler) is logging.StreamHandler and _plain(handler.stream) in (
        _plain(sys.stdout),
        sys.stderr,
    ):
        target = "<stderr>" if handler.stream is sys.stderr else "<stdout>"
    else:
        return None
    if formatter is None:
        return target, handler.level, None, None, "%"
    styles: dict[str, Any] = logging._STYLES
    style = next(key for key, (kind, _) in styles.items() if type(formatter._style) is kind)
    return target, handler.level, formatter._fmt, formatter.datefmt, style


def redirect(old: Any, new: Any) -> None:
    """Have handlers that write to the stream `old` write to `new`."""
    for _, logger in _loggers():
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler and handler.stream is old:
                handler.stream = new


def _plain(stream: Any) -> Any:
    """The stream itself, below what holds output back."""
    return vars(stream).get("_stream", stream) if hasattr(stream, "unmute") else stream


def _make(described: Described) -> logging.Handler:
    target, level, lines, times, style = described
    handler: logging.Handler
    if target in ("<stdout>", "<stderr>"):
        handler = logging.StreamHandler(sys.stdout if target == "<stdout>" else sys.stderr)
    else:
        handler = logging.FileHandler(PROJECT_ROOT / target)
    handler.setLevel(level)
    if lines is not None:
        handler.setFormatter(logging.Formatter(lines, times, style))  # type: ignore[arg-type]
    return handler
