"""A notebook cell as plain Python: IPython's own syntax is replaced, line by line.

IPython's token transformers find the magics (so that a `%` in a string or an expression is left
alone); what they become is decided by `line_magics` and `cell_magics`. Every line that stays keeps its place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from graduate.errors import ReadError
from graduate.read.awaiting import replace_awaits
from graduate.read.cell_magics import read_cell_magic, split_cell_magic
from graduate.read.line_magics import Python, read_getoutput, read_line_magic, read_system
from graduate.read.lines import Gathered, Line, join
from graduate.read.parsing import explain_syntax_error, is_python, parse_python
from graduate.syntax.nodes import list_nodes

_ROUNDS = 500
_AUTOMAGIC = re.compile(
    r"(cd|ls|ll|pwd|cat|cp|mv|rm|mkdir|rmdir|run|env|pip|conda|matplotlib|pylab|load_ext|autoreload|time|timeit"
    r"|who|whos|history|reset)(?=\s+[\w~./\"'$*-]|\s*;?\s*$)(?!\s+(?:in|is|if|and|or|not|for)\b)(?!\s*-\s)"
)


def to_python(lines: Sequence[Line], gathered: Gathered) -> list[Line]:
    """The lines of one cell as Python that parses. What has no counterpart goes to `gathered`.

    Raises ReadError, with the cell and line, for code that is not Python even then.
    """
    lines = _with_automagic(lines, gathered)
    magic = split_cell_magic(lines)
    if magic is not None:
        body = read_cell_magic(magic, gathered)
        return body.wrap(to_python(body.lines, gathered)) if body.is_code else list(body.lines)
    text = join(lines)
    try:
        tree = parse_python(text)
    except SyntaxError:
        text = find_ipython_syntax(text)
        if not is_python(text):
            joined = find_ipython_syntax(_join_brackets(join(lines)))
            text = joined if is_python(joined) else text
        try:
            tree = parse_python(text)
        except SyntaxError as error:
            raise _explain(lines, text, error, gathered) from error
    result = [line.with_text(new) for line, new in zip(lines, text.split("\n"), strict=True)]
    if "get_ipython()" in text:
        result = _replace_calls(lines, result, tree, gathered)
        text = join(result)
        try:
            tree = parse_python(text)
        except SyntaxError as error:
            raise _explain(result, text, error, gathered) from error
    result = _without_future_imports(result, tree, gathered)
    if "await " in text or "async " in text:
        result = replace_awaits(result, tree, gathered)
    used = {n.id for n in list_nodes(tree) if isinstance(n, ast.Name)} if "get_ipython" in text else ()
    if "get_ipython" in used and "get_ipython" not in gathered.names:
        gathered.helpers.add("get_ipython")
    gathered.remember_names(tree)
    return result


def _with_automagic(lines: Sequence[Line], gathered: Gathered) -> Sequence[Line]:
    """IPython takes a lone line `ls data` for `%ls data` unless `ls` is a name of the notebook."""
    content = [n for n, line in enumerate(lines) if line.text.strip() and not line.text.startswith("#")]
    if len(content) != 1:
        return lines
    match = _AUTOMAGIC.match(lines[content[0]].text)
    if match is None or match[1] in gathered.names:
        return lines
    new = list(lines)
    new[content[0]] = new[content[0]].with_text("%" + new[content[0]].text.rstrip("; "))
    return new


def _join_brackets(text: str) -> str:
    """The text with each magic that leaves a bracket open on one line, empty lines after it."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        if not re.match(r"\s*%\w", line):
            continue
        end = start
        while end + 1 < len(lines) and _open_brackets(lines[start]) > 0:
            end += 1
            lines[start] += " " + lines[end].strip()
            lines[end] = ""
    return "\n".join(lines)


def _open_brackets(line: str) -> int:
    code = re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", line)
    return sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")


def _explain(lines: Sequence[Line], text: str, error: SyntaxError, gathered: Gathered) -> ReadError:
    place = lines[min(max(error.lineno or 1, 1), len(lines)) - 1].place
    is_python2 = False if gathered.is_python2 else None
    return explain_syntax_error(place.path, str(place), text, error, is_python2=is_python2)


def find_ipython_syntax(text: str) -> str:
    """The text with its magics, shell lines and help requests as `get_ipython().…` calls.

    The number of lines stays: a command that goes on over several lines leaves empty ones behind.
    """
    from IPython.core import inputtransformer2 as ipython

    first = next((line for line in text.split("\n") if line.strip()), "")
    margin = first[: len(first) - len(first.lstrip())]
    lines = [line.removeprefix(margin) + "\n" for line in text.split("\n")]
    for clean in (ipython.classic_prompt, ipython.ipython_prompt):
        cleaned: list[str] = clean(lines)
        lines = cleaned if len(cleaned) == len(lines) else lines
    kinds = (ipython.MagicAssign, ipython.SystemAssign, ipython.EscapedCommand, ipython.HelpEnd)
    for _ in range(_ROUNDS):
        tokens = ipython.make_tokens_by_line(lines)
        found = [command for kind in kinds if (command := kind.find(tokens))]  # type: ignore[no-untyped-call]
        for command in sorted(found, key=lambda c: c.sortby()):
            try:
                changed = command.transform(lines)
            except SyntaxError:
                continue
            at = command.start_line + 1
            lines = [*changed[:at], *["\n"] * (len(lines) - len(changed)), *changed[at:]]
            break
        else:
            break
    return "".join(lines).removesuffix("\n")


