"""The cells of Databricks notebooks, as Jupyter would have them.

A notebook of Databricks is stored as a Python file whose cells are split by comments; what is not plain Python is in
comments that start with `# MAGIC`. A magic has one `%`, also one that the whole cell is for. Source: the documentation
of Databricks, "Develop code in Databricks notebooks".
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from graduate.read.shell_text import quote, quote_lines

_HEAD = "# Databricks notebook source"
_MARK = re.compile(r"^# COMMAND -{4,}\s*$")
_MAGIC = re.compile(r"^# ?MAGIC ?")
_TITLE = re.compile(r"^# DBTITLE\b.*$")
_CELL_MAGIC = re.compile(r"%{1,2}(md-sandbox|md|sh|sql|fs|python|scala|r|run)\b[ \t]*(.*)$", re.IGNORECASE)
_ARGUMENT = re.compile(r"\s\$(\w+)\s*=\s*(\"[^\"]*\"|'[^']*'|\S+)")


def is_databricks(text: str) -> bool:
    return text.startswith(_HEAD)


def split_cells(text: str) -> Iterator[tuple[int, str, str]]:
    """The cells of a notebook that is stored as a Python file: the first line of each, its kind and its source."""
    lines = text.split("\n")
    marks = [0, *(n for n, line in enumerate(lines, 1) if _MARK.match(line)), len(lines) + 1]
    for mark, following in itertools.pairwise(marks):
        own = [
            "" if line.rstrip() == _HEAD or _TITLE.match(line) else line
            for line in lines[mark : following - 1]
        ]
        content = next((line for line in own if line.strip()), "")
        if _MAGIC.match(content):
            own = [_MAGIC.sub("", line) for line in own]
        yield mark + 1, *as_jupyter("code", "\n".join(own))


def as_jupyter(kind: str, source: str) -> tuple[str, str]:
    """Kind and source of a cell in which a magic for the whole cell has one `%`."""
    above, head, below = _split(source)
    found = _CELL_MAGIC.match(head.strip()) if kind == "code" else None
    if found is None:
        return kind, source
    name, argument = found[1].lower(), found[2].strip()
    match name:
        case "md" | "md-sandbox":
            return "markdown", f"{argument}\n{below}"
        case "python":
            return kind, f"{above}{argument}\n{below}"
        case "fs":
            return kind, above + _file_command(argument or below)
        case "sql":
            return kind, above + _query(f"{argument}\n{below}")
        case "run":
            return kind, above + _run(argument) + below
    return (
        kind,
        f"{above}%%{name} {argument}\n{below}" if not argument else f"{above}%%{name}\n{argument}\n{below}",
    )


def _split(source: str) -> tuple[str, str, str]:
    """The empty lines at the top, the first line with content, and what is below it."""
    lines = source.split("\n")
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    return "\n" * first, lines[first], "\n".join(lines[first + 1 :])


def _file_command(text: str) -> str:
    """`%fs ls /mnt` is `dbutils.fs.ls("/mnt")`."""
    name, *arguments = text.split() or ["ls"]
    return f"display(dbutils.fs.{name}({', '.join(quote(each) for each in arguments)}))"


def _query(text: str) -> str:
    """SQL as Databricks runs it: statement by statement; the last one's result is shown and kept as `_sqldf`."""
    parts = [part.strip() for part in re.split(r";[ \t]*(?=\n|$)", text) if part.strip()]
    calls = ["spark.sql({})".format("\n".join(quote_lines(part + "\n"))) for part in parts]
    if not calls:
        return ""
    return "\n".join([*calls[:-1], f"_sqldf = {calls[-1]}", "display(_sqldf)"])


def _run(argument: str) -> str:
    """`%run ./other $rate="0.1"` sets what a widget of the other notebook gives."""
    given = _ARGUMENT.findall(f" {argument}")
    lines = [f"os.environ[{quote(name)}] = {quote(value.strip(chr(34) + chr(39)))}" for name, value in given]
    path = re.split(r"\s\$\w+\s*=", argument, maxsplit=1)[0]
    return "".join(f"{line}\n" for line in ["import os", *lines] if given) + f"%run {path}\n"
