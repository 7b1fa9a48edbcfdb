"""A run of several processes: each runs the same program on the same values, and computes its rows of every batch.

Nothing of this is imported, and nothing changes, where there is one process.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from . import random_state, world
from .log import say

_PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others before it gives up: one may have a longer evaluation or download."""

_RULES = (".row_attention", ".row_layers", ".row_losses", ".row_random", ".row_shapes")
_codes: list[int] = []
"""The code that this process ends with, once it has left the others."""


def start() -> None:
    """Join the other processes. From here on batches are shared out among them."""
    torch: Any = importlib.import_module("torch")
    dist: Any = importlib.import_module("torch.distributed")
    store, rank, size = next(dist.rendezvous("env://"))
    # After a restart the addresses of the processes before must not be found.
    attempt = dist.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=size, timeout=_PATIENCE)
    for name in _RULES:
        importlib.import_module(name, __package__)  # to fill the table of rules
    torch.Tensor.backward = importlib.import_module(".row_gradients", __package__).backward
    importlib.import_module(".row_entrances", __package__).install()
    importlib.import_module(".row_loader", __package__).install()
    if world.RANK:
        torch.save = _watched(torch.save)
    for library in ("numpy", "numpy.random"):
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    agree_on_numbers()


def _watched(save: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.save`, whose writing Python does not notice."""
    from .mirror import before_write

    def watched(obj: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(f, (str, os.PathLike)):
            before_write(os.fspath(f))
        return save(obj, f, *args, **kwargs)

    return watched


def end(code: int = 0) -> None:
    """Leave the others. The process is going to end with this code."""
    dist: Any = importlib.import_module("torch.distributed")
    rows: Any = importlib.import_module(".batch_rows", __package__).Rows
    if not rows.made and world.RANK == 0:
        say("note: there was nothing to share out: each process computed everything")
    if dist.is_initialized():
        dist.destroy_process_group()
    _codes.append(code)


@atexit.register  # at the import of this module, so that it is called after what PyTorch and the research code register
def _leave() -> None:
    """Threads of PyTorch may still hold Python's objects, and abort when Python goes down before them."""
    if _codes:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_codes[-1])


def agree(value: Any) -> Any:
    """What the first process has, on all of them."""
    dist: Any = importlib.import_module("torch.distributed")
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def of_all(value: Any) -> list[Any]:
    """What each process has, in the order of their ranks."""
    dist: Any = importlib.import_module("torch.distributed")
    found: list[Any] = [None] * world.SIZE
    dist.all_gather_object(found, value)
    return found


def agree_on_numbers() -> None:
    """Random generators that were not seeded start alike."""
    random_state.restore(agree(random_state.capture()))
