"""Edits on spans, and the indentation of moved statements."""

from __future__ import annotations

import pytest

from graduate.syntax.text import Edit, SourceText, reindent, statement_span


def test_edits_apply_in_order_and_only_inside() -> None:
    source = SourceText("x", "a = b\nc = d\n")
    edits = [Edit(4, 5, "xx"), Edit(0, 1, "q"), Edit(6, 7, "zz")]
    assert source.edited(0, 6, edits) == "q = xx\n"


def test_overlapping_edits_are_an_error() -> None:
    with pytest.raises(ValueError, match="overlapping edits in x at line 1"):
        SourceText("x", "abcdef").edited(0, 6, [Edit(0, 3, ""), Edit(2, 4, "")])


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ("a\n  b", "", "    ", "    a\n      b"),
        ("    a\n        b", "    ", "", "a\n    b"),
        ("\tif x:\n\t\ty", "\t", "    ", "    if x:\n    \ty"),
        ('s = """a\n  b\n"""\nc', "", "    ", '    s = """a\n  b\n"""\n    c'),
        ("s = 'a\\\nb'\nc", "", "    ", "    s = 'a\\\nb'\n    c"),
        ("    f(\n  x)\n\n    y", "    ", "  ", "  f(\n  x)\n\n  y"),
    ],
)
def test_reindent(text: str, old: str, new: str, expected: str) -> None:
    assert reindent(text, old, new) == expected


def test_comments_belong_to_the_statement_below() -> None:
    source = SourceText("x", "a = 1  # one\n\n# about b\n# more\nb = 2  # two\n")
    first, second = source.tree.body
    assert source.slice(*statement_span(source, first, 0)) == "a = 1  # one"
    assert (
        source.slice(*statement_span(source, second, source.end(first))) == "# about b\n# more\nb = 2  # two"
    )
