"""Names that are looked up by text are spelt out where nothing else is dynamic."""

from __future__ import annotations

import re

import pytest

from graduate.model.source import Program, SourceModule, Sources
from graduate.syntax.looked_up_names import spell_out_lookups

HEAD = "import math\n\n\ndef fit(x):\n    return x\n\n\ndef fast_fit():\n    pass\n\n\nn = 1\n"


def spelt(code: str) -> str:
    module = SourceModule("main.py", "script", HEAD + code)
    sources = Sources("x", "/nowhere", (module,), (Program("main", "main.py"),))
    return spell_out_lookups(sources).modules[0].text.removeprefix(HEAD)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("eval(t)\n", 'eval(t, {"fast_fit": fast_fit, "fit": fit, "math": math, "n": n})\n'),
        (
            "globals()['fast_' + n](1)\n",
            '{"fast_fit": fast_fit}["fast_" + n](1)\n'.replace('"fast_" +', "'fast_' +"),
        ),
        ("print(n in globals())\n", 'print(n in {"fast_fit": fast_fit, "fit": fit, "math": math, "n": n})\n'),
        ("vars()[f'fi{n}']\n", "{\"fit\": fit}[f'fi{n}']\n"),
        (
            "eval(eval(t))\n",
            "eval(eval(t, {0}), {0})\n".format('{"fast_fit": fast_fit, "fit": fit, "math": math, "n": n}'),
        ),
        ("f = lambda s: eval(s + 'x')\n", None),
        ("def g(s):\n    return [eval(s) for q in s]\n", None),
        ("z = 1 if n else eval('f' + 'it')\n", None),
        ("if n:\n    y = 1\nlocals()['y' * 1]\n", None),
    ],
)
def test_spelt_out(code: str, expected: str | None) -> None:
    found = spelt(code)
    assert found != code
    if expected is not None:
        assert found == expected


def test_what_may_have_no_value_is_asked_for_late() -> None:
    assert spelt("if n > 1:\n    maybe = 1\nglobals()['may' + t]\nmay_be = 1\n").split("\n")[2] == (
        "names_with_values({\"maybe\": lambda: maybe})['may' + t]"
    )


@pytest.mark.parametrize(
    "code",
    [
        "globals()[t] = 1\n",
        "exec(t)\n",
        "eval(t)\nexec(t)\n",
        "for name in globals():\n    print(name)\n",
        "table = globals()\n",
        "eval(*t)\n",
        "print(n)\n",
        "eval(t, {})\n",
        "vars(math)[t]\n",
    ],
)
def test_left_as_it_stands(code: str) -> None:
    assert spelt(code) == code


FIXED = ("fast_fit", "fit", "g", "math")


@pytest.mark.parametrize(
    ("function", "own", "late"),
    [
        ("def g(a, *b):\n    c = 1\n    return eval(a)\n", ["a", "b", "c"], ["n"]),
        ("def g(a):\n    if a:\n        c = 1\n    return eval(a)\n    d = 1\n", ["a"], ["c", "n"]),
        ("g = lambda a: eval(a)\n", ["a"], ["n"]),
        ("def g(a, k):\n    return map(lambda b: eval(b) + k, a)\n", ["b"], ["k", "n"]),
        ("def g(a):\n    return [eval(a) for b in a]\n", ["b"], ["a", "n"]),
        ("def g(a):\n    for b in a:\n        eval(b)\n        c = 1\n", ["a", "b"], ["c", "n"]),
        ("def g(n):\n    return eval('n')\n", ["n"], []),
    ],
)
def test_of_functions(function: str, own: list[str], late: list[str]) -> None:
    """Names that have a value in any case are given as they are, others when they are asked for."""
    found = re.findall(r'"(\w+)": (lambda)?', spelt(function))
    assert [name for name, is_late in found if not is_late and name not in FIXED] == own
    assert [name for name, is_late in found if is_late and name not in FIXED] == late
