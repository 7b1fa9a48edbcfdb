"""Where this process stands among the processes of a run: what torchrun (or any other launcher) put into the environment."""

from __future__ import annotations

import os

from .problems import EXIT_FAILED, Problem

SIZE = int(os.environ.get("WORLD_SIZE") or 1)
RANK = int(os.environ.get("RANK") or 0) if SIZE > 1 else 0
LOCAL_RANK = int(os.environ.get("LOCAL_RANK") or 0)


def cannot(what: str, where: str) -> Problem:
    """The error for something that cannot be done by several processes."""
    return Problem(
        f"This cannot be shared out among processes: {what}.",
        where=where,
        why="the result could be another one than that of one process",
        fix="run it with one process (without GPUS, PROCS and NODES)",
        exit_code=EXIT_FAILED,
    )
