"""What a run did, as values: output, exit, files, figures, and the final values of variables."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graduate.verify.observer.trees import Tree


@dataclass(frozen=True, slots=True)
class Observation:
    """One run of the original or of the project.

    `outputs` are the standard outputs, per program for the original, one for the project. `variables` and
    `settings` are per program. `files` maps the path that the research code uses to the file, None: deleted.
    `owners` says which program of the original was the last to write a file or show a figure.
    """

    root: Path
    code: int
    outputs: tuple[str, ...]
    stderr: str
    seconds: float
    variables: dict[str, dict[str, Tree]] = field(default_factory=dict)
    settings: dict[str, dict[str, Tree]] = field(default_factory=dict)
    files: dict[str, Path | None] = field(default_factory=dict)
    figures: tuple[Path, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    @property
    def stdout(self) -> str:
        """All that was printed, scratch paths taken out."""
        return clean_text("".join(self.outputs), self.root, self.links)


def clean_text(text: str, root: Path, links: Mapping[str, str]) -> str:
    """Text with the scratch folder's path replaced, and links followed back to their names."""
    for path in sorted({str(root), os.path.realpath(root)}, key=len, reverse=True):
        text = text.replace(path, "<root>")
    for link, target in sorted(links.items(), key=lambda item: -len(item[1])):
        text = text.replace(f"<root>/{target}", f"<root>/{link}".rstrip("/"))
    return text


def clean_tree(tree: Tree, links: Mapping[str, str]) -> Tree:
    """A tree whose paths go by the names of links."""
    if not links:
        return tree
    replaced: dict[str, Any] = dict(tree)
    if tree["kind"] == "scalar" and "<root>" in tree["value"]:
        replaced["value"] = clean_text(tree["value"], Path("<root>"), links)
    elif tree["kind"] == "items":
        replaced["items"] = [[label, clean_tree(child, links)] for label, child in tree["items"]]
    return replaced


def read_records(folder: Path, key: str = "variables") -> dict[str, dict[str, Tree]]:
    """The variables that the processes of a run wrote down, per program; later ones win."""
    found: dict[str, dict[str, Tree]] = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
        names = found.setdefault(record["program"], {})
        for name in record.get("gone", ()):
            names.pop(name, None)
        names.update(record.get(key, {}))
    return found


def last_error(stderr: str) -> str:
    """The exception that a program ended with: the last line of a traceback."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith((" ", "[", "{"))]
    named = [line for line in lines if _is_exception(line)]
    return (named or lines or [""])[-1]


def _is_exception(line: str) -> bool:
    name = line.partition(":")[0].rpartition(".")[2]
    return name.isidentifier() and name.endswith(
        ("Error", "Exception", "Interrupt", "Exit", "Warning", "Iteration")
    )


def last_lines(text: str, count: int = 6) -> str:
    return "\n".join(text.rstrip().splitlines()[-count:])


def in_step_order(figures: Sequence[Path], steps: Sequence[str]) -> tuple[Path, ...]:
    """Figures of the project (`<step>-01.png`) in the order in which the research code showed them."""
    places = {step: index for index, step in enumerate(steps)}

    def key(path: Path) -> tuple[int, str]:
        step, _, number = path.stem.rpartition("-")
        return places.get(step, len(places)), number.zfill(8)

    return tuple(sorted(figures, key=key))
