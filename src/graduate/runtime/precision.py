"""The precision of what a program's modules compute: PRECISION=fp32 (as written), or bf16 by PyTorch's autocast."""

from __future__ import annotations

import os

from . import optional
from .problems import EXIT_BAD_INPUT, Problem

PRECISIONS = ("fp32", "bf16")


def asked_for() -> str:
    """What PRECISION asks for. Raises `Problem`."""
    asked = os.environ.get("PRECISION", "").strip() or "fp32"
    if asked not in PRECISIONS:
        half = "it needs the losses scaled, which this project does not do" if asked == "fp16" else ""
        raise Problem(
            f"PRECISION cannot be {asked!r}.",
            where="PRECISION",
            why=half,
            fix=f"one of: {', '.join(PRECISIONS)}",
            exit_code=EXIT_BAD_INPUT,
        )
    return asked


def of(role: str) -> dict[str, str]:
    """What a step that computes with modules depends on."""
    return (
        {}
        if role in ("download", "preprocess", "validate", "dataset", "loader")
        else {"PRECISION": asked_for()}
    )


def install() -> None:
    """Compute with the precision that is asked for, from here on."""
    if asked_for() != "fp32":
        optional.need(
            "autocast", "compute in another precision", "PRECISION", "its code does not use PyTorch"
        ).install()
