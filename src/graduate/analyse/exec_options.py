"""Constants that a program lets its command line change by `exec(open("configurator.py").read())`.

The text that is run so sees the program's names, and sets those that `--name=value` gives.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable
from dataclasses import replace

from graduate.model.facts import Option
from graduate.model.source import Sources
from graduate.syntax.nodes import dotted, list_nodes


def find_exec_options(
    sources: Sources, path: str, statements: Iterable[ast.stmt], constants: Iterable[Option]
) -> tuple[Option, ...]:
    """The constants before such a statement of the program `path`, as the flags that they have there."""
    texts = {module.path: module.text for module in sources.modules}
    for statement in statements:
        for place in {posixpath.join(posixpath.dirname(path), _executed(statement)), _executed(statement)}:
            text = texts.get(posixpath.normpath(place), "")
            if "sys.argv" in text and "globals()" in text:
                first = statement.lineno
                return tuple(
                    replace(each, kind="argument", flags=(f"--{each.name}",))
                    for each in constants
                    if each.place.line < first
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
