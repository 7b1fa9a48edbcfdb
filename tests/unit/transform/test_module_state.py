"""Which places of the finished modules hold state."""

from __future__ import annotations

import pytest

from graduate.transform.find_module_state import find_module_state

CASES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a global that a function rebinds": (
        {"utils/a.py": "count = 0\nname = 'x'\ndef f():\n    global count\n    count += 1\n    return name"},
        ("utils.a:count",),
    ),
    "a container that a function changes": (
        {"utils/a.py": "seen = []\nfixed = [1]\ndef f(x):\n    seen.append(x)\n    return fixed[0]"},
        ("utils.a:seen",),
    ),
    "a local of the same name": (
        {
            "utils/a.py": "seen = []\ndef f(x):\n    seen = []\n    seen.append(x)\ndef g(seen):\n    seen.append(1)"
        },
        (),
    ),
    "an object whose methods are called, unless it cannot change": (
        {
            "utils/a.py": "import logging\nlog = logging.getLogger('a')\nrng = make()\ndef f():\n"
            "    log.info('x')\n    return rng.normal()"
        },
        ("utils.a:rng",),
    ),
    "what another module changes": (
        {
            "utils/a.py": "rate = 1\nseen = {}\nclass Box:\n    pass\ndef f():\n    pass",
            "training/b.py": "from ..utils import a\nfrom ..utils.a import Box, f, seen as known\ndef g():\n"
            "    a.rate = 2\n    known['x'] = 1\n    Box.size = 3\n    f.calls = 4",
        },
        ("utils.a:Box.size", "utils.a:f.calls", "utils.a:rate", "utils.a:seen"),
    ),
    "attributes of a class, also of those that inherit it": (
        {
            "models/a.py": "class Box:\n    made = 0\n    items = []\n    own = []\n    fixed = []\n"
            "    def __init__(self):\n"
            "        self.own = []\n        self.own.append(1)\n        self.items.append(1)\n"
            "        type(self).made += 1\n"
            "class Small(Box):\n    pass\n"
        },
        ("models.a:Box.items", "models.a:Box.made", "models.a:Small.made"),
    ),
    "defaults that a function changes": (
        {
            "utils/a.py": "def f(x, seen=[], sizes=[1, 2], *, cache={}):\n    seen.append(x)\n"
            "    cache[x] = len(sizes)\n"
            "class A:\n    def m(self, all=[]):\n        all += [1]\n"
        },
        ("utils.a:A.m(all)", "utils.a:f(cache)", "utils.a:f(seen)"),
    ),
    "what decorators keep": (
        {
            "utils/a.py": "def counted(f):\n    n, seen, fixed = 0, {}, []\n    def inner(x):\n        nonlocal n\n"
            "        n += 1\n        seen[x] = fixed\n        inner.last = own = {}\n        own[x] = 1\n"
            "        return f(x)\n    return inner\n"
            "class Slow:\n    def __init__(self, f):\n        self.f, self.n = f, 0\n"
            "    def __call__(self, x):\n        self.n += 1\n        return self.f(x)\n",
            "training/b.py": "from ..utils.a import Slow, counted\n@counted\ndef g(x):\n    return x\n"
            "@Slow\ndef h(x):\n    return x\n@staticmethod\ndef plain():\n    pass\n",
        },
        ("training.b:g.last", "training.b:g[n]", "training.b:g[seen]", "training.b:h.n"),
    ),
    "libraries are not the package's": (
        {
            "utils/a.py": "import random\nimport numpy as np\ndef f():\n    random.seed(1)\n    np.random.seed(2)"
        },
        (),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_places(name: str) -> None:
    texts, places = CASES[name]
    assert find_module_state(texts) == places
