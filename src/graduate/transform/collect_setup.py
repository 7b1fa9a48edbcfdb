"""Pass: statements that set process-wide state at the very start become `setup()`.

The leading ones, before anything with an effect, run in every process before the first step. Later ones
stay in their place; when their step is skipped they are repeated (`restore`), but for seeds: the random
state is stored with every step.
"""

from __future__ import annotations

import ast

from graduate.syntax.imports import qualify
from graduate.syntax.nodes import dotted
from graduate.syntax.process_state import edits_sys_path, holds_state, process_state, sets_library
from graduate.syntax.scopes import Occurrence
from graduate.syntax.spine import SpineStatement
from graduate.transform.draft import ProgramDraft

QUIET_CALLS = frozenset(
    {
        "torch.device",
        "torch.cuda.is_available",
        "torch.backends.mps.is_available",
        "os.path.join",
        "os.path.dirname",
        "os.path.basename",
        "os.path.splitext",
        "pathlib.Path",
        "len",
        "range",
    }
)


def collect_setup(draft: ProgramDraft) -> None:
    """Fill `draft.setup`, and note what is left out because the project takes care of it."""
    imports = draft.syntax.qualified
    leading = True
    for statement in draft.syntax.statements:
        if id(statement) in draft.left_out:
            continue
        node = statement.node
        kind = process_state(node, imports)
        if isinstance(node, ast.Global):
            draft.left_out[id(statement)] = "its names are handed on between the steps"
        elif edits_sys_path(node, imports):
            draft.left_out[id(statement)] = "modules are found by the package layout"
        elif kind == "backend":
            draft.left_out[id(statement)] = "figures are drawn by the project's own backend"
        elif kind and leading and not _variables(draft, statement):
            draft.setup.append(statement)
            draft.left_out[id(statement)] = "pipeline:setup"
        elif not _is_quiet(node, imports):
            leading = False


def collect_restores(draft: ProgramDraft) -> None:
    """Fill `restore` of the steps with the state that later steps need when they are skipped."""
    imports = draft.syntax.qualified
    importable = draft.syntax.definitions.keys() - draft.lifted.keys()

    def is_local(qualified: str) -> bool:
        return draft.local.find(qualified.partition(".")[0], draft.module.path) is not None

    for step in draft.steps[:-1]:
        for statement in (each for segment in step.segments for each in segment.statements):
            node = statement.node
            is_state = process_state(node, imports) == "state" or sets_library(node, imports, is_local)
            if is_state and not _variables(draft, statement) - importable:
                step.restore.append(statement)


def _variables(draft: ProgramDraft, statement: SpineStatement) -> set[str]:
    names = draft.syntax.names.within(statement.start, statement.end)
    return {
        o.name
        for o in names
        if draft.syntax.is_spine_scope(o.scope)
        and (o.name in draft.syntax.variables or o.name in draft.syntax.definitions or _is_unknown(draft, o))
        and o.name not in draft.settings
    }


def _is_unknown(draft: ProgramDraft, o: Occurrence) -> bool:
    """Whether a name comes from somewhere that cannot be told, and is not the library that is set."""
    used = draft.syntax.source.data[o.end : o.end + 1] == b"."
    return draft.syntax.is_from_star(o.name) and not used


def _is_quiet(node: ast.stmt, imports: dict[str, str]) -> bool:
    """Whether a statement can neither see process-wide state nor change it."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Pass):
        return True
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
        return False
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            if qualify(dotted(child.func), imports) not in QUIET_CALLS:
                return False
        elif isinstance(child, ast.Attribute) and holds_state(child, imports):
            return False
    return True
