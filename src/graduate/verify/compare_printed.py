"""Compares what several programs printed, and says which of them the first difference belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from graduate.model.verdict import Finding
from graduate.verify.compare import Result, compare_lines
from graduate.verify.conversion_record import Conversion
from graduate.verify.observe import Observation, clean_text

_SUBJECT = "printed lines"


def compare_printed(
    programs: Sequence[str], originals: Sequence[Observation], converted: str, conversion: Conversion
) -> list[tuple[str, Finding]]:
    """A finding for each program, "" where the programs' parts cannot be told apart.

    Each program's part has as many lines as the original program printed; the last one has the rest.
    After a difference nothing is said about the programs that follow: their parts may be shifted.
    Python shows with a class where it is defined; that it has moved is no difference.
    """

    def compare(references: Sequence[str], text: str) -> Result:
        result = compare_lines(references, text)
        if result.outcome != "different":
            return result
        return compare_lines(references, conversion.with_former_names(text))

    outputs = [
        [clean_text(text, each.root, each.links).splitlines(keepends=True) for text in each.outputs]
        for each in originals
    ]
    counts = {tuple(len(part) for part in each) for each in outputs}
    if len(programs) == 1 or len(counts) > 1 or any(_is_cut(part) for each in outputs for part in each):
        result = compare([each.stdout for each in originals], converted)
        return [("", Finding("stdout", _SUBJECT, result.outcome, result.detail))]
    lines = converted.splitlines(keepends=True)
    findings: list[tuple[str, Finding]] = []
    start = 0
    for number, name in enumerate(programs[: len(outputs[0])]):
        parts = [each[number] for each in outputs]
        is_last = number == len(outputs[0]) - 1
        end = len(lines) if is_last else start + len(parts[0])
        result = compare(["".join(part) for part in parts], "".join(lines[start:end]))
        findings.append((name, Finding("stdout", _SUBJECT, result.outcome, result.detail)))
        if result.outcome == "different":
            break
        start = end
    return findings


def _is_cut(part: Sequence[str]) -> bool:
    """Whether the last line has no end, so that the next program's output goes on in it."""
    return bool(part) and not part[-1].endswith("\n")
