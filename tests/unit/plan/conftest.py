from __future__ import annotations

from collections.abc import Callable

import pytest
from made_facts import make_facts

from graduate.model.facts import Facts
from graduate.model.source import Program, Sources

Made = tuple[Sources, Facts]


@pytest.fixture
def made() -> Callable[..., Made]:
    """Sources and facts of one program (`made(text, …)`)."""

    def make(text: str, **options: object) -> Made:
        module, program = make_facts(text, **options)  # type: ignore[arg-type]
        sources = Sources("project", "/", (module,), (Program(program.name, program.path),))
        return sources, Facts((program,))

    return make
