"""What statements surely assign, read first, and leave live."""

from __future__ import annotations

import pytest

from graduate.syntax.assignment import Uses
from graduate.syntax.flow import Flow
from graduate.syntax.scopes import resolve_names
from graduate.syntax.text import SourceText


def flow_of(text: str, *, loops_run: bool = False) -> tuple[Flow, SourceText]:
    source = SourceText("x.py", text)
    names = resolve_names(source)
    return Flow(source, names, [names.module], loops_run=loops_run), source


@pytest.mark.parametrize(
    ("text", "assigned", "exposed"),
    [
        ("a = b", "a", "b"),
        ("a = 1\nc = a", "a c", ""),
        ("if t:\n    a = 1\nelse:\n    a = 2", "a", "t"),
        ("if t:\n    a = 1", "", "t"),
        ("for i in r:\n    a = i", "", "r"),
        ("while True:\n    a = 1\n    if a: break", "a", ""),
        ("try:\n    a = f()\nexcept E:\n    a = 0", "a", "f E"),
        ("try:\n    a = f()\nexcept E:\n    pass", "", "f E"),
        ("with o() as h:\n    a = h", "a h", "o"),
        ("with suppress(E):\n    a = 1", "", "suppress E"),
        ("a += 1", "a", "a"),
        ("a = 1\ndel a", "", ""),
        ("f = lambda: z", "f", "z"),
        ("if t:\n    raise E\nelse:\n    a = 1", "a", "t E"),
        ("import sys\nif t:\n    sys.exit()\nelse:\n    a = 1", "a sys", "t"),
        ("x.y = v", "", "x v"),
        ("a[i] = v", "", "a i v"),
        ("print(n := 3, n)", "n", "print"),
    ],
)
def test_assigned(text: str, assigned: str, exposed: str) -> None:
    flow, source = flow_of(text)
    uses = Uses()
    after = flow.assigned(source.tree.body, frozenset(), uses)
    assert after == frozenset(assigned.split())
    assert uses.exposed == set(exposed.split())


def test_loops_can_be_taken_to_run() -> None:
    flow, source = flow_of("for i in r:\n    a = i\nelse:\n    b = 1", loops_run=True)
    assert flow.assigned(source.tree.body, frozenset(), Uses()) == {"i", "a", "b"}


@pytest.mark.parametrize(
    ("text", "after", "live"),
    [
        ("a = b", "a", "b"),
        ("a = b", "a c", "b c"),
        ("for i in r:\n    s = s + i", "s", "r s"),
        ("for i in r:\n    t = i\n    print(t)", "", "r print"),
        ("while c:\n    c = n\n    n = 1", "", "c n"),
        ("if t:\n    a = 1", "a", "t a"),
        ("for i in r:\n    if i: break\n    a = 1", "a", "r a"),
        ("a += 1", "a", "a"),
        ("del a", "", "a"),
    ],
)
def test_live(text: str, after: str, live: str) -> None:
    flow, source = flow_of(text)
    assert flow.live(source.tree.body, frozenset(after.split())) == frozenset(live.split())
