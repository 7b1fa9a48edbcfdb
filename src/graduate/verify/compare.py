"""Compares what two sides did. Pure functions: values in, outcomes out.

Everything takes several references, the runs of the original: what differs between them is noise. A candidate
must equal them bit by bit where they agree.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graduate.model.verdict import Finding, Outcome
from graduate.verify.noise import common_lines, fits, is_number
from graduate.verify.observer.trees import Tree

_TIME = re.compile(r"(?:^|[^a-z])(?:[a-z]+_)*(?:times?|seconds|elapsed|duration)_?['\"]?\]?(?:\[\d+\])?$")
"""Where a library keeps what something took: `.refit_time_`, `['mean_fit_time']`."""
_TIMES_NOISE = 10
"""A number may be this many times as far from the original as the runs of the original are apart."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one comparison, and the first difference or the reason."""

    outcome: Outcome
    detail: str = ""


SAME = Result("same")
_RANK: dict[Outcome, int] = {"different": 3, "not comparable": 2, "same within noise": 1, "same": 0}


def worst(results: Sequence[Result]) -> Result:
    """The result that counts among several: the first of the worst outcome."""
    return max(results, key=lambda result: _RANK[result.outcome], default=SAME)


# -- printed lines ---------------------------------------------------------------------------------


def compare_lines(references: Sequence[str], candidate: str) -> Result:
    """Printed text, line by line and in order."""
    expected = [each.splitlines() for each in references]
    lines = candidate.splitlines()
    if candidate in references:
        return SAME if len(set(references)) == 1 else Result("same within noise")
    if len({len(each) for each in expected}) > 1:
        return _compare_unsteady(expected, lines)
    noisy = 0
    for number in range(max(len(expected[0]), len(lines))):
        wanted = [each[number] for each in expected if number < len(each)]
        if not wanted or number >= len(lines) or not fits(wanted, lines[number]):
            return Result("different", _first_line(expected[0], lines, number))
        noisy += len(set(wanted)) > 1 or lines[number] not in wanted
    if noisy:
        what = f"{noisy} lines differ between runs of the original too, or say how long it took"
        return Result("same within noise", what)
    return SAME


def _first_line(expected: Sequence[str], lines: Sequence[str], number: int) -> str:
    counts = f" ({len(expected)} lines in the original, {len(lines)} in the converted run)"
    if number >= len(lines):
        return f"line {number + 1} is missing: {_short(expected[number])}{counts}"
    if number >= len(expected):
        return f"line {number + 1} is one too many: {_short(lines[number])}{counts}"
    counts = counts if len(expected) != len(lines) else ""
    return (
        f"line {number + 1}: original {_short(expected[number])}, converted {_short(lines[number])}{counts}"
    )


def _compare_unsteady(expected: Sequence[Sequence[str]], lines: Sequence[str]) -> Result:
    """The original prints another number of lines in each run: what its runs share must be there, in order."""
    shared = list(expected[0])
    for other in expected[1:]:
        shared = common_lines(shared, other)
    missing = first_missing(shared, lines)
    if missing is not None:
        return Result(
            "different", f"a line that every run of the original prints is missing: {_short(missing)}"
        )
    return Result("same within noise", "the original prints another number of lines in each run")


def first_missing(wanted: Sequence[str], lines: Sequence[str]) -> str | None:
    """The first of the wanted lines that does not follow, in order, in `lines`."""
    rest = iter(lines)
    return next((line for line in wanted if line not in rest), None)


def _short(text: str, most: int = 100) -> str:
    return repr(text if len(text) <= most else f"{text[:most]}…")


# -- values ----------------------------------------------------------------------------------------


def compare_trees(references: Sequence[Tree], candidate: Tree, *, clock: bool = False) -> Result:
    """Values as trees. With `clock` the value comes from a clock, so noise has no measure."""
    results = list(_walk(references, candidate, "", clock))
    found = worst(results)
    if found.outcome == "not comparable" and candidate["kind"] != "opaque":
        rest = worst([r for r in results if r.outcome != "not comparable"])
        return Result(rest.outcome, f"but for {found.detail}")
    return found


