"""The context, for processes that import the code anew instead of being forked: "spawn" and "forkserver".

In a script such a process runs the top of the script again and so has its globals. Here it asks the process of the step
for their values, each once; `multiprocessing` hands it that one's key.
"""

from __future__ import annotations

import multiprocessing
import os

from . import context as contexts
from .context_source import Source, fetch

_source: Source | None = None


def share() -> str:
    """Called in the process of a step: where its context can be asked for."""
    global _source
    if _source is None or _source.process != os.getpid():
        _source = Source(multiprocessing.current_process().authkey)
    return _source.address


def join(address: str) -> None:
    """Called in a process that a step started."""
    contexts.ask = lambda name: fetch(address, multiprocessing.current_process().authkey, name)
