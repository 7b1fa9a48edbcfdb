"""Every name is found, at its offset, with the scope that Python gives it."""

from __future__ import annotations

import pytest

from graduate.syntax.scopes import resolve_names
from graduate.syntax.text import SourceText


def scopes_of(text: str) -> list[tuple[str, str, str]]:
    """(name, use, kind of the scope that it is bound in), in the order of the text."""
    source = SourceText("x.py", text)
    found = resolve_names(source).occurrences
    for o in found:
        if o.form not in ("except", "match"):
            assert source.slice(o.start, o.end) == o.name
    return [(o.name, o.use, o.scope.kind) for o in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = b", [("a", "store", "module"), ("b", "load", "module")]),
        (
            "def f(x=a): return x",
            [
                ("f", "store", "module"),
                ("x", "store", "function"),
                ("a", "load", "module"),
                ("x", "load", "function"),
            ],
        ),
        (
            "def f():\n    global g\n    g = 1",
            [("f", "store", "module"), ("g", "store", "module"), ("g", "store", "module")],
        ),
        (
            "class C:\n    v = 1\n    def m(self): return v",
            [
                ("C", "store", "module"),
                ("v", "store", "class"),
                ("m", "store", "class"),
                ("self", "store", "function"),
                ("v", "load", "module"),
            ],
        ),
        (
            "[x for x in xs if y]",
            [
                ("x", "load", "comprehension"),
                ("x", "store", "comprehension"),
                ("xs", "load", "module"),
                ("y", "load", "module"),
            ],
        ),
        (
            "print([(n := v) for v in q])",
            [
                ("print", "load", "module"),
                ("n", "store", "module"),
                ("v", "load", "comprehension"),
                ("v", "store", "comprehension"),
                ("q", "load", "module"),
            ],
        ),
        ("é = 1; f'é{é}'", [("é", "store", "module"), ("é", "load", "module")]),
        (
            "f'{a!r:>{w}} {{b}}' f'{c=}'",
            [("a", "load", "module"), ("w", "load", "module"), ("c", "load", "module")],
        ),
        (
            "f'''\n{a}\n  {b[\"k\"]:{c}}'''",
            [("a", "load", "module"), ("b", "load", "module"), ("c", "load", "module")],
        ),
        ("f'{f\"{a}\"}{x!=y}'", [("a", "load", "module"), ("x", "load", "module"), ("y", "load", "module")]),
        (
            "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1",
            [
                ("f", "store", "module"),
                ("n", "store", "function"),
                ("g", "store", "function"),
                ("n", "store", "function"),
                ("n", "store", "function"),
            ],
        ),
        ("del a", [("a", "del", "module")]),
        (
            "lambda q, *r: q + r + s",
            [
                ("q", "store", "function"),
                ("r", "store", "function"),
                ("q", "load", "function"),
                ("r", "load", "function"),
                ("s", "load", "module"),
            ],
        ),
    ],
)
def test_scopes(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert scopes_of(text) == expected