def _walk(references: Sequence[Tree], candidate: Tree, path: str, clock: bool) -> Iterator[Result]:
    first = references[0]
    if candidate["kind"] == "opaque" and all(r["kind"] == "opaque" for r in references):
        alike = candidate["type"] in {r["type"] for r in references} or all(
            "has no value before it runs" in each["reason"] for each in (candidate, *references)
        )
        yield Result(
            "not comparable" if alike else "different",
            f"{_at(path)}{candidate['type']}: {candidate['reason']}",
        )
        return
    if first["kind"] == "items" and candidate["kind"] == "items" and _labels_fit(references, candidate):
        yield from _walk_items(references, candidate, path, clock)
        return
    steady = all(_is_equal(first, other) for other in references[1:])
    if any(_is_equal(each, candidate) for each in references):
        yield SAME if steady else Result("same within noise")
    elif steady:
        yield Result("different", f"{_at(path)}{describe_difference(first, candidate)}")
    else:
        yield _within_noise(references, candidate, path, clock)


def _labels_fit(references: Sequence[Tree], candidate: Tree) -> bool:
    labels = [
        [label for label, _ in each["items"]] if each["kind"] == "items" else None for each in references
    ]
    own = [label for label, _ in candidate["items"]]
    return all(each == own for each in labels) and all(
        each["type"] == candidate["type"] for each in references
    )


def _walk_items(references: Sequence[Tree], candidate: Tree, path: str, clock: bool) -> Iterator[Result]:
    for number, (label, child) in enumerate(candidate["items"]):
        children = [each["items"][number][1] for each in references]
        yield from _walk(children, child, path + (label if label[:1] in ".[" else f" {label}"), clock)


def _is_equal(one: Tree, other: Tree) -> bool:
    if one == other:
        return True
    if one["kind"] != "array" or other["kind"] != "array":
        return False
    # A NaN may have other bits and still be the same value.
    alike = all(one[key] == other[key] for key in ("type", "dtype", "shape", "at", "values"))
    return alike and len(one["values"]) == _size(one) and any("nan" in value for value in one["values"])


def _size(tree: Tree) -> int:
    size = 1
    for length in tree["shape"]:
        size *= length
    return size


def _within_noise(references: Sequence[Tree], candidate: Tree, path: str, clock: bool) -> Result:
    """The outcome for a value of which the original's own runs give different ones."""
    first = references[0]
    clock = clock or _TIME.search(path) is not None
    kinds = {(each["kind"], each["type"]) for each in references}
    if (candidate["kind"], candidate["type"]) not in kinds:
        return Result("different", f"{_at(path)}{describe_difference(first, candidate)}")
    shapes = {(each.get("dtype"), tuple(each.get("shape", ()))) for each in references}
    if candidate["kind"] == "array" and len(kinds) == 1 and len(shapes) == 1:
        if (candidate["dtype"], tuple(candidate["shape"])) not in shapes:
            return Result("different", f"{_at(path)}{describe_difference(first, candidate)}")
        return _numbers([r["values"] for r in references], candidate["values"], path, clock)
    if candidate["kind"] == "scalar" and len(kinds) == 1:
        return _numbers([[r["value"]] for r in references], [candidate["value"]], path, clock)
    return Result("same within noise", f"{_at(path)}it differs between runs of the original too")


