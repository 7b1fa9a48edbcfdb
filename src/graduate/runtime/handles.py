"""Values that stand for something outside of the program: files, locks, progress bars, loggers."""

from __future__ import annotations

import io
import logging
import threading
import weakref
from typing import Any

_HANDLES = (
    io.IOBase,
    logging.Logger,
    logging.Handler,
    threading.Thread,
    threading.Event,
    threading.Condition,
    type(threading.Lock()),
    type(threading.RLock()),
    weakref.ReferenceType,
)
_HANDLE_NAMES = frozenset(
    {"tqdm", "tqdm_notebook", "SummaryWriter", "FileWriter", "EventFileWriter", "Progress"}
)
_HANDLE_CLASSES = frozenset(
    {"lightning.pytorch.trainer.trainer.Trainer", "pytorch_lightning.trainer.trainer.Trainer"}
)


def is_handle(value: Any) -> bool:
    """Whether a value stands for something outside (a file, a progress bar, a lock) and stays as it is."""
    kind = type(value)
    if (kind.__module__, kind.__name__) == ("_csv", "writer"):
        return True
    return isinstance(value, _HANDLES) or any(
        each.__name__ in _HANDLE_NAMES or f"{each.__module__}.{each.__qualname__}" in _HANDLE_CLASSES
        for each in kind.__mro__
    )


def is_bar(value: Any) -> bool:
    """Whether a value is a progress bar of tqdm: it stays as it is, but for what the program told it."""
    return any(each.__name__ == "tqdm" for each in type(value).__mro__) and hasattr(value, "iterable")


def is_reader(value: Any) -> bool:
    """Whether a value is an open file that is only read, and stands somewhere in it."""
    try:
        return isinstance(value, io.IOBase) and value.readable() and value.seekable() and not value.writable()
    except (OSError, ValueError, AttributeError):
        return False
