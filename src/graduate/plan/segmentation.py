"""The cheapest way to cut a sequence of statements into contiguous runs, each with one label.

A label is a step or a role. A run costs a little, more when it goes backwards in the order of the labels and
when many names cross into it; a statement pays back its evidence for the label of its run.
Time grows with statements × labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

FORBIDDEN = float("inf")


@dataclass(frozen=True, slots=True)
class Run:
    """Items `start`..`stop` (exclusive) with one label (its index)."""

    start: int
    stop: int
    label: int


def cut_sequence(
    gains: Sequence[Sequence[float]],
    cut_costs: Sequence[float],
    *,
    backwards_cost: float,
    may_repeat: Sequence[bool] | None = None,
) -> tuple[Run, ...]:
    """Cut the items into runs with the least total cost.

    `gains[i][k]` is what item i pays back under label k. `cut_costs[i]` is what a cut before item i costs
    (`FORBIDDEN`: never; index 0 is not used). Going from a label to an earlier one costs
    `backwards_cost` on top. Where `may_repeat[i]`, a cut before item i may also keep the label.
    The runs cover all items, in order. Of equal answers the one with the later cut wins.
    """
    if not gains:
        return ()
    labels = range(len(gains[0]))
    best = [-gain for gain in gains[0]]
    # came[i][k]: the label of item i - 1 when item i starts a new run with label k, else -1.
    stay = [-1] * len(best)
    came: list[list[int]] = [stay]
    for i in range(1, len(gains)):
        cost = cut_costs[i]
        row = stay
        # A cut that costs more than the labels differ by never pays.
        if cost < 0 or cost <= max(best) - min(best):
            best, row = _step(best, cost, backwards_cost, may_repeat is not None and may_repeat[i])
        gain = gains[i]
        if any(gain):
            best = [best[k] - gain[k] for k in labels]
        came.append(row)
    return _trace(best, came)


def cut_sequence_few(
    gains: Sequence[Sequence[float]],
    cut_costs: Sequence[float],
    *,
    backwards_cost: float,
    most: int,
    scale: float,
) -> tuple[Run, ...]:
    """Like `cut_sequence`, with at most `most` runs: while there are more, cuts cost `scale` times as much."""
    runs = cut_sequence(gains, cut_costs, backwards_cost=backwards_cost)
    factor = 1.0
    while len(runs) > most:
        factor *= scale
        sums = [[sum(column) for column in zip(*gains[run.start : run.stop], strict=True)] for run in runs]
        merged = cut_sequence(
            sums,
            [cut_costs[run.start] * factor for run in runs],
            backwards_cost=backwards_cost * factor,
        )
        runs = tuple(Run(runs[run.start].start, runs[run.stop - 1].stop, run.label) for run in merged)
    return runs


def _step(
    best: list[float], cost: float, backwards_cost: float, may_repeat: bool
) -> tuple[list[float], list[int]]:
    """The best total per label after one boundary, and from which label it came by a cut (-1: no cut)."""
    size = len(best)
    # The cheapest label before k, and the cheapest one after it.
    later = [-1] * size
    cheapest = -1
    for k in range(size - 1, -1, -1):
        later[k] = cheapest
        if cheapest < 0 or best[k] < best[cheapest]:
            cheapest = k
    result, row = list(best), [-1] * size
    earlier = -1
    for k in range(size):
        if earlier >= 0 and best[earlier] + cost <= result[k]:
            result[k], row[k] = best[earlier] + cost, earlier
        if later[k] >= 0 and best[later[k]] + cost + backwards_cost < result[k]:
            result[k], row[k] = best[later[k]] + cost + backwards_cost, later[k]
        if may_repeat and best[k] + cost < result[k]:
            result[k], row[k] = best[k] + cost, k
        if earlier < 0 or best[k] < best[earlier]:
            earlier = k
    return result, row


def _trace(best: list[float], came: list[list[int]]) -> tuple[Run, ...]:
    label = min(range(len(best)), key=lambda k: best[k])
    runs: list[Run] = []
    stop = len(came)
    for i in range(len(came) - 1, -1, -1):
        previous = came[i][label]
        if previous >= 0 or i == 0:
            runs.append(Run(i, stop, label))
            stop, label = i, previous if previous >= 0 else label
    return tuple(reversed(runs))


def count_crossing(
    reads: Sequence[Iterable[str]],
    writes: Sequence[Iterable[str]],
    weights: Mapping[str, float] | None = None,
    *,
    to_the_last_read: bool = False,
) -> list[float]:
    """For each item, the weight of the names whose value crosses the boundary before it.

    A value crosses from where it is written to where it is last read before it is written anew
    (with `to_the_last_read`, to its last read of all: for names that must never cross). A name counts
    1.0 unless `weights` says otherwise.
    """
    size = len(reads)
    changes = [0.0] * (size + 1)
    written: dict[str, int] = {}
    last_read: dict[str, int] = {}

    def close(name: str) -> None:
        start, end = written.get(name), last_read.get(name)
        if start is not None and end is not None and end > start:
            weight = 1.0 if weights is None else weights.get(name, 1.0)
            changes[start + 1] += weight
            changes[end + 1] -= weight

    for i in range(size):
        read_here = set(reads[i])
        for name in read_here:
            if name in written:
                last_read[name] = i
        for name in writes[i]:
            if name in written and (to_the_last_read or name in read_here):
                continue
            close(name)
            last_read.pop(name, None)
            written[name] = i
    for name in written:
        close(name)
    totals: list[float] = []
    running = 0.0
    for i in range(size):
        running += changes[i]
        totals.append(running)
    return totals
