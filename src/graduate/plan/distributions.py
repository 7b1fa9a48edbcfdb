"""Which distribution provides a module where several do: proposed, chosen in the plan, and carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from packaging.requirements import InvalidRequirement, Requirement

from graduate.model.facts import Dependency
from graduate.model.plan import DistributionPlan, Plan


def propose_distributions(dependencies: Iterable[Dependency]) -> tuple[DistributionPlan, ...]:
    """The usual distribution for each module that several provide."""
    return tuple(
        DistributionPlan(_module(each), each.requirement, each.candidates)
        for each in dependencies
        if each.candidates and not each.optional
    )


def settle_dependencies(dependencies: Iterable[Dependency], plan: Plan) -> tuple[Dependency, ...]:
    """What is installed for the project: what is needed, with the distributions that the plan chooses."""
    return tuple(sorted(_settle(dependencies, plan), key=lambda dependency: dependency.distribution.lower()))


def _settle(dependencies: Iterable[Dependency], plan: Plan) -> Iterator[Dependency]:
    chosen = {each.module: each.requirement for each in plan.distributions}
    for each in dependencies:
        if each.optional:
            continue
        if each.candidates:
            wanted = chosen.get(_module(each), each.requirement)
            name = Requirement(wanted).name
            others = ", ".join(candidate for candidate in each.candidates if candidate != name)
            origin = f"{each.origin}; a choice of the plan: else {others}"
            yield replace(each, distribution=name, requirement=wanted, origin=origin)
        else:
            yield each


def describe_choices(dependencies: Iterable[Dependency]) -> tuple[str, ...]:
    """What a person should look at: modules that several distributions provide, guesses, and what is left out."""
    found = []
    for each in dependencies:
        if each.optional:
            found.append(
                f"{_module(each)} ({each.origin}): the code goes on without it and it is not installed here, so it is "
                f"left out; name {each.distribution} in a requirements.txt to have it"
            )
        elif each.candidates:
            others = ", ".join(candidate for candidate in each.candidates if candidate != each.distribution)
            found.append(
                f"{_module(each)} ({each.origin}): {each.distribution} is taken, {others} provide it too; "
                "choose under `distributions` of the plan"
            )
        elif each.guessed:
            found.append(
                f"{_module(each)} ({each.origin}): no distribution is known for it, {each.distribution} is a guess; "
                "name the right one in a requirements.txt, or put the module into the source folder"
            )
    return tuple(found)


def find_fault(requirement: str) -> str:
    """Why a distribution of the plan cannot be taken; "" when it can."""
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return "it is no name of a distribution"
    return "an address cannot be locked with a hash" if parsed.url else ""


def _module(dependency: Dependency) -> str:
    return dependency.imports[0]
