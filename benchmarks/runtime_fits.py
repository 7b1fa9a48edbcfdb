"""A checkpoint after every epoch of a `fit`: the library's own, and this runtime's, in turn with a fit without any.

Keras and Lightning are installed, with a CPU wheel of PyTorch that is at hand, beside the other tools of the benchmark.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from runtime_peers import PYTHON, install
from runtime_steps import KERAS, LIGHTNING

TORCH = "2.13.0"
PEERS = {
    "keras": ("Keras", "`BackupAndRestore`", KERAS),
    "lightning": ("Lightning", "`ModelCheckpoint`", LIGHTNING),
}


def measure_fits(rounds: int, scratch: Path) -> list[str]:
    """Rows on each library."""
    from runtime_project import make_project

    # Never from an index: that would be a CUDA build of several GB.
    versions = install((f"torch=={TORCH}",), "--no-index", "--no-deps")
    if not versions:
        return ["| a checkpoint in `fit` of Keras and Lightning | not measured: no wheel of PyTorch | | |"]
    versions = install(("numpy", "cloudpickle", *PEERS))
    rows = []
    for package, (name, own, pipeline) in PEERS.items():
        if package not in versions:
            continue
        project = make_project(scratch / package, pipeline)
        done = subprocess.run(
            [str(PYTHON), "-m", "pkg", "train"],
            cwd=project.root,
            env=project.environment(
                {"ROUNDS": str(rounds), "CHECKPOINT_EVERY": "1", "KERAS_BACKEND": "torch"}
            ),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{name} ended with {done.returncode}\n{done.stderr[-3000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        epoch = median(processor for _, processor in found["plain"])
        rows.append(
            f"| `fit` of {name} {versions[package]}, {found['megabytes']:.0f} MB with the optimizer, a checkpoint "
            f"after each epoch (of {epoch * 1000:.0f} ms) | this runtime's: {_more(found, 'ours')} "
            f"| its own ({own}): {_more(found, 'theirs')} | |"
        )
    return rows


def _more(found: dict[str, Sequence[tuple[float, float]]], what: str) -> str:
    """How much longer an epoch takes than without checkpoints."""
    clock, processor = (
        median(a[kind] - b[kind] for a, b in zip(found[what], found["plain"], strict=True)) for kind in (0, 1)
    )
    return f"{processor * 1000:+.0f} ms of the processor, {clock * 1000:+.0f} ms by the clock"
