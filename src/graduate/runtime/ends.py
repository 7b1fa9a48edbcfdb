"""The ways in which a run of steps ends before its last one."""

from __future__ import annotations

from .state import StepRecord

ROLLED_BACK = 79
"""A code inside the pipeline: go on in a new process, because this one is not as a fresh one would be."""


class Finished(Exception):
    """The research program ended itself, successfully, before its last step."""


class CannotResume(BaseException):
    """A checkpoint turned out to be unusable while the step was catching up with it.

    Not an `Exception`, so that research code that catches everything lets it pass.
    """


class CatchUpFailed(Exception):
    """A step could not get to where its checkpoint stands."""


class Failed(Exception):
    """A step failed; it has been written down and told. `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class TryAgain(Exception):
    """A step failed because of the network, which may be over soon. It has been written down."""

    def __init__(self, name: str, record: StepRecord, seconds: float) -> None:
        super().__init__(name)
        self.name = name
        self.record = record
        self.seconds = seconds
