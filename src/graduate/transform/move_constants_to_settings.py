"""Passes: constants of the spine, defaults of configuration classes, values of configuration files and environment
variables are read from the settings, under their names.

A constant is assigned once, so every use of it, in functions too, can read the setting instead.
"""

from __future__ import annotations

import ast
import re

from graduate.syntax.config_classes import find_config_fields
from graduate.syntax.config_loads import find_config_loads, may_load
from graduate.syntax.environment import find_environment_reads
from graduate.syntax.imports import qualified_names
from graduate.syntax.nodes import list_nodes
from graduate.syntax.text import Edit, SourceText
from graduate.transform.draft import ProgramDraft


def move_constants_to_settings(draft: ProgramDraft) -> None:
    """Fill `draft.settings`; the assignments are left out."""
    constants = {o.name for o in draft.facts.options if o.kind == "constant"}
    chosen = constants & set(draft.plan.settings)
    for statement in draft.syntax.statements:
        node = statement.node
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(target, ast.Name):
            continue
        if target.id in chosen:
            name = draft.fields[target.id]
            draft.settings[target.id] = f"{draft.own_names['settings']}.{name}"
            draft.left_out[id(statement)] = f"config.settings:Settings.{name}"


def move_class_fields_to_settings(draft: ProgramDraft) -> None:
    """The default of a field of a configuration class or object is the setting; all else stays as it is."""
    source = draft.syntax.source
    definitions = [definition.node for definition in draft.syntax.definitions.values()]
    for field in find_config_fields([*definitions, *(s.node for s in draft.syntax.statements)]):
        if field.name in draft.plan.settings and field.name in draft.fields:
            setting = f"{draft.own_names['settings']}.{draft.fields[field.name]}"
            draft.edits.append(Edit(source.start(field.default), source.end(field.default), setting))


def read_constants_from_settings(draft: ProgramDraft) -> None:
    """The constants of a local module, whose names others import: they stay, and their values are the settings."""
    source = draft.syntax.source
    # What is made of a variable of the environment often has its name, and is no constant.
    variables = {option.keys[0] for option in draft.options if option.kind == "environment"}
    for node in source.tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(target, ast.Name):
            continue
        if target.id in draft.plan.settings and target.id not in variables and node.value is not None:
            setting = f"{draft.own_names['settings']}.{draft.fields[target.id]}"
            draft.edits.append(Edit(source.start(node.value), source.end(node.value), setting))


def read_variables_from_settings(draft: ProgramDraft) -> None:
    """`os.environ.get("DATA", "data")` becomes `settings.DATA`, which the variable sets as it did."""
    wanted = {option.keys[0] for option in draft.options if option.kind == "environment"}
    if not wanted:
        return
    source = draft.syntax.source
    nodes = list_nodes(source.tree)
    for read in find_environment_reads(nodes, qualified_names(nodes[:1])):
        if read.name in wanted and read.name in draft.plan.settings and read.name in draft.fields:
            setting = f"{draft.own_names['settings']}.{draft.fields[read.name]}"
            draft.edits.append(Edit(source.start(read.call), source.end(read.call), setting))


def load_files_with_settings(draft: ProgramDraft) -> None:
    """`yaml.safe_load(f)` becomes `with_settings(yaml.safe_load, f)` where the file has values that are settings."""
    files = {option.place.path for option in draft.options if option.kind == "file"}
    if not files:
        return
    source = draft.syntax.source
    nodes = list_nodes(source.tree)
    for load in find_config_loads(nodes, qualified_names(nodes[:1])):
        if any(may_load(load, file) for file in files):
            start, opening = source.start(load.call), source.end(load.call.func)
            first = source.start(load.call.args[0])
            draft.edits.append(Edit(start, start, f"{draft.own_names['with_settings']}("))
            # What stands between the bracket and the argument stays: it may be a comment.
            bracket = opening + source.data[opening:first].index(b"(")
            draft.edits.append(Edit(opening, bracket + 1, ", "))


def _removed(source: SourceText, start: int, end: int) -> Edit:
    """A statement is taken out: with its lines, or with the semicolon that parts it from the next one."""
    semicolon = re.match(rb"[ \t]*;[ \t]*", source.data[end:])
    if semicolon is not None:
        return Edit(start, end + semicolon.end(), "")
    if source.starts_line(start):
        return Edit(source.line_start(source.line(start)), source.line_start(source.line(end) + 1), "")
    return Edit(start, end, "pass")


def replace_argument_parser(draft: ProgramDraft) -> None:
    """The parser's options are settings; where it parsed, `settings.namespace` gives the same namespace."""
    parser = draft.facts.parser
    if parser is None or parser.why_not:
        return
    source = draft.syntax.source
    names = []
    for option in parser.options:
        name = draft.fields[option.name]
        names.append(f'"{name}"' if name == option.name else f'{option.name}="{name}"')
    names.sort(key=lambda n: "=" in n)
    line, column, end_line, end_column = parser.parse_span
    call = f"{draft.own_names['settings']}.namespace({', '.join(names)})"
    draft.edits.append(Edit(source.offset(line, column), source.offset(end_line, end_column), call))
    for first, first_column, last, last_column in parser.parser_statements:
        if parser.function:
            draft.edits.append(
                _removed(source, source.offset(first, first_column), source.offset(last, last_column))
            )
            continue
        for statement in draft.syntax.statements:
            at = statement.node.lineno, statement.node.col_offset
            if at == (first, first_column) and id(statement) not in draft.left_out:
                draft.left_out[id(statement)] = "config.settings:Settings"
