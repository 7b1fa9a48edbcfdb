"""Runs ruff over the rendered project, so that its `make lint` passes on the first day and says what is left.

Generated files are formatted. Moved code keeps its author's formatting: it is left out of the format check,
and the rules that it breaks are recorded by file.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruff import find_ruff_bin

from graduate.errors import ToolError


@dataclass(frozen=True, slots=True)
class Baseline:
    """What moved code leaves open: rule codes by file with their number, and files that ruff would format."""

    ignored: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()
    unformatted: tuple[str, ...] = ()

    @property
    def findings(self) -> int:
        return sum(count for _, codes in self.ignored for _, count in codes)


def format_generated(texts: Mapping[str, str], pyproject: str) -> dict[str, str]:
    """Files that templates made, without the imports that this project does not need, as ruff formats them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, {**texts, "pyproject.toml": pyproject})
        _ruff(folder, "check", "--fix", "--quiet", "--exit-zero", "--select=F401,I", *sorted(texts))
        _ruff(folder, "format", "--quiet", *sorted(texts))
        return {path: (folder / path).read_text(encoding="utf-8") for path in texts}


def record_baseline(texts: Mapping[str, str], moved: frozenset[str], pyproject: str) -> Baseline:
    """What the files named in `moved` leave open under the rules of `pyproject`.

    `texts` are all Python files of the project by path, since the order of imports depends on what is there.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, {**texts, "pyproject.toml": pyproject})
        report = json.loads(_ruff(folder, "check", "--output-format=json", "--exit-zero", *sorted(moved)))
        listing = _ruff(folder, "format", "--check", "--output-format=json", *sorted(moved))
        root = folder.resolve()
        counts: dict[str, Counter[str]] = {}
        for finding in report:
            path = Path(finding["filename"]).resolve().relative_to(root).as_posix()
            counts.setdefault(path, Counter())[finding["code"] or "E999"] += 1
        unformatted = {
            Path(each["filename"]).resolve().relative_to(root).as_posix() for each in json.loads(listing)
        }
    ignored = tuple((path, tuple(sorted(counts[path].items()))) for path in sorted(counts))
    return Baseline(ignored, tuple(sorted(unformatted)))


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _ruff(folder: Path, *arguments: str) -> str:
    """Run ruff in a folder; 1 is its exit code for findings."""
    try:
        command = [find_ruff_bin(), *arguments, "--no-cache"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ToolError(
            "ruff cannot be run.",
            why=str(error),
            fix="install graduate with its dependencies (pip install ruff)",
        ) from error
    if done.returncode not in (0, 1):
        raise ToolError("ruff failed on the generated project.", why=done.stderr.strip()[-500:])
    return done.stdout