def _replace_calls(
    lines: Sequence[Line], calls: Sequence[Line], tree: ast.Module, gathered: Gathered
) -> list[Line]:
    """The lines of `calls` with each `get_ipython().…` statement replaced; `lines` are the author's."""
    imported = set(gathered.imported)
    gathered.remember_names(tree)
    gathered.imported = imported  # until here: what is imported further down does not help a magic
    replaced: list[tuple[int, int, list[Line]]] = []
    for statement, alone in _statements(tree.body):
        if isinstance(statement, ast.Import) and statement in tree.body:
            gathered.imported.update(alias.name for alias in statement.names if alias.asname is None)
        target, call = _split_statement(statement)
        start, end = statement.lineno - 1, statement.end_lineno or statement.lineno
        prefix = calls[start].text[: statement.col_offset]
        replacement = None if call is None or prefix.strip() else _read_call(call, gathered.names)
        if replacement is not None:
            new = _place(replacement, target, lines[start:end], prefix, alone=alone, gathered=gathered)
            replaced.append((start, end, new))
    result = list(calls)
    for start, end, new in reversed(replaced):
        result[start:end] = new
    return result


def _statements(body: Sequence[ast.stmt], *, nested: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """All statements in order, each with whether its block needs it to stay a block."""
    for statement in body:
        yield statement, nested
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, field, None) or [], nested=True)
        for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            yield from _statements(part.body, nested=True)


def _split_statement(statement: ast.stmt) -> tuple[str, ast.Call | None]:
    """`x = get_ipython().f(…)` as its target text and the call; the call is None for other statements."""
    match statement:
        case ast.Expr(value=ast.Call() as call):
            target = ""
        case ast.Assign(targets=targets, value=ast.Call() as call):
            target = "".join(f"{ast.unparse(t)} = " for t in targets)
        case _:
            return "", None
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"))):
            return target, call
    return "", None


def _read_call(call: ast.Call, names: set[str]) -> Python | None:
    assert isinstance(call.func, ast.Attribute)
    arguments = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if len(arguments) != len(call.args) or not arguments:
        return None
    first, rest = arguments[0], " ".join(arguments[1:])
    match call.func.attr:
        case "system" | "system_raw":
            return read_system(first, names)
        case "getoutput":
            return read_getoutput(first, names)
        case "run_line_magic":
            return read_line_magic(first, rest, names)
        case "magic":
            name, _, argument = first.lstrip("%").partition(" ")
            return read_line_magic(name, argument, names)
    return None


def _place(
    python: Python,
    target: str,
    original: Sequence[Line],
    prefix: str,
    *,
    alone: bool,
    gathered: Gathered,
) -> list[Line]:
    """The lines that stand where `original` stood: the statements first, empty ones for the rest."""
    if python.reason or python.requirements:
        gathered.omit(original, join(original).strip(), python.reason)
    gathered.requirements.extend(python.requirements)
    if python.run:
        return _run(python.run, original, gathered)
    statements = list(python.statements)
    if target:
        if not python.value:
            raise ReadError(
                "The value of a magic is used that graduate does not know.",
                where=str(original[0].place),
                why=join(original).strip(),
                fix="Write this line in plain Python.",
            )
        statements = [target + python.value]
    elif not statements and alone:
        statements = ["pass"]
    gathered.helpers.update(python.helpers if statements else ())
    if statements and statements != ["pass"]:
        missing = [m for m in python.modules if m not in gathered.imported]
        statements = [*(f"import {m}" for m in missing), *statements]
        if not prefix:
            gathered.imported.update(missing)
    texts = [prefix + part for one in statements for part in one.split("\n")]
    last = len(original) - 1
    placed = [original[min(n, last)].with_text(one) for n, one in enumerate(texts)]
    return placed + [line.with_text("") for line in original[len(texts) :]]


def _run(words: Sequence[str], original: Sequence[Line], gathered: Gathered) -> list[Line]:
    """`%run file`: the lines of that file, as if they stood here; IPython shares its names with the notebook."""
    source = join(original).strip()
    flags = [word for word in words if word.startswith("-")]
    rest = list(words[next((n for n, word in enumerate(words) if not word.startswith("-")), len(words)) :])
    lines = gathered.run(rest[0], original[0].place) if rest and "-m" not in flags else None
    if lines is None:
        gathered.omit(original, source, "the file that it runs is not in the source folder")
        return [line.with_text("") for line in original]
    arguments = [original[0].with_text("import sys"), original[0].with_text(f"sys.argv = {rest!r}")]
    gathered.omit(original, source, f"the statements of {rest[0]} stand in its place")
    return [*(arguments if len(rest) > 1 else []), *lines]


def _without_future_imports(lines: list[Line], tree: ast.Module, gathered: Gathered) -> list[Line]:
    """`from __future__` may stand in any cell, but only at the top of a module."""
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            names = {alias.name for alias in statement.names}
            gathered.future_annotations |= "annotations" in names
            chosen = lines[statement.lineno - 1 : statement.end_lineno]
            reason = "stands at the top" if "annotations" in names else "is always so in Python 3"
            gathered.omit(chosen, join(chosen).strip(), reason)
            for number in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
                lines[number] = lines[number].with_text("")
    return lines
