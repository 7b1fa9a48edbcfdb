"""Constants that a program lets its command line change by `exec(open("configurator.py").read())`.

The text that is run so sees the program's names, and sets those that `--name=value` gives.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Sequence
from dataclasses import replace

from graduate.analyse.settings import PlaceOf, find_constants
from graduate.model.facts import Option
from graduate.model.source import SourceModule, Sources
from graduate.syntax.nodes import dotted, list_nodes


def find_exec_options(
    sources: Sources, module: SourceModule, statements: Sequence[ast.stmt], place: PlaceOf
) -> tuple[Option, ...]:
    """The constants before such a statement of a program, as the flags that they have there."""
    texts = {each.path: each.text for each in sources.modules}
    for number, statement in enumerate(statements):
        for file in {
            posixpath.join(posixpath.dirname(module.path), _executed(statement)),
            _executed(statement),
        }:
            text = texts.get(posixpath.normpath(file), "")
            if "sys.argv" in text and "globals()" in text:
                constants = find_constants(statements[:number], module.text, rebound=frozenset(), place=place)
                last = {each.name: each for each in constants}
                return tuple(
                    replace(each, kind="argument", flags=(f"--{each.name}",)) for each in last.values()
                )
    return ()


def _executed(statement: ast.stmt) -> str:
    """The file whose text a statement runs, "" for other statements."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return ""
    if dotted(statement.value.func) != "exec":
        return ""
    for node in list_nodes(*statement.value.args):
        if isinstance(node, ast.Call) and dotted(node.func) in ("open", "Path", "pathlib.Path") and node.args:
            name = node.args[0]
            return str(name.value) if isinstance(name, ast.Constant) else ""
    return ""
