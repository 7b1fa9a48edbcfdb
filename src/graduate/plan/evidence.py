"""The evidence of statements as numbers: how much each statement speaks for each role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graduate.model.facts import Role, StatementFact

STRONG = 2.0
EXPLORATION_SHARE = 0.3
PLAIN_COMPUTATION = 0.3

Weights = Mapping[Role, float]


def weigh_statements(spine: Sequence[StatementFact]) -> list[dict[Role, float]]:
    """Per statement, the total weight for each role, seen in the light of the whole program.

    What looks like evaluation before anything was trained is a look at the data, and counts little. Where
    nothing is learned, the loop that computes (else all plain computation) is what training is elsewhere.
    """
    weights = [_total(statement) for statement in spine]
    learns = any(weight.get("train", 0.0) >= STRONG for weight in weights)
    if not learns:
        if any("train" in weight for weight in weights):
            for weight in weights:
                if "train" in weight:
                    weight["train"] = max(weight["train"], weight["train"] * 3)
        elif all(weight.get("preprocess", 0.0) < STRONG for weight in weights):
            for statement, weight in zip(spine, weights, strict=True):
                if statement.writes and not weight and not is_import(statement):
                    weight["train"] = PLAIN_COMPUTATION
    threshold = STRONG if learns else PLAIN_COMPUTATION
    first = next((i for i, weight in enumerate(weights) if weight.get("train", 0.0) >= threshold), 0)
    for weight in weights[:first]:
        if "evaluate" in weight:
            weight["evaluate"] *= EXPLORATION_SHARE
    return weights


def is_import(statement: StatementFact) -> bool:
    """Whether a statement only imports; modules need not cross from one segment to another."""
    return statement.text.lstrip().startswith(("import ", "from "))


def find_main_role(weight: Weights) -> Role | None:
    """The role that a statement most speaks for."""
    return max(weight.items(), key=lambda item: item[1])[0] if weight else None


def _total(statement: StatementFact) -> dict[Role, float]:
    totals: dict[Role, float] = {}
    for piece in statement.evidence:
        if piece.role in {"other", "settings"}:
            continue
        role: Role = "evaluate" if piece.role == "metric" else piece.role
        totals[role] = totals.get(role, 0.0) + piece.weight
    return totals
