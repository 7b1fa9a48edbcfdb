"""Code that is put into f-strings: no quote of theirs, and no backslash, which Python 3.11 does not take there."""

from __future__ import annotations

import pytest

from graduate.syntax.fstrings import requoted


@pytest.mark.parametrize(
    ("code", "quotes", "expected"),
    [
        ('f("a")', ["'"], 'f("a")'),
        ('f("a")', ['"'], "f('a')"),
        ("f('a', \"b\")", ['"'], "f('a', 'b')"),
        ('f("a")', ['"""'], 'f("a")'),
        ('"it\'s"', ["'''"], '"it\'s"'),
        ('"a"', ['"', "'"], "bytes([97]).decode()"),
        ('"it\'s"', ['"'], "bytes([105, 116, 39, 115]).decode()"),
        (r'"a\nb"', ["'"], "bytes([97, 10, 98]).decode()"),
        ("'é'", ["'", '"'], "bytes([195, 169]).decode()"),
    ],
)
def test_texts_are_written_in_quotes_that_the_string_does_not_have(
    code: str, quotes: list[str], expected: str
) -> None:
    assert requoted(code, quotes) == expected
    marks = {"f": lambda *given: given}
    assert eval(expected, dict(marks)) == eval(code, dict(marks))
