"""The precision of what a program's modules compute: PRECISION=fp32 (as written), or bf16 by PyTorch's autocast."""

from __future__ import annotations

import importlib
import os
from typing import Any

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


class _Autocast:
    """Around each call of a module that stands in no other one's."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.kind = "cuda" if torch.cuda.is_available() else "cpu"
        self.depth = 0
        self.entered: Any = None

    def enter(self, module: Any, inputs: Any) -> None:
        if self.depth == 0:
            self.entered = self.torch.autocast(self.kind, dtype=self.torch.bfloat16)
            self.entered.__enter__()
        self.depth += 1

    def leave(self, module: Any, inputs: Any, output: Any) -> Any:
        self.depth -= 1
        if self.depth:
            return None
        self.entered.__exit__(None, None, None)
        return self._wide(output)

    def _wide(self, value: Any) -> Any:
        """What comes out goes on in single precision."""
        if isinstance(value, self.torch.Tensor):
            return value.float() if value.dtype == self.torch.bfloat16 else value
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            return tuple(self._wide(each) for each in value)
        return value


def install() -> None:
    """Compute with the precision that is asked for, from here on."""
    if asked_for() == "fp32":
        return
    torch: Any = importlib.import_module("torch")
    cast = _Autocast(torch)
    hooks: Any = importlib.import_module("torch.nn.modules.module")
    hooks.register_module_forward_pre_hook(cast.enter)
    hooks.register_module_forward_hook(cast.leave, always_call=True)
