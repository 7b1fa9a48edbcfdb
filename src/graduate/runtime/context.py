"""Names that the research code shared as globals and that could not be passed as arguments."""

from __future__ import annotations

from typing import Any


class Context:
    """Attributes only. The pipeline stores its content with every step when it is given one."""

    def __getattr__(self, name: str) -> Any:
        # Only called for names that are not set: what reading an unbound global raises, since code may catch it.
        if name.startswith("__"):
            raise AttributeError(name)
        raise NameError(f"name {name!r} is not defined")

    def __repr__(self) -> str:
        return f"Context({', '.join(sorted(vars(self)))})"


context = Context()
