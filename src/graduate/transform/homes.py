"""In which module of the package each piece of code lives, without circular imports."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

CANONICAL: dict[str, str] = {
    "data/preprocessing.py": "Downloading, preparing and validating the data.",
    "data/datasets.py": "Dataset classes.",
    "data/loaders.py": "Data loaders and samplers.",
    "models/architectures.py": "Model classes.",
    "models/losses.py": "Loss functions.",
    "training/trainer.py": "Training.",
    "training/evaluation.py": "Evaluation, reports and plots.",
    "utils/metrics.py": "Metrics.",
}

ORDER = (
    "utils/functions.py",
    "utils/metrics.py",
    "data/preprocessing.py",
    "data/datasets.py",
    "data/loaders.py",
    "models/losses.py",
    "models/architectures.py",
    "training/evaluation.py",
    "training/trainer.py",
)
"""A module may import from the ones before it."""


def order_homes(homes: Mapping[str, str], uses: Mapping[str, set[str]]) -> dict[str, str]:
    """Homes in which no module imports from a later one.

    `uses` maps each piece of code to the definitions that it uses. What is used from a later module moves
    down to its user; but a piece that uses something of the trainer moves up there.
    """
    found = dict(homes)
    for attempt in range(2 * len(found) + 2):
        changed = False
        for user in found:
            for used in sorted(uses.get(user, ())):
                if used not in found or _rank(found[used]) <= _rank(found[user]):
                    continue
                if found[used] == "training/trainer.py" and attempt < len(found):
                    found[user] = found[used]
                else:
                    found[used] = found[user]
                changed = True
        if not changed:
            break
    return found


def keep_together(
    homes: Mapping[str, str], uses: Mapping[str, set[str]], groups: Collection[Sequence[str]]
) -> dict[str, str]:
    """Homes in which each group is in one module, so that its definitions are made in the order of the program."""
    found = dict(homes)
    for attempt in range(3):
        for group in groups:
            ranked = sorted((found[name] for name in group), key=_rank)
            found |= dict.fromkeys(group, ranked[0] if attempt else found[group[0]])
        found = order_homes(found, uses)
    return found


def _rank(home: str) -> int:
    return ORDER.index(home) if home in ORDER else 0
