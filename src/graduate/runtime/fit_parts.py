"""What the helpers of several libraries share: the plain attributes of an object alone, and files of later rounds."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_PLAIN = frozenset({int, float, bool, str, type(None)})


class Plain:
    """The numbers and flags among the attributes of an object that is not saved as a whole, and those named `also`."""

    def __init__(self, owner: Any, also: tuple[str, ...] = ()) -> None:
        self.owner = weakref.ref(owner)  # so that nobody looks at all the rest of it
        self.also = also

    def __getstate__(self) -> dict[str, Any]:
        attributes = vars(self.owner())
        return {
            n: v for n, v in attributes.items() if type(v) in _PLAIN or (self.also and n.endswith(self.also))
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self.owner()).update(state)


def entries(folders: Iterable[Path], pattern: str = "*") -> list[str]:
    """What there is in some folders."""
    return sorted(str(path) for folder in folders if folder.is_dir() for path in folder.glob(pattern))


def remove_later(now: Iterable[str], kept: Iterable[str]) -> None:
    """Remove what was written after the round that training goes on from: it will be written again."""
    for each in set(now) - set(kept):
        path = Path(each)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
