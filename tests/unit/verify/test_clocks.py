"""Which names come from a clock."""

from __future__ import annotations

import pytest

from graduate.verify.clocks import find_clock_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1\ny = x + 1\n", set()),
        ("import time\nstart = time.time()\nloss = 0.5\n", {"start"}),
        ("from time import perf_counter\nt = perf_counter()\nspent = perf_counter() - t\n", {"t", "spent"}),
        ("import time\nrows = []\nrows.append(time.time())\nn = 3\n", {"rows"}),
        ("import time\nh = {}\nh['t'] = time.time()\n", {"h"}),
        ("from datetime import datetime\nrun = f'run-{datetime.now():%H}'\n", {"run"}),
        ("import time\ndef f():\n    return time.time()\nx = f()\n", {"f", "x"}),
        ("import uuid\nname, n = str(uuid.uuid4()), 1\n", {"name", "n"}),
        ("def time_step(n):\n    return n\nx = time_step(3)\n", set()),
    ],
)
def test_names_that_depend_on_a_clock(text: str, names: set[str]) -> None:
    assert find_clock_names(text) == names
