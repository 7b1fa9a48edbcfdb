"""What a turn of a loop does beside its body, counted: a turn may take less than 20 µs, so it may not do much."""

from __future__ import annotations

import json

import pytest

from runtime_project import make_project

PIPELINE = """
from .utils.checkpoint import Checkpoint, LoopState
from .utils.resume import Pipeline, Step


def give(count):
    yield from range(count)


def nested(checkpoint, count):
    for _ in checkpoint.loop(range(count)):
        for _ in checkpoint.loop(range(2)):
            pass


def generator(checkpoint, count):
    for _ in checkpoint.loop(give(count)):
        pass


def lines(checkpoint, count):
    with open("pkg/lines.txt", "w") as file:
        file.write("line\\n" * count)
    with open("pkg/lines.txt") as file:
        for _ in checkpoint.loop(file):
            pass


def repeated(checkpoint, count):
    i = 0
    while checkpoint.proceed(i < count):
        i += 1


def measure():
    import json
    import sys

    import numpy.random

    with Checkpoint("first", LoopState()) as checkpoint:
        nested(checkpoint, 2)
    events, asked, ask, found = [], [], numpy.random.get_state, {}
    sys.addaudithook(lambda event, arguments: events.append(event))

    class Asked:
        __self__ = ask.__self__

        def __call__(self, *given, **named):
            asked.append(1)
            return ask(*given, **named)

    numpy.random.get_state = Asked()
    for loop in (nested, generator, lines, repeated):
        with Checkpoint(loop.__name__, LoopState()) as checkpoint:
            loop(checkpoint, 10)
            before = len(events), len(asked)
            loop(checkpoint, 1000)
            found[loop.__name__] = [len(events) - before[0], len(asked) - before[1]]
    print(json.dumps(found))


PIPELINE = Pipeline(Step("train", measure, role="train", program="a"), package=__package__)
"""


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """For each loop of 1,000 turns: how often Python called the hooks, how often NumPy was asked for its state."""
    done = make_project(tmp_path_factory.mktemp("turns"), PIPELINE).run("train")
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("loop", ["nested", "generator", "lines", "repeated"])
def test_random_states_are_copied_not_asked_for(counted: dict[str, list[int]], loop: str) -> None:
    assert counted[loop][1] == 0


@pytest.mark.parametrize(("loop", "most"), [("generator", 50), ("lines", 50), ("repeated", 1_100)])
def test_a_turn_rarely_wakes_the_hook_that_watches_files(
    counted: dict[str, list[int]], loop: str, most: int
) -> None:
    assert counted[loop][0] <= most
