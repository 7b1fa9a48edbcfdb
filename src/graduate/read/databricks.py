"""Databricks notebooks on another machine: their services, widgets and the Spark session.

Source: the documentation of Databricks, "Databricks Utilities (dbutils) reference" and "Databricks widgets".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from graduate.model.source import Omission, Place, SourceModule
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.text import Edit, SourceText

_DECLARES = frozenset(f"dbutils.widgets.{kind}" for kind in ("text", "dropdown", "combobox", "multiselect"))
_GETS = frozenset({"dbutils.widgets.get", "dbutils.widgets.getArgument", "getArgument"})
_SERVICES = ("dbutils", "displayHTML")
_SPARK = ("from pyspark.sql import SparkSession", "spark = SparkSession.builder.getOrCreate()")
_REASON = (
    "Databricks' own: its files are in the folder dbfs, widgets and secrets are environment variables "
    "(utils/databricks.py)"
)


def without_databricks(module: SourceModule) -> SourceModule:
    """A notebook that does not need Databricks: `dbutils` and `displayHTML` are the project's, `spark` is made, widgets
    are environment variables with their defaults. The lines of the author stay where they are."""
    if not re.search(r"\b(dbutils|displayHTML|getArgument|spark)\b", module.text):
        return module
    source = SourceText(module.path, module.text)
    bound = _bound_names(source.tree)
    free = {n.id for n in list_nodes(source.tree) if isinstance(n, ast.Name)} - bound
    helpers = [name for name in _SERVICES if name in free]
    if not (free & {"spark", "sc", "getArgument"} or helpers):
        return module
    edits = list(_edits(source)) if "dbutils" not in bound else []
    head = [line for line in ("import os", "import sys") if any(_needs(edit, line) for edit in edits)]
    if free & {"spark", "sc"} and not _makes_spark(source):
        head += [*_SPARK, *(["sc = spark.sparkContext"] if "sc" in free else [])]
    text = source.edited(0, len(source.data), edits)
    omitted = [
        Omission(module.place(line), source.text.split("\n")[line - 1].strip(), _REASON)
        for line in sorted({source.line(edit.start) for edit in edits})
    ]
    changed = replace(
        module,
        text=text,
        helpers=tuple(sorted({*module.helpers, *(h for h in helpers if re.search(rf"\b{h}\b", text))})),
        omissions=(*module.omissions, *omitted),
    )
    used = [n.lineno for n in list_nodes(source.tree) if isinstance(n, ast.Name) and n.id in ("spark", "sc")]
    first = min([*used, *(source.line(edit.start) for edit in edits)], default=0)
    return _insert(head, _start(source.tree, first), changed)


def _bound_names(tree: ast.Module) -> set[str]:
    """The names that a module binds, anywhere but as parameters."""
    found = set()
    for node in list_nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
    return found


def _makes_spark(source: SourceText) -> bool:
    return "SparkSession" in source.text or "SparkContext" in source.text


def _needs(edit: Edit, line: str) -> bool:
    return f"{line.removeprefix('import ')}." in edit.text


def _edits(source: SourceText) -> Iterator[Edit]:
    hidden = {
        id(each)
        for node in list_nodes(source.tree)
        if isinstance(node, ast.JoinedStr)
        for each in list_nodes(node)
    }
    calls = [call for call in source.calls if id(call) not in hidden]
    defaults = _find_defaults(source.calls)
    last = source.tree.body[-1] if source.tree.body else None
    for call in calls:
        called = dotted(call.func)
        if called in _DECLARES and (default := _default(call)) is not None:
            name = _text_of(call, 0, "name")
            if name in defaults and defaults[name] is not None:
                yield Edit(source.start(default), source.end(default), _variable(name, defaults[name]))
        elif called in _GETS and (name := _text_of(call, 0, "name")) and defaults.get(name) is not None:
            yield _replaced(source, call, _variable(name, defaults[name]))
        elif called == "dbutils.secrets.get" and (key := _text_of(call, 1, "key")):
            yield _replaced(source, call, f'os.environ["{variable_name(key).upper()}"]')
        elif called == "dbutils.notebook.exit" and not call.keywords and len(call.args) == 1:
            is_last = isinstance(last, ast.Expr) and last.value is call
            start, end = ("", "") if is_last else ("sys.exit(", ")")
            name_end = source.end(call.func)
            yield Edit(source.start(call), name_end, f"{start}print")
            yield Edit(source.start(call.args[0]), source.start(call.args[0]), '"Notebook exited:", ')
            yield Edit(source.end(call), source.end(call), end)


def _replaced(source: SourceText, call: ast.Call, text: str) -> Edit:
    """Another expression in place of a call, on as many lines."""
    lines = (call.end_lineno or call.lineno) - call.lineno
    return Edit(source.start(call), source.end(call), "({}{})".format(text, "\n" * lines) if lines else text)


def variable_name(name: str) -> str:
    """The environment variable that stands for a widget or a secret."""
    return re.sub(r"\W", "_", name)


def _variable(name: str, default: str | None) -> str:
    return f'os.environ.get("{variable_name(name)}", {default!r})'


def _find_defaults(calls: Sequence[ast.Call]) -> dict[str, str | None]:
    """The defaults of widgets by name; None where there is more than one, or none that is plain text."""
    found: dict[str, str | None] = {}
    for call in calls:
        if dotted(call.func) not in _DECLARES or not (name := _text_of(call, 0, "name")):
            continue
        default = _default(call)
        value = str(default.value) if isinstance(default, ast.Constant) else None
        found[name] = value if found.get(name, value) == value else None
    return found


def _default(call: ast.Call) -> ast.expr | None:
    return _argument(call, 1, "defaultValue")


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if position < len(call.args):
        return call.args[position]
    return next((k.value for k in call.keywords if k.arg == name), None)


def _text_of(call: ast.Call, position: int, name: str) -> str:
    found = _argument(call, position, name)
    return found.value if isinstance(found, ast.Constant) and isinstance(found.value, str) else ""


def _start(tree: ast.Module, used: int) -> int:
    """How many lines are above what is added: imports of `*` do not bind `spark` anew that is used below them all."""
    tops = [s for s in tree.body if isinstance(s, ast.ImportFrom)]
    stars = [s for s in tops if s.names[0].name == "*" and (s.end_lineno or s.lineno) < used]
    above = [*stars, *(s for s in tops if s.module == "__future__")]
    return max((s.end_lineno or s.lineno for s in above), default=0)


def _insert(added: Sequence[str], count: int, module: SourceModule) -> SourceModule:
    """The module with lines added below the first `count`."""
    if not added:
        return module
    lines = module.text.split("\n")
    places = module.places or tuple(Place(module.path, n, n) for n in range(1, len(lines) + 1))
    at = places[min(count, len(places) - 1)]

    def moved(line: int) -> int:
        return line + len(added) * (line > count)

    cells = tuple(
        replace(c, first_line=moved(c.first_line), end_line=moved(c.end_line)) for c in module.cells
    )
    return replace(
        module,
        text="\n".join([*lines[:count], *added, *lines[count:]]),
        places=(*places[:count], *([at] * len(added)), *places[count:]),
        cells=cells,
    )
