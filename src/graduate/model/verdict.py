"""What verification found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["same", "same within noise", "different", "not comparable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison: what was compared, the outcome, and the first difference or the reason."""

    kind: Literal["stdout", "file", "variable", "exit", "resume"]
    subject: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProgramVerdict:
    """The findings for one run (straight, or killed and resumed `kills` times)."""

    name: str
    run: Literal["straight", "resumed"]
    findings: tuple[Finding, ...]
    kills: int = 0
    seconds_original: float = 0.0
    seconds_converted: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a whole project: proved only when every finding is the same (or within noise)."""

    project: str
    programs: tuple[ProgramVerdict, ...]
    problem: str = ""

    @property
    def proved(self) -> bool:
        findings = [finding for program in self.programs for finding in program.findings]
        return not self.problem and bool(findings) and all(f.outcome != "different" for f in findings)
