"""Puts the pieces of all programs together as modules, with the imports that each module needs."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from graduate.syntax.imports import bindings
from graduate.syntax.program import BUILTINS
from graduate.syntax.scopes import resolve_names
from graduate.syntax.spine import SpineStatement
from graduate.syntax.text import SourceText, reindent
from graduate.transform.draft import ProgramDraft
from graduate.transform.local_modules import LocalModules, relative_module, rewrite_import
from graduate.transform.rewrite_imports import import_edits

PROJECT_NAMES = {
    "settings": "config/settings.py",
    "context": "utils/context.py",
    "Checkpoint": "utils/checkpoint.py",
    "LoopState": "utils/checkpoint.py",
    "parallel": "utils/parallel.py",
    "replayable": "utils/iterators.py",
    "resumable": "utils/fit.py",
    "source_path": "utils/paths.py",
    "no_file": "utils/paths.py",
    "with_settings": "utils/config_files.py",
    "names_with_values": "utils/names.py",
    "colab_service": "utils/colab.py",
    "dbutils": "utils/databricks.py",
    "display": "utils/notebook.py",
    "capture": "utils/notebook.py",
    "displayHTML": "utils/databricks.py",
    "show_error": "utils/notebook.py",
    "shell": "utils/notebook.py",
    "shell_lines": "utils/notebook.py",
    "shell_cell": "utils/notebook.py",
    "get_ipython": "utils/notebook.py",
    "show_figures": "utils/figures.py",
}


@dataclass(eq=False, slots=True)
class Piece:
    """A top-level function or class of a module. `rows` are (statement, first line in the text, lines)."""

    name: str
    text: str
    draft: ProgramDraft
    is_segment: bool = False
    rows: list[tuple[SpineStatement, int, int]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class ModuleDraft:
    """A module of the package: its pieces in order, and where their lines ended up."""

    home: str
    docstring: str
    pieces: list[Piece] = field(default_factory=list)
    text: str = ""
    lines: dict[int, int] = field(default_factory=dict)
    """id(piece) → the line of the module at which its text begins."""


def free_names(text: str) -> set[str]:
    """The global names that a piece of code reads and does not bind itself."""
    source = SourceText("", text)
    names = resolve_names(source)
    bound = names.module.bound
    return {o.name for o in names.occurrences if o.scope is names.module and o.use == "load"} - bound


def write_module(
    module: ModuleDraft,
    homes: Mapping[tuple[int, str], str],
    local: LocalModules,
    unresolved: Callable[[str, Piece], None],
) -> None:
    """Fill in the text of a module.

    `homes` maps (id of draft, definition) to the module that holds it; `unresolved` is told of
    names that nothing binds.
    """
    own = {p.name for p in module.pieces}
    lines: dict[str, None] = {}
    annotated = False
    for piece in module.pieces:
        annotated |= piece.is_segment
        for name in sorted(free_names(piece.text)):
            if name in own and name in piece.draft.syntax.definitions:
                continue
            for line in _imports_of(name, piece, module.home, homes, local, unresolved):
                lines[line] = None
    head = [f'"""{module.docstring}"""', ""]
    if any(_needs_future(p.draft) for p in module.pieces):
        head += ["from __future__ import annotations", ""]
    if annotated:
        lines["from typing import Any"] = None
    places = _places_of_imports(module, local)
    if places:
        simple = sorted((li for li in lines if "\n" not in li), key=lambda li: places.get(li, math.inf))
    else:
        simple = sorted_imports(li for li in lines if "\n" not in li)
    blocks = [li for li in lines if "\n" in li]
    if lines:
        head += [*_grouped(simple), *blocks, ""]
    parts = head
    text = "\n".join(parts)
    for piece in module.pieces:
        text = text.rstrip("\n") + "\n\n\n"
        module.lines[id(piece)] = text.count("\n") + 1
        text += piece.text.rstrip() + "\n"
    module.text = text if text.endswith("\n") else text + "\n"


def _places_of_imports(module: ModuleDraft, local: LocalModules) -> dict[str, int]:
    """Where import lines stood, for a module with an import of `*`: it may bind what others bind before or after it."""
    places: dict[str, int] = {}
    for draft in {id(p.draft): p.draft for p in module.pieces if p.draft.syntax.stars}.values():
        for number, statement in enumerate(draft.syntax.imports):
            for name in _bound(statement):
                for line in import_lines(statement, name, draft, module.home, local):
                    places.setdefault(line, number)
    return places


def _bound(statement: SpineStatement) -> list[str]:
    return [binding.name for binding in bindings(statement.node)]


def _star_lines(draft: ProgramDraft, home: str, local: LocalModules) -> list[str]:
    return [line for s in draft.syntax.stars for line in import_lines(s, "*", draft, home, local)]


def _needs_future(draft: ProgramDraft) -> bool:
    return any(
        isinstance(s.node, ast.ImportFrom) and s.node.module == "__future__" for s in draft.syntax.imports
    )


def _imports_of(
    name: str,
    piece: Piece,
    home: str,
    homes: Mapping[tuple[int, str], str],
    local: LocalModules,
    unresolved: Callable[[str, Piece], None],
) -> list[str]:
    draft = piece.draft
    there = homes.get((id(draft), name))
    if there is not None:
        return [f"from {relative_module(there, home)} import {name}"] if there != home else []
    if name in draft.syntax.import_names:
        lines = [
            line
            for s in draft.syntax.import_names[name]
            for line in import_lines(s, name, draft, home, local)
        ]
        return [*lines, *_star_lines(draft, home, local)]
    own = import_of_own(name, draft, home)
    if own:
        return [own]
    if draft.syntax.stars and name != "Any":
        return _star_lines(draft, home, local)
    if name in BUILTINS or name == "Any":
        return []
    unresolved(name, piece)
    return []


def import_of_own(name: str, draft: ProgramDraft, home: str) -> str:
    """The import of a name that the project brings into a program's code; "" when it is none."""
    for own, called in draft.own_names.items():
        if name == called:
            ending = "" if own == called else f" as {called}"
            return f"from {relative_module(PROJECT_NAMES[own], home)} import {own}{ending}"
    if name in PROJECT_NAMES and name not in BUILTINS and name not in draft.own_names:
        return f"from {relative_module(PROJECT_NAMES[name], home)} import {name}"
    return ""


