"""Every error that a user can see: what happened, where, why, and what to do next.

Exit codes are stable: 0 done (for `verify`: the same), 1 `verify` found a difference,
2 bad usage or input, 3 the output cannot be written, 4 a tool that is needed is missing,
70 a defect of graduate itself, 130 interrupted.
"""

from __future__ import annotations

EXIT_DIFFERENT = 1
EXIT_BAD_INPUT = 2
EXIT_CANNOT_WRITE = 3
EXIT_MISSING_TOOL = 4
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130


class GraduateError(Exception):
    """An error for the user. `what` is one sentence; `where` is `file:line` or a path; `fix` is the next step."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.why:
            lines.append(f"  why:   {self.why}")
        if self.fix:
            lines.append(f"  next:  {self.fix}")
        return "\n".join(lines)


class ReadError(GraduateError):
    """The source cannot be read as research code."""


class InvalidPythonError(ReadError):
    """The source is not valid Python, of any version."""


class Python2Error(ReadError):
    """The source is Python 2."""


class PlanError(GraduateError):
    """The plan contradicts the code, or cannot be read."""


class WriteError(GraduateError):
    """The project cannot be written."""

    exit_code = EXIT_CANNOT_WRITE


class ToolError(GraduateError):
    """A tool that is needed (uv, a Python interpreter) is missing or failed."""

    exit_code = EXIT_MISSING_TOOL


class VerifyError(GraduateError):
    """The verification could not be carried out."""
