"""Standard output while a step catches up with its checkpoint: what was printed before is not repeated."""

from __future__ import annotations

import sys
from typing import Any

from . import library_logging

_KEPT = 1 << 20


class Muted:
    """Stands in for `sys.stdout`. While muted it keeps the text, in case it was needed after all."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._muted = True
        self._kept: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        if not self._muted:
            return int(self._stream.write(text))
        if self._size < _KEPT:
            self._kept.append(text)
            self._size += len(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def unmute(self, *, repeat: bool) -> None:
        """Pass everything on from now; with `repeat` also what was held back."""
        if self._muted:
            self._muted = False
            if repeat:
                self._stream.write("".join(self._kept))
            self._kept = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def mute() -> Muted:
    """Hold back standard output until `unmute`."""
    if isinstance(sys.stdout, Muted):
        sys.stdout.flush()
        stream = sys.stdout._stream
    else:
        stream = sys.stdout
    stream.flush()
    muted = Muted(stream)
    library_logging.redirect(stream, muted)
    sys.stdout = muted
    return muted
