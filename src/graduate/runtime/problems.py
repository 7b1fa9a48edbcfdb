"""Errors for the person who runs the project: what happened, where, why, and what to do next."""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 75
"""BSD's EX_TEMPFAIL: stopped cleanly on a signal; run again to go on."""


class Problem(Exception):
    """An error for the user. `what` is one sentence; `fix` is the next step to take."""

    def __init__(
        self, what: str, *, where: str = "", why: str = "", fix: str = "", exit_code: int = EXIT_BAD_INPUT
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix
        self.exit_code = exit_code

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.why:
            lines.append(f"  why:   {self.why}")
        if self.fix:
            lines.append(f"  next:  {self.fix}")
        return "\n".join(lines)


class NotResumable(Exception):
    """A call that has to run as it is, and why."""


class Interrupted(BaseException):
    """Raised at a safe point after a stop signal, when everything worth keeping is on disk.

    Not an `Exception`, so that research code that catches everything lets it pass.
    """
