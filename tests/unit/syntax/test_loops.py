"""What loops carry, and which cannot be continued."""

from __future__ import annotations

import ast

import pytest

from graduate.syntax.long_loops import call_depths, function_unit
from graduate.syntax.loops import LoopPlan, plan_loops
from graduate.syntax.scopes import resolve_names
from graduate.syntax.text import SourceText


def plan_of(body: str, arguments: str = "") -> LoopPlan:
    text = f"def f({arguments}):\n" + "\n".join("    " + line for line in body.split("\n"))
    source = SourceText("x.py", text)
    function = source.tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    (plan,) = plan_loops(function_unit(source, resolve_names(source), function), True, frozenset())
    return plan


def test_what_is_rebound_lives_on_the_state_and_what_is_mutated_is_held() -> None:
    plan = plan_of(
        "best = 0\nfor e in range(n):\n    loss = model(e)\n    log.append(loss)\n"
        "    best = max(best, loss)\nreturn best",
        "n, model, log",
    )
    assert plan.why_not == ""
    assert plan.state == ("best",)
    assert plan.initial == ("best",)
    assert plan.objects == ("log", "model")
    assert plan.after == ("best",)


def test_a_name_read_after_the_loop_is_carried_though_no_iteration_reads_it() -> None:
    plan = plan_of("for e in r:\n    loss = g(e)\nreturn loss, e", "r, g")
    assert plan.state == ("e", "loss")
    assert plan.initial == ()


def test_an_inner_training_loop_is_resumable_too() -> None:
    plan = plan_of(
        "for e in r:\n    total = 0\n    for x in loader:\n        loss = m(x)\n        loss.backward()\n"
        "        total += loss\n    print(total)",
        "r, loader, m",
    )
    assert [ast.unparse(i.iter) for i in plan.inner if isinstance(i, ast.For)] == ["loader"]
    assert plan.state == ("total",)


def test_names_that_may_have_a_value_before_are_carried_when_they_have() -> None:
    plan = plan_of(
        "if r:\n    b, c = 0, []\nfor e in r:\n    if e:\n        b = b + 1\n        c.append(e)", "r"
    )
    assert (plan.why_not, plan.initial, plan.perhaps, plan.objects) == ("", (), ("b", "c"), ("r",))


def test_no_inner_loop_behind_a_jump() -> None:
    plan = plan_of("for e in r:\n    if e: continue\n    for x in loader:\n        x.backward()", "r, loader")
    assert plan.inner == ()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("while nxt():\n    a = 1", "its condition calls nxt()"),
        ("while (c := f()):\n    a = c", "its condition assigns"),
        ("for e in r:\n    yield e\n    a = 1", "it stands in a generator or coroutine"),
        ("q = [1]\nfor e in q:\n    q = q + [e]", "it iterates over q, which it assigns"),
        ("b = 0\ng = lambda: b\nfor e in r:\n    b = b + g()", "b is also used by a nested function"),
        ("for e in r:\n    a = 1\n    print(locals())", "line 4 shows the names of the function (locals())"),
    ],
)
def test_why_not(body: str, why: str) -> None:
    assert plan_of(body, "r, f, nxt").why_not == why


def test_what_is_called_as_it_is_made_says_nothing_of_others() -> None:
    source = "def f():\n    return make(g)(1)\nfor e in r:\n    f()\nmain()"
    depths = call_depths(ast.parse(source))
    assert (depths["f"], depths["make"], depths["main"]) == (1, 1, 0)
