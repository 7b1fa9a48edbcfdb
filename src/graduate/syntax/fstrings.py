"""The expressions inside f-strings, with their exact offsets.

Python 3.11 gives nodes inside f-strings positions that are off in triple-quoted and concatenated
strings, so the replacement fields are found in the text.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """A replacement field: character offsets of its expression in the text it was found in.

    `debug` is the text after the expression when the field is of the form `{x = }`, "" otherwise;
    `start` and `end` span the whole field, braces included; `quote` is what the string is written in.
    """

    start: int
    end: int
    expression_start: int
    expression_end: int
    debug: str
    tail: str
    quote: str


def find_fields(text: str) -> Iterator[Field]:
    """All replacement fields, nested ones included, of the (implicitly joined) f-strings in `text`."""
    for start, token in _strings(text):
        quote_at = min(i for i in (token.find("'"), token.find('"')) if i >= 0)
        prefix = token[:quote_at].lower()
        if "f" not in prefix:
            continue
        quotes = 3 if token[quote_at : quote_at + 3] in {"'''", '"""'} else 1
        begin, stop = quote_at + quotes, len(token) - quotes
        yield from _fields(token, begin, stop, start, token[quote_at:begin], "r" in prefix)


def _strings(text: str) -> Iterator[tuple[int, str]]:
    """The string literals of an expression's text as (offset, literal)."""
    wrapped = "(" + text + "\n)"
    starts = [0]
    for line in wrapped.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    depth: list[tuple[int, int]] = []
    for token in tokenize.generate_tokens(io.StringIO(wrapped).readline):
        at = starts[token.start[0] - 1] + token.start[1]
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            depth.append((at, 0))
        elif name == "FSTRING_END":
            begin, _ = depth.pop()
            if not depth:
                end = starts[token.end[0] - 1] + token.end[1]
                yield begin - 1, wrapped[begin:end]
        elif token.type == tokenize.STRING and not depth:
            yield at - 1, token.string


def _fields(text: str, begin: int, stop: int, base: int, quote: str, raw: bool) -> Iterator[Field]:
    at = begin
    while at < stop:
        character = text[at]
        if character == "\\" and not raw:
            if text.startswith("\\N{", at):
                at = text.index("}", at) + 1
            else:
                at += 2
            continue
        if character == "{":
            if text.startswith("{{", at):
                at += 2
                continue
            end, expression_end, debug, tail_start = _field_end(text, at, stop)
            tail = text[tail_start : end - 1]
            yield Field(base + at, base + end, base + at + 1, base + expression_end, debug, tail, quote)
            yield from _fields(text, tail_start, end - 1, base, quote, raw)
            at = end
            continue
        at += 1


def _field_end(text: str, at: int, stop: int) -> tuple[int, int, str, int]:
    """(end of field, end of expression, debug text, start of conversion or format)."""
    position, depth, quote = at + 1, 0, ""
    expression_end, debug = -1, ""
    while position < stop:
        character = text[position]
        if quote:
            if text.startswith(quote, position):
                position += len(quote)
                quote = ""
                continue
            position += 2 if character == "\\" else 1
            continue
        if character in "'\"":
            quote = (
                text[position : position + 3]
                if text[position : position + 3] in {"'''", '"""'}
                else character
            )
            position += len(quote)
            continue
        if character in "([{":
            depth += 1
        elif character in ")]" or (character == "}" and depth):
            depth -= 1
        elif depth == 0:
            if character == "}":
                break
            if character == ":" or (character == "!" and text[position + 1] != "="):
                break
            if character == "=" and text[position + 1] != "=" and text[position - 1] not in "=!<>":
                rest = text[position + 1 : stop].lstrip()
                if rest[:1] in {"}", "!", ":"}:
                    expression_end = position
                    after = position + 1
                    while text[after] in " \t":
                        after += 1
                    debug = text[position:after]
                    position = after
                    break
        position += 1
    if expression_end < 0:
        expression_end = position
    tail_start = position
    depth = 0
    while position < stop:
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            if depth == 0:
                return position + 1, expression_end, debug, tail_start
            depth -= 1
        position += 1
    raise ValueError("unterminated replacement field")


def parse_field(expression: str) -> ast.expr:
    """The tree of a field's expression; its columns are shifted by the one bracket put before it."""
    return ast.parse("(" + expression + "\n)", mode="eval").body


_LITERAL = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)


def requoted(code: str, quotes: Collection[str]) -> str:
    """Code for a field of f-strings that are written in `quotes`, with its own texts in others.

    Before Python 3.12 such code holds neither the quotes around it nor a backslash.
    """
    return _LITERAL.sub(lambda found: _literal(found[0], quotes), code)


def _literal(text: str, quotes: Collection[str]) -> str:
    value = ast.literal_eval(text)
    for quote in ('"', "'"):
        written = f"{quote}{value}{quote}"
        if quote not in value and value.isprintable() and not any(c in written for c in ("\\", *quotes)):
            return written
    return f"bytes({list(value.encode())}).decode()"  # the only way to write it that needs no quotes
