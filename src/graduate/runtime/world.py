"""Where this process stands among the processes of a run: what torchrun and make have put into the environment."""

from __future__ import annotations

import os

from . import optional
from .problems import EXIT_BAD_INPUT, EXIT_FAILED, Problem

CHILD = "PIPELINE_CHILD_STEPS"
"""The variable that names the steps, by their indexes, which a process was started for."""
SIZE = int(os.environ.get("WORLD_SIZE") or 1)
RANK = int(os.environ.get("RANK") or 0) if SIZE > 1 else 0
LOCAL_RANK = int(os.environ.get("LOCAL_RANK") or 0)


def number(name: str, default: int) -> int:
    """A variable of the environment that is a count. Raises `Problem`."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdigit():
        raise cannot_be(name, repr(text), "a whole number")
    return int(text)


def cannot_be(name: str, value: str, wanted: str) -> Problem:
    """The error for a variable of the environment."""
    return Problem(f"{name} cannot be {value}.", where=name, fix=wanted, exit_code=EXIT_BAD_INPUT)


def enter(package: str) -> None:
    """Called first in each of several processes: to each its GPU and, but for the first, its project folder."""
    if not os.environ.get(CHILD):
        raise Problem(
            "The processes of a run are started by the project itself.",
            where=f"WORLD_SIZE={SIZE}",
            fix="make train GPUS=N (or PROCS=N; NODES=M for several machines), which calls torchrun",
        )
    visible = [each for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
    if not os.environ.get("PIPELINE_ON_GPUS"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not os.environ.get("PIPELINE_OWN_GPU"):
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[LOCAL_RANK] if visible else str(LOCAL_RANK)
        os.environ["PIPELINE_OWN_GPU"] = "1"
    optional.need(
        "mirror", "be run by several processes", f"WORLD_SIZE={SIZE}", "its code does not use PyTorch"
    ).enter(package)


def cannot(what: str, where: str) -> Problem:
    """The error for something that cannot be done by several processes."""
    return Problem(
        f"This cannot be shared out among processes: {what}.",
        where=where,
        why="the result could be another one than that of one process",
        fix="run it with one process (without GPUS, PROCS and NODES)",
        exit_code=EXIT_FAILED,
    )


def came_apart(where: str, why: str) -> Problem:
    """The error for processes that do not do the same any more: what they compute would be nobody's result."""
    return Problem(
        "The processes of this run have come apart.",
        where=f"{where} of {SIZE}",
        why=why,
        fix="the program does something that depends on the process or the time; run it with one process",
        exit_code=EXIT_FAILED,
    )


def is_lost(error: BaseException) -> bool:
    """Whether an error says that another process of the run is gone."""
    if SIZE == 1:
        return False
    text = str(error)
    return type(error).__name__ in ("DistNetworkError", "DistBackendError") or (
        isinstance(error, RuntimeError) and ("gloo" in text or "NCCL" in text)
    )
