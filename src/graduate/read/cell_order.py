"""The order in which the cells of a notebook run: from top to bottom, unless only that of the last run works."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from itertools import pairwise

_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def find_order(
    cells: Sequence[tuple[int, int | None]], trees: Mapping[int, ast.Module]
) -> tuple[tuple[int, ...], str]:
    """The numbers of the code cells in the order in which they run, and why, where that can be doubted.

    `cells` are (number, stored execution count), from top to bottom.
    """
    numbers = tuple(number for number, _ in cells)
    counts = {number: count for number, count in cells if count is not None}
    turned = next(
        ((a, b) for a, b in pairwise(n for n in numbers if n in counts) if counts[b] < counts[a]), None
    )
    if turned is None:
        return numbers, ""
    above, below = turned
    seen = f"cell {below} was last run as [{counts[below]}], before cell {above} as [{counts[above]}]"
    uses = {number: _find_uses(tree) for number, tree in trees.items()}
    early = _find_early(numbers, uses)
    full = [number for number in numbers if trees[number].body]
    if early is not None and all(number in counts for number in full):
        by_count = tuple(sorted(full, key=counts.__getitem__))
        by_count += tuple(number for number in numbers if number not in full)
        if _find_early(by_count, uses) is None:
            name, number = early
            reason = f"from top to bottom cell {number} would use {name} before it has a value"
            return by_count, f"the cells run in the order of their execution counts: {reason}"
    return numbers, f"the cells run from top to bottom, though {seen}"


def _find_early(
    order: Sequence[int], uses: Mapping[int, tuple[set[str], set[str]]]
) -> tuple[str, int] | None:
    """A name that a cell needs and that only a cell after it binds, with that cell."""
    bound: set[str] = set()
    everywhere = {name for _, stored in uses.values() for name in stored}
    for number in order:
        needed, stored = uses[number]
        if missing := sorted((needed - bound) & (everywhere - stored)):
            return missing[0], number
        bound |= stored
    return None


def _find_uses(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names that a cell needs when it runs, and those that it binds."""
    needed: set[str] = set()
    stored: set[str] = set()
    for statement in tree.body:
        pending: list[ast.AST] = [statement]
        for node in pending:
            if isinstance(node, ast.Name):
                (needed if isinstance(node.ctx, ast.Load) and node.id not in stored else stored).add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                stored.add(node.name)
            elif isinstance(node, ast.alias):
                stored.add((node.asname or node.name).partition(".")[0])
            if not isinstance(node, _LATER):
                pending += ast.iter_child_nodes(node)
    return needed, stored
