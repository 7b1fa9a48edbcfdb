"""Shell commands of notebooks as Python expressions, with the values that IPython would fill in."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection
from string import Formatter

# As IPython.utils.text.DollarFormatter: `$name` outside single quotes; `$$name` is the shell's `$name`.
_DOLLAR = re.compile(r"(.*?)\$(\$?[\w\.]+)(?=([^']*'[^']*')*[^']*$)", re.DOTALL)

Part = tuple[str, str | None]


def quote(text: str) -> str:
    """The text as a Python string literal, in double quotes where that reads no worse."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in text:
        return f'"{literal[1:-1]}"'
    return literal


def quote_lines(text: str) -> list[str]:
    """Text that ends in a newline as the lines of a triple-quoted literal: two more than the text has."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return ['"""\\', *text.split("\n")[:-1], '"""']


def expand(command: str, names: Collection[str]) -> str:
    """A Python expression for the command after IPython's `{expression}` and `$name` are filled in.

    Only expressions over `names` and builtins are filled in; like in IPython, one that cannot be
    evaluated leaves the whole command as it stands (`awk '{print $1}'`).
    """
    parts = _parse(command, names)
    if parts is None or all(field is None for _, field in parts):
        return quote(command if parts is None else "".join(text for text, _ in parts))
    fields = [field for _, field in parts if field is not None]
    if any(c in field for field in fields for c in "\\\n#{}"):
        return _concatenate(parts)
    single, double = (any(q in field for field in fields) for q in "'\"")
    if single and double:
        return _concatenate(parts)
    mark = "'" if double else '"'
    body = "".join(_escape(text, mark) + ("" if field is None else f"{{{field}}}") for text, field in parts)
    return f"f{mark}{body}{mark}"


def _escape(text: str, mark: str) -> str:
    text = repr(text)[1:-1].replace("\\'", "'").replace(mark, "\\" + mark)
    return text.replace("{", "{{").replace("}", "}}")


def _concatenate(parts: list[Part]) -> str:
    pieces = []
    for text, field in parts:
        if text:
            pieces.append(quote(text))
        if field is not None:
            pieces.append(f"str({field})")
    return " + ".join(pieces)


def _parse(command: str, names: Collection[str]) -> list[Part] | None:
    parts: list[Part] = []
    try:
        pieces = list(Formatter().parse(command))
    except ValueError:
        return None
    for literal, name, spec, conversion in pieces:
        at = 0
        for match in _DOLLAR.finditer(literal):
            before, variable = match.group(1, 2)
            if variable.startswith("$"):
                parts.append((before + variable, None))
            elif _is_known(variable, names):
                parts.append((before, variable))
            else:
                # IPython gives up on the whole command here, so that the shell sees its own variables.
                return None
            at = match.end()
        rest = literal[at:]
        if name is None:
            parts.append((rest, None))
            continue
        field = f"{name}:{spec}" if spec else name
        if not _is_known(field, names):
            return None
        parts.append((rest, field + (f"!{conversion}" if conversion else "")))
    return parts


def _is_known(expression: str, names: Collection[str]) -> bool:
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError:
        return False
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return all(n in names or n in own or hasattr(builtins, n) for n in read)
