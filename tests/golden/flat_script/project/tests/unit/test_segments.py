"""The functions that were cut from the research code: each has the contract that the conversion recorded.

Read from their text, so no library is imported.
"""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "flat_script"
RECORD: dict[str, Any] = json.loads((ROOT / "conversion.json").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = RECORD["steps"]
SEGMENTS = [segment for step in STEPS for segment in step["segments"]]


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@cache
def definitions(module: str) -> dict[str, ast.stmt]:
    """The functions and classes at the top of a module of the package."""
    base = PACKAGE.joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, DEFINITIONS)}


def function(module: str, name: str) -> ast.FunctionDef:
    found = definitions(module).get(name)
    assert isinstance(found, ast.FunctionDef), f"{module}.{name} is not there"
    return found


def names_of(node: ast.expr | None) -> list[str]:
    """`a` and `a, b` as lists of names."""
    if node is None:
        return []
    return [ast.unparse(each) for each in (node.elts if isinstance(node, ast.Tuple) else [node])]


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda each: f"{each['module']}.{each['function']}")
def test_a_function_takes_and_returns_what_was_recorded(segment: dict[str, Any]) -> None:
    node = function(segment["module"], segment["function"])
    assert [each.arg for each in node.args.args] == segment["arguments"]
    last = node.body[-1]
    assert names_of(last.value if isinstance(last, ast.Return) else None) == segment["returns"]


@pytest.mark.parametrize("step", STEPS, ids=lambda each: each["name"])
def test_a_step_calls_its_functions_in_order(step: dict[str, Any]) -> None:
    node = function("pipeline", step["function"])
    wanted = [each["function"] for each in step["segments"]]
    calls = []
    for statement in node.body:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in wanted:
            targets = statement.targets[0] if isinstance(statement, ast.Assign) else None
            calls.append((value.func.id, [ast.unparse(each) for each in value.args], names_of(targets)))
    assert calls == [(each["function"], each["arguments"], each["returns"]) for each in step["segments"]]


def test_every_statement_went_somewhere_or_was_left_out_for_a_reason() -> None:
    assert RECORD["rows"]
    for row in RECORD["rows"]:
        assert row["where"] or row["reason"], row
        place = re.fullmatch(r"([\w.]+):(\w+):\d+-\d+", row["where"])
        if place is not None:
            assert place[2] in definitions(place[1]), row
