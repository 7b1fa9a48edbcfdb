"""Notebooks of Colab, Kaggle and Databricks on another machine: their services, and their folders."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator
from dataclasses import replace
from posixpath import dirname, join, relpath

from graduate.model.source import Omission, SourceModule
from graduate.read.databricks import without_databricks
from graduate.syntax.nodes import list_nodes
from graduate.syntax.text import Edit, SourceText

_KAGGLE = "/kaggle/input/"
_DATABRICKS = ("/dbfs/", "dbfs:/")
_FOLDERS = (
    *(f"/content/{drive}/{my}/" for drive in ("drive", "gdrive") for my in ("MyDrive", "My Drive")),
    "/kaggle/working/",
    _KAGGLE,
    *_DATABRICKS,
    "/content/",
)
_TEXT = re.compile(r"([rRbBfFuU]*)('''|\"\"\"|'|\")((?:/(?:content|kaggle|dbfs)\b|dbfs:/).*)\2\Z", re.DOTALL)
_SERVICE_REASON = (
    "Colab's own: files are those of the folder, secrets are in the environment (utils/colab.py)"
)


def at_home(module: SourceModule, files: Collection[str]) -> SourceModule:
    """A notebook that does not need Colab, Kaggle or Databricks: what it imports of `google.colab` is stood for by
    `colab_service`, but where the code tries whether it is there; names of their folders are those of `files`, of the
    folder that the notebook is in where nothing else is known. The lines stay where they are."""
    if module.kind == "script":
        return module
    module = without_databricks(module)
    if not re.search(r"google\.colab|/content\b|/kaggle\b|/dbfs\b|\bdbfs:/", module.text):
        return module
    source = SourceText(module.path, module.text)
    services = dict(_services(source))
    edits = [*services.values(), *_paths(source, dirname(module.path), files)]
    if not edits:
        return module
    omitted = [
        Omission(module.place(line), source.slice(edit.start, edit.end).split("\n")[0], _SERVICE_REASON)
        for line, edit in services.items()
    ]
    helpers = {*module.helpers, *(["colab_service"] if services else [])}
    text = source.edited(0, len(source.data), edits)
    return replace(module, text=text, helpers=tuple(sorted(helpers)), omissions=(*module.omissions, *omitted))


def _services(source: SourceText) -> Iterator[tuple[int, Edit]]:
    tried = {
        each
        for node in list_nodes(source.tree)
        if isinstance(node, ast.Try)
        for each in list_nodes(*node.body)
    }
    for node in source.imports:
        if isinstance(node, ast.ImportFrom) and node.module == "google.colab" and node not in tried:
            names = ", ".join(each.asname or each.name for each in node.names)
            values = ", ".join(f'colab_service("{each.name}")' for each in node.names)
            lines = "\n" * ((node.end_lineno or node.lineno) - node.lineno)
            yield node.lineno, Edit(source.start(node), source.end(node), f"{names} = {values}{lines}")


def _paths(source: SourceText, here: str, files: Collection[str]) -> Iterator[Edit]:
    known = {*files, *(parent for path in files for parent in _parents(path))}
    before: list[str] = ["", ""]
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.STRING and (found := _TEXT.match(token.string)):
            prefix, quote, value = found.groups()
            is_format = "f" in prefix.lower()
            moved = _moved(value, here, known, is_format, before == ["chdir", "("])
            line = source.text.split("\n")[token.start[0] - 1]
            start = source.offset(token.start[0], len(line[: token.start[1]].encode()))
            if moved != value:
                yield Edit(start, start + len(token.string.encode()), f"{prefix}{quote}{moved}{quote}")
        before = [before[1], token.string]


def _moved(value: str, here: str, known: Collection[str], is_format: bool, is_change: bool) -> str:
    """The name that a path of Colab or Kaggle has here."""
    folder = next((each for each in _FOLDERS if f"{value}/".startswith(each)), "")
    if not folder:
        return value
    rest = value.removeprefix(folder) if value.startswith(folder) else ""
    kept_in = "input" if folder == _KAGGLE else "dbfs" if folder in _DATABRICKS else ""
    usual = join(kept_in or ("" if rest else "."), rest) if value.endswith("/") or rest else kept_in or "."
    if is_format:
        return usual
    parts = rest.rstrip("/").split("/")
    tails = ["/".join(parts[at:]) for at in range(len(parts)) if parts[at]]
    found = (
        join(base, above, tail) for tail in tails for base in (here, "") for above in ("", "input", "data")
    )
    there = next((path for path in found if path in known), "")
    if there:
        return relpath(there, here or ".") + ("/" if value.endswith("/") else "")
    return "." if is_change else usual


def _parents(path: str) -> Iterator[str]:
    while path := dirname(path):
        yield path