def import_lines(
    statement: SpineStatement, name: str, draft: ProgramDraft, home: str, local: LocalModules
) -> list[str]:
    """The import of one name by a statement of the program, as written in the module `home`."""
    node = statement.node
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return [_compound(statement, draft, home, local)]
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return []
    wanted = [a for a in node.names if name == "*" or name in (a.asname, a.name, a.name.partition(".")[0])]
    wanted = [a for a in wanted if name == "*" or any(b.name == name for b in bindings(_single(node, a)))]
    lines = []
    for alias in wanted:
        single = _single(node, alias)
        rewritten = rewrite_import(single, local, draft.syntax.source.path, home)
        lines += rewritten if rewritten is not None else [ast.unparse(single)]
    return lines


def _single(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.Import | ast.ImportFrom:
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def _compound(statement: SpineStatement, draft: ProgramDraft, home: str, local: LocalModules) -> str:
    source = draft.syntax.source
    start, end = source.start(statement.node), source.end(statement.node)
    own = source.indentation(start)
    text = source.edited(start, end, import_edits(source, start, end, local, home))
    return reindent(own + text, own, "")


def _import_order(line: str) -> tuple[int, str, str, str]:
    words = line.split()
    module = words[1]
    group = 1
    if module.startswith("."):
        group = 2
    elif module.partition(".")[0] in _stdlib():
        group = 0
    return group, "0" if words[0] == "import" else "1", module, line


def sorted_imports(lines: Iterable[str]) -> list[str]:
    """Import lines in the usual order, those from the same module as one line."""
    members: dict[str, set[str]] = {}
    rest = []
    for line in lines:
        words = line.split()
        if words[0] == "from" and " as " not in line and "#" not in line and words[3] != "*":
            members.setdefault(words[1], set()).update(
                n.strip() for n in line.partition(" import ")[2].split(",")
            )
        else:
            rest.append(line)
    joined = [_from_line(module, names) for module, names in members.items()]
    return sorted([*rest, *joined], key=_import_order)


def _from_line(module: str, names: set[str]) -> str:
    ordered = sorted(names, key=lambda n: (not n.isupper(), not n[:1].isupper(), n))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= 110:
        return line
    return f"from {module} import (\n" + "".join(f"    {n},\n" for n in ordered) + ")"


def _stdlib() -> frozenset[str]:
    import sys

    return frozenset(sys.stdlib_module_names)


def _grouped(lines: list[str]) -> list[str]:
    result: list[str] = []
    last = None
    for line in lines:
        group = _import_order(line)[0]
        if last is not None and group != last:
            result.append("")
        result.append(line)
        last = group
    return result
