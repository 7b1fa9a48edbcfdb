"""What a whole cell under `%%magic` is in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from graduate.read.lines import Gathered, Line, indent, join
from graduate.read.parsing import parse_python
from graduate.read.shell_text import expand, quote, quote_lines

_HEAD = re.compile(r"^%%(\S+)(?:[ \t]+(.*?))?\s*$", re.DOTALL)
_SHELLS = {"bash", "sh", "script", "system", "sx", "cmd", "ksh", "zsh", "!"}
_OTHER_LANGUAGES = {
    **dict.fromkeys(("javascript", "js", "html", "HTML", "svg", "SVG", "latex", "css"), "web content"),
    **dict.fromkeys(("markdown", "md"), "text for the reader"),
    **dict.fromkeys(
        ("R", "r", "scala", "julia", "perl", "ruby", "sql", "bigquery", "cython", "pypy", "python2"),
        "not Python",
    ),
}
_TIMING = {"timeit": "measures time only; what it runs is run for nothing but the measurement"}
_KEEPS_CODE = {"time", "prun", "memit", "lprun", "mprun", "snakeviz", "pyinstrument", "heat", "skip", "wandb"}


@dataclass(frozen=True, slots=True)
class CellMagic:
    """The name and argument of `%%name argument`, its line, and the lines before and after it."""

    name: str
    argument: str
    before: tuple[Line, ...]
    head: Line
    body: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class CellBody:
    """What stays of the cell: finished lines, or (`is_code`) lines that may hold further magics."""

    lines: tuple[Line, ...]
    is_code: bool = False
    captured: str | None = None
    head: Line | None = None

    def wrap(self, lines: list[Line]) -> list[Line]:
        """The finished lines under `%%capture`, or as they are."""
        if self.captured is None or self.head is None:
            return lines
        return _capture(lines, self.head, self.captured)


def split_cell_magic(lines: Sequence[Line]) -> CellMagic | None:
    """The magic that the first line with content names, if it names one."""
    for number, line in enumerate(lines):
        if not line.text.strip():
            continue
        match = _HEAD.match(line.text)
        if match is None:
            return None
        before, body = tuple(lines[:number]), tuple(lines[number + 1 :])
        return CellMagic(match[1], match[2] or "", before, line, body)
    return None


def read_cell_magic(magic: CellMagic, gathered: Gathered) -> CellBody:
    """The cell without its magic. Cells that are not Python become calls, or go to the omissions."""
    head, name = magic.head, magic.name
    if name in _SHELLS:
        return _shell(magic, gathered)
    if name in {"writefile", "file"}:
        return _write_file(magic, gathered)
    if name in {"python", "python3", "pypy3"}:
        program = "python3"
        return _shell(magic, gathered, program)
    if name == "capture":
        gathered.omit(
            [head], head.text, "the output is caught as it was, without figures and displayed values"
        )
        lines = (*magic.before, head.with_text(""), *magic.body)
        names = [word for word in magic.argument.split() if not word.startswith("-")]
        gathered.helpers |= {"capture"} if names else set()
        return CellBody(lines, is_code=True, captured=names[0] if names else "", head=head)
    if name in _KEEPS_CODE:
        gathered.omit([head], head.text, f"%%{name} only measures or concerns the notebook editor")
        return CellBody((*magic.before, head.with_text(""), *magic.body), is_code=True)
    reason = _TIMING.get(name) or _OTHER_LANGUAGES.get(name)
    whole = [*magic.before, head, *magic.body]
    gathered.omit(whole, join(whole).strip(), reason or f"the magic %%{name} has no counterpart in Python")
    return CellBody(tuple(line.with_text("") for line in whole))


def _shell(magic: CellMagic, gathered: Gathered, program: str = "") -> CellBody:
    words, options = _split_options(magic.argument.split())
    if magic.name == "script" and words:
        program = words.pop(0)
    elif magic.name in {"sh", "ksh", "zsh"}:
        program = magic.name
    if "-s" in words:
        arguments = " ".join(words[words.index("-s") + 1 :])
        setting = f"{expand(f'set -- {arguments}', gathered.names)} + "
        setting = setting.replace('" + ', '\\n" + ')
    else:
        setting = ""
        program = " ".join([program or "bash", *words])
    last = f", {quote(program)}" if program and program != "bash" else ""
    last += ", check=False)" if "--no-raise-error" in options else ")"
    gathered.helpers.add("shell_cell")
    if "--out" not in options:
        return CellBody((*magic.before, *_literal(f"shell_cell({setting}", magic, last)))
    gathered.helpers.add("capture")
    name, call = options["--out"], _literal(f"    shell_cell({setting}", magic, last)
    catching = [magic.head.with_text(f"with capture() as {name}:"), *call]
    return CellBody((*magic.before, *catching, call[-1].with_text(f"{name} = {name}.stdout")))


def _split_options(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """What belongs to the command, and IPython's own options with their values."""
    command: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, is_given, value = word.partition("=")
        if name in {"--out", "--err", "--proc"}:
            options[name] = value if is_given else next(rest, "")
        elif name in {"--no-raise-error", "--bg"}:
            options[name] = ""
        else:
            command.append(word)
    return command, options


def _write_file(magic: CellMagic, gathered: Gathered) -> CellBody:
    words = magic.argument.split()
    append = "-a" in words or "--append" in words
    name = " ".join(word for word in words if not word.startswith("-")).strip("\"'")
    path = expand(name, gathered.names)
    at = [magic.head.with_text("from pathlib import Path")] if "Path" not in gathered.names else []
    if append:
        at.append(magic.head.with_text(f'with Path({path}).open("a", encoding="utf-8") as _file:'))
        lines = _literal("    _file.write(", magic, ")")
    else:
        lines = _literal(f"Path({path}).write_text(", magic, ', encoding="utf-8")')
    gathered.names.add("Path")
    return CellBody((*magic.before, *at, *lines))


def _literal(start: str, magic: CellMagic, end: str) -> list[Line]:
    """A call whose last literal is the body of the cell: its lines keep their places."""
    texts = quote_lines(join(magic.body) + "\n")
    places = [magic.head, *magic.body, magic.body[-1] if magic.body else magic.head]
    lines = [line.with_text(text) for line, text in zip(places, texts, strict=False)]
    lines[0] = lines[0].with_text(start + lines[0].text)
    lines[-1] = lines[-1].with_text(lines[-1].text + end)
    return lines


def _capture(lines: list[Line], head: Line, name: str) -> list[Line]:
    """Statements with their output caught; imports and definitions stay at the top level."""
    result = [] if name else [head.with_text("import contextlib"), head.with_text("import io")]
    opening = f"with capture() as {name}:" if name else "with contextlib.redirect_stdout(io.StringIO()):"
    start, was_caught = 0, False
    for first, end, is_caught in _group(parse_python(join(lines)).body):
        result += lines[start : first - 1]
        if is_caught and not was_caught:
            result.append(lines[first - 1].with_text(opening))
            opening = opening.replace("capture()", f"capture({name})")
        own = lines[first - 1 : end]
        result += indent(own, "    ") if is_caught else own
        start, was_caught = end, is_caught
    return result + lines[start:]


def _group(body: Sequence[ast.stmt]) -> list[tuple[int, int, bool]]:
    """First line, last line and whether output is caught, for statements that share no line."""
    groups: list[tuple[int, int, bool]] = []
    for statement in body:
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
        end = statement.end_lineno or statement.lineno
        caught = not isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))
        if groups and first <= groups[-1][1]:
            groups[-1] = (groups[-1][0], end, groups[-1][2] or caught)
        else:
            groups.append((first, end, caught))
    return groups
