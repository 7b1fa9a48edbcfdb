"""Where the spine of a program lies, and when main() is opened up."""

from __future__ import annotations

import ast

import pytest

from graduate.syntax.scopes import resolve_names
from graduate.syntax.spine import Spine, find_early_returns, find_spine
from graduate.syntax.text import SourceText

GUARD = "if __name__ == '__main__':\n    "


def spine_of(text: str) -> tuple[Spine, list[str]]:
    source = SourceText("x.py", text)
    spine = find_spine(source, resolve_names(source))
    return spine, [ast.unparse(s.node).split("\n")[0] for s in spine.statements]


def test_main_is_opened_up() -> None:
    spine, statements = spine_of(
        f"import os\ndef main(a, b=2):\n    '''Doc.'''\n    c = a + b\n    return c\n{GUARD}r = main(1)\n    print(r)"
    )
    assert statements == ["import os", "a = 1", "b = 2", "c = a + b", "r = c", "print(r)"]
    assert spine.main is not None


def test_an_early_return_that_ends_the_program_does_not_close_main() -> None:
    spine, _ = spine_of(
        "def main():\n    if x:\n        return\n    elif y:\n        return 0\n    print(1)\nmain()"
    )
    assert spine.main is not None
    assert sorted(each.lineno for each in find_early_returns(spine.main)) == [3, 5]


def test_a_local_variable_may_have_the_name_of_one_that_nothing_reads_any_more() -> None:
    spine, _ = spine_of("def main(c):\n    n, m = c\n    print(n)\nn, m = 1, 2\nc = (n, m)\nmain(c)")
    assert spine.why_closed == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("def main():\n    if x: return\n    print(1)\nmain()\nprint(2)", "main() returns in its middle"),
        ("def main():\n    if x: return 3\n    print(1)\nmain()", "main() returns in its middle"),
        (
            "def main():\n    for x in y:\n        return\n    print(1)\nmain()",
            "main() returns in its middle",
        ),
        ("def main():\n    yield 1\nmain()", "main() is a generator or coroutine"),
        ("@cli\ndef main():\n    print(1)\nmain()", "main() has a decorator"),
        ("def main(*a):\n    print(a)\nmain()", "main() takes *args or **kwargs"),
        (
            "n = 1\ndef f():\n    return n\ndef main():\n    n = 2\n    print(n + f())\nmain()",
            "main() has a local variable with the name of a global one (n)",
        ),
        ("def main(a):\n    print(a)\nmain(*x)", "main() is called with * or **"),
        ("import sys\ndef main():\n    return f()\nsys.exit(main())", "main() returns an exit status"),
        ("def main():\n    print(main)\nmain()", "main() is used in more than one place"),
    ],
)
def test_main_stays_closed(body: str, why: str) -> None:
    spine, _ = spine_of(body)
    assert spine.main is None
    assert spine.why_closed == why
