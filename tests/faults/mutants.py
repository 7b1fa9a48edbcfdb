"""Ways to take one safeguard out of the runtime, and what must notice."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """In `file`, `old` (there once) becomes `new`; then what `noticed_by` names must turn red.

    That is a sweep of the driver with its arguments, or one test of this folder.
    """

    name: str
    file: str
    noticed_by: str
    old: str
    new: str


def _read() -> tuple[Mutant, ...]:
    found = []
    for section in Path(__file__).with_suffix(".txt").read_text().split("=== ")[1:]:
        head, _, body = section.partition("\n")
        name, file, noticed_by = head.split(" | ")
        old, _, new = body.partition("--- becomes\n")
        found.append(Mutant(name, file, noticed_by, old.rstrip("\n"), new.rstrip("\n")))
    return tuple(found)


MUTANTS = _read()


def apply(mutant: Mutant, runtime: Path) -> None:
    """Change a copy of the runtime."""
    path = runtime / mutant.file
    text = path.read_text()
    assert text.count(mutant.old) == 1, (
        f"{mutant.name}: {mutant.file} holds it {text.count(mutant.old)} times"
    )
    path.write_text(text.replace(mutant.old, mutant.new))
    ast.parse(path.read_text())


def uncovered(runtime: Path) -> list[str]:
    """The calls that make something sure or give a name and that no mutant takes out."""
    found = []
    for path in sorted(runtime.glob("*.py")):
        text = path.read_text()
        spans = [_lines(text, each.old) for each in MUTANTS if each.file == path.name]
        for node in ast.walk(ast.parse(text)):
            name = (
                getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            )
            if name not in ("fsync", "fsync_folder", "seal", "rename"):
                continue
            if (
                not any(node.lineno in span for span in spans)
                and (path.name, ast.unparse(node)) not in NO_SAFEGUARDS
            ):
                found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    return found


def _lines(text: str, part: str) -> range:
    start = text[: text.index(part)].count("\n") + 1
    return range(start, start + part.count("\n") + 1)


NO_SAFEGUARDS = {
    ("sweep_trial.py", "store.rename(half, tree)"),  # a trial's folder that is not whole is made again
    ("journal.py", "store.rename(path, self.aside(relative))"),  # what the next attempt makes again
    ("loop_files.py", "store.rename(aside, target)"),
    ("store.py", "fsync(path)"),  # what fsync_folder is
    (
        "store.py",
        "disk.fsync(descriptor)",
    ),  # in fsync: its callers are the safeguards; elsewhere it has a mutant
    ("store.py", "rename(staged, path)"),  # publish: a copy that may be lost
    (
        "objects.py",
        "store.rename(path, self.quarantine / f'{number:04d}-{path.name}')",
    ),  # for a person to look at
}