def _numbers(references: Sequence[Sequence[str]], candidate: Sequence[str], path: str, clock: bool) -> Result:
    steady = Result("same within noise", f"{_at(path)}it differs between runs of the original too")
    if not all(is_number(text) for each in (*references, candidate) for text in each):
        texts = zip(zip(*references, strict=True), candidate, strict=True)
        odd = next(((old, new) for old, new in texts if not fits(old, new)), None)
        if odd is None or clock:
            return steady
        return Result("different", f"{_at(path)}original {_short(odd[0][0])}, converted {_short(odd[1])}")
    rows = list(zip(*[[float(text) for text in each] for each in references], strict=True))
    noise = max((max(row) - min(row) for row in rows if _is_finite(row)), default=0.0)
    if clock:
        return steady
    for index, (row, text) in enumerate(zip(rows, candidate, strict=True)):
        value = float(text)
        distance = min(abs(value - each) for each in row) if _is_finite((*row, value)) else 0.0
        if distance > _TIMES_NOISE * noise:
            where = f"[{index}] " if len(rows) > 1 else ""
            return Result(
                "different",
                f"{_at(path)}{where}original {row[0]!r}, converted {value!r}: {distance:.3g} apart, while runs of the "
                f"original are at most {noise:.3g} apart",
            )
    return steady


def _is_finite(values: Sequence[float]) -> bool:
    return all(value == value and abs(value) != float("inf") for value in values)


def describe_difference(one: Tree, other: Tree) -> str:
    """The first difference between two trees, in words."""
    if one["kind"] != other["kind"] or one["type"] != other["type"]:
        return f"original {_name(one)}, converted {_name(other)}"
    if one["kind"] == "scalar":
        return f"original {_short(one['value'])}, converted {_short(other['value'])}".replace("'", "")
    if one["kind"] == "array":
        return _array_difference(one, other)
    if one["kind"] == "items":
        return _items_difference(one, other)
    return f"original {_name(one)}, converted {_name(other)}"


def _array_difference(one: Tree, other: Tree) -> str:
    for key in ("dtype", "shape"):
        if one[key] != other[key]:
            return f"original {key} {one[key]}, converted {key} {other[key]}"
    pairs = list(zip(one["at"], one["values"], other["values"], strict=True))
    differing = [(at, old, new) for at, old, new in pairs if old != new]
    if not differing:
        return f"{one['type']} of shape {one['shape']}: the bits differ, among elements that are not shown"
    at, old, new = differing[0]
    among = "" if len(pairs) == _size(one) else f" of {len(pairs)} looked at"
    return f"[{at}] original {old}, converted {new} ({len(differing)} elements differ{among})"


def _items_difference(one: Tree, other: Tree) -> str:
    old, new = [label for label, _ in one["items"]], [label for label, _ in other["items"]]
    missing = [label for label in old if label not in new]
    added = [label for label in new if label not in old]
    if missing:
        return f"{one['type']}: {missing[0]} is missing in the converted run"
    if added:
        return f"{one['type']}: {added[0]} is only in the converted run"
    return f"{one['type']}: another order of its items"


def _name(tree: Tree) -> str:
    return f"{tree['type']} {_short(tree['value'], 60)}" if tree["kind"] == "scalar" else f"a {tree['type']}"


def _at(path: str) -> str:
    return f"{path.strip()}: " if path else ""


# -- variables -------------------------------------------------------------------------------------


def compare_variables(
    originals: Sequence[Mapping[str, Tree]],
    converted: Mapping[str, Tree],
    settings: Mapping[str, Tree],
    clocks: Collection[str] = (),
    absent: str = "no step of the project keeps a variable of this name",
) -> tuple[Finding, ...]:
    """A finding for each variable that the original ends with, in its order."""
    findings = []
    for name in originals[0]:
        references = [each[name] for each in originals if name in each]
        candidate = converted.get(name, settings.get(name))
        if candidate is None:
            if references[0]["kind"] == "opaque":
                reason = f"{references[0]['type']}: {references[0]['reason']}"
            else:
                reason = absent
            findings.append(Finding("variable", name, "not comparable", reason))
            continue
        result = compare_trees(references, candidate, clock=name in clocks)
        findings.append(Finding("variable", name, result.outcome, result.detail))
    return tuple(findings)
