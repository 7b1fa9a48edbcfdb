"""What the steps of a program share beside the values that they hand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ask: Callable[[str], Any] | None = None
"""In a worker process that has none of the values: gets one from the process that started it."""


class Context:
    """Attributes only. The pipeline stores its content with every step when it is given one."""

    def __getattr__(self, name: str) -> Any:
        # Only called for names that are not set: what reading an unbound global raises, since code may catch it.
        if name.startswith("__"):
            raise AttributeError(name)
        if ask is not None:
            value = ask(name)
            vars(self)[name] = value
            return value
        raise NameError(f"name {name!r} is not defined")

    def __delattr__(self, name: str) -> None:
        if name not in vars(self):
            raise NameError(f"name {name!r} is not defined")
        super().__delattr__(name)

    def __repr__(self) -> str:
        return f"Context({', '.join(sorted(vars(self)))})"


context = Context()


@dataclass(frozen=True)
class Shared:
    """The names on the context, and the state that modules hold themselves (a `ModuleState`), where there is any."""

    context: Context | None
    modules: Any

    def read(self) -> dict[str, Any]:
        return {
            "context": {} if self.context is None else dict(vars(self.context)),
            "modules": {} if self.modules is None else self.modules.read(),
        }

    def write(self, saved: dict[str, Any]) -> None:
        if self.context is not None:
            vars(self.context).clear()
            vars(self.context).update(saved["context"])
        if self.modules is not None:
            self.modules.write(saved["modules"])
