"""PyTorch's autocast around what a program's modules compute: PRECISION=bf16."""

from __future__ import annotations

import importlib
from typing import Any


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
    """Compute in half precision from here on."""
    torch: Any = importlib.import_module("torch")
    cast = _Autocast(torch)
    hooks: Any = importlib.import_module("torch.nn.modules.module")
    hooks.register_module_forward_pre_hook(cast.enter)
    hooks.register_module_forward_hook(cast.leave, always_call=True)
