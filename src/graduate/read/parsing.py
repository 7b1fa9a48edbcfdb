"""Python text as a tree, and what is wrong with text that has none."""

from __future__ import annotations

import ast
import re
import warnings

from graduate.errors import InvalidPythonError, Python2Error, ReadError
from graduate.read.newer_python import find_newer_python

_PYTHON_2_MESSAGES = re.compile(
    r"Missing parentheses in call to '(print|exec)'|multiple exception types must be parenthesized"
    r"|leading zeros in decimal integer|use an 0o prefix"
)
_PYTHON_2_LINES = re.compile(
    r"""^\s*print\s+(?:["'\w]|>>)     # print "x"; print >>f, x
    |^\s*exec\s+["'\w]               # exec "x"
    |^\s*except\s+[\w.()\s,]+,\s*\w+\s*:                     # except X, e:
    |^\s*raise\s+[\w.]+\s*,                                  # raise X, "message"
    |\w\s*<>\s*\w                                            # a <> b
    |`[^`'"]+`                                               # `x`
    |\b\d+[lL]\b                         # 10L
    |\bur["']                                                # ur"x"
    """,
    re.VERBOSE,
)


def parse_python(text: str) -> ast.Module:
    """The tree of Python text; raises SyntaxError when there is none, whatever the cause."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(f"Python cannot parse it: {error or type(error).__name__}") from error


def is_python(text: str) -> bool:
    try:
        parse_python(text)
    except SyntaxError:
        return False
    return True


def explain_syntax_error(
    shown: str, where: str, text: str, error: SyntaxError, *, is_python2: bool | None = None
) -> ReadError:
    """The error for a user: `where` is the place of the line at fault, `text` what did not parse.

    Whether it is Python 2 is told from the line where that is not known.
    """
    lines = text.split("\n")
    number = min(max(error.lineno or 1, 1), len(lines))
    line = lines[number - 1].strip()
    newer, syntax = find_newer_python(text)
    if newer:
        return ReadError(
            f"{shown} is written for Python {newer} or newer.",
            where=where,
            why=f"{line}  ({syntax})",
            fix=f"Install graduate with Python {newer} or newer: it reads what the Python that runs it can parse.",
        )
    if is_python2 is None:
        is_python2 = bool(
            _PYTHON_2_MESSAGES.search(error.msg or "") or _PYTHON_2_LINES.search(lines[number - 1])
        )
    if is_python2:
        return Python2Error(
            f"{shown} is Python 2 code.",
            where=where,
            why=f"{line}  ({error.msg})",
            fix="Say --modernize, or convert it to Python 3 first, for example with `2to3 -w`, and run it once.",
        )
    if isinstance(error, TabError):
        fix = "Indent the file with spaces only, or say --modernize if it is Python 2."
    else:
        fix = "Correct it so that Python runs the file, or leave the file out of the source folder."
    what = f"{shown} is not valid Python."
    return InvalidPythonError(what, where=where, why=f"{line}  ({error.msg})", fix=fix)
