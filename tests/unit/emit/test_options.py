"""Settings as YAML, and the cases that the project's own tests try."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from graduate.emit.options import (
    NOT_LITERAL,
    find_cases,
    find_settings,
    find_small_settings,
    render_default_yaml,
)
from graduate.model.facts import Option
from graduate.model.source import Place

PLACE = Place("train.py", 1, 1)


def option(name: str, annotation: str, default: str, **more: Any) -> Option:
    return Option(name, annotation, default, PLACE, **more)


YAML: list[tuple[str, str, Any]] = [
    ("int", "3", 3),
    ("int", "-3", -3),
    ("float", "0.1", 0.1),
    ("float", "1e-5", 1e-5),
    ("float", "5e20", 5e20),
    ("float", "float('inf')", float("inf")),
    ("bool", "True", True),
    ("str", "'adam'", "adam"),
    ("str", "''", ""),
    ("str", "'yes'", "yes"),
    ("str", "'1e-3'", "1e-3"),
    ("str", "'012'", "012"),
    ("str", "'a: b # c'", "a: b # c"),
    ("str", r"'two\nlines'", "two\nlines"),
    ("str", "'é'", "é"),
    ("str | None", "None", None),
    ("list[int]", "[1, 2]", [1, 2]),
    ("tuple[float, ...]", "(0.9, 0.999)", [0.9, 0.999]),
    ("dict[str, int]", "{'a': 1}", {"a": 1}),
    ("Path", "Path('out')", "out"),
]


@pytest.mark.parametrize(("annotation", "default", "value"), YAML)
def test_yaml_gives_the_value_back(annotation: str, default: str, value: Any) -> None:
    text = render_default_yaml(find_settings([option("LR", annotation, default)], "study"))
    assert yaml.safe_load(text) == {"LR": value}
    assert type(yaml.safe_load(text)["LR"]) is type(value)


@pytest.mark.parametrize("default", ["float('nan')", "os.getcwd()", "{1, 2}", "1 + 2j", "b'x'", "BASE * 2"])
def test_what_yaml_cannot_hold_stays_in_the_code(default: str) -> None:
    text = render_default_yaml(find_settings([option("LR", "Any", default)], "study"))
    assert yaml.safe_load(text) is None
    assert f"# LR: {default}   (as in config/settings.py)" in text


def test_secrets_are_not_written() -> None:
    text = render_default_yaml(find_settings([option("TOKEN", "str", "'hf_abc'", secret=True)], "study"))
    assert "hf_abc" not in text
    assert "# TOKEN: a secret; give it as the environment variable STUDY_TOKEN" in text


def test_help_choices_and_required() -> None:
    options = [
        option("mode", "str", "'a'", help="How.\nTwo lines.", choices=("'a'", "'b'")),
        option("path", "str", "", required=True),
    ]
    text = render_default_yaml(find_settings(options, "study"))
    assert "# How.\n# Two lines.\n# one of: 'a', 'b'\nmode: a\n" in text
    assert "# path:   required, it has no default\n" in text


def test_a_name_in_two_programs_is_one_setting() -> None:
    settings = find_settings([option("LR", "float", "0.1"), option("LR", "float", "0.1")], "study")
    assert [each.name for each in settings] == ["LR"]


OTHERS: list[tuple[Option, Any, tuple[str, ...]]] = [
    (option("N", "int", "3"), 4, ("--N=4",)),
    (option("n", "int", "3", kind="argument", flags=("-n", "--number")), 4, ("--number=4",)),
    (option("n", "int", "3", kind="argument", flags=("-n",)), 4, ("--n=4",)),
    (option("LR", "float", "0.5"), 1.0, ("--LR=1.0",)),
    (option("LR", "float | None", "None"), 0.5, ("--LR=0.5",)),
    (option("NAME", "str", "'a'"), "a_other", ("--NAME=a_other",)),
    (option("FAST", "bool", "False"), True, ("--FAST=true",)),
    (
        option("fast", "bool", "False", kind="argument", flags=("--fast",), action="store_true"),
        True,
        ("--fast",),
    ),
    (
        option("slow", "bool", "True", kind="argument", flags=("--no-slow",), action="store_false"),
        False,
        ("--no-slow",),
    ),
    (
        option("mode", "str", "'a'", kind="argument", flags=("--mode",), choices=("'a'", "'b'")),
        "b",
        ("--mode=b",),
    ),
    (option("file", "str", "'a'", kind="argument", positional=True), "a_other", ()),
]


@pytest.mark.parametrize(("given", "other", "arguments"), OTHERS)
def test_another_value_to_try(given: Option, other: Any, arguments: tuple[str, ...]) -> None:
    (case,) = find_cases(find_settings([given], "study"))
    assert (case.other, type(case.other)) == (other, type(other))
    assert case.arguments == arguments
    assert case.variable == f"STUDY_{given.name}".upper()


@pytest.mark.parametrize(
    "given",
    [
        option("X", "Any", "compute()"),
        option("KEY", "str", "'s'", secret=True),
        option("sizes", "list[int]", "[1]", kind="argument", flags=("--sizes",), nargs="'+'"),
        option("v", "int", "0", kind="argument", flags=("-v",), action="count"),
        option("only", "str", "'a'", kind="argument", flags=("--only",), choices=("'a'",)),
        option("LR", "float", "float('inf')"),
        option("path", "str", "", required=True),
    ],
    ids=lambda each: each.name,
)
def test_no_value_to_try(given: Option) -> None:
    assert find_cases(find_settings([given], "study")) == ()


@pytest.mark.parametrize(
    ("annotation", "bad"),
    [("int", "no number"), ("float", "no number"), ("int | None", "no number"), ("str", ""), ("bool", "")],
)
def test_a_value_to_refuse(annotation: str, bad: str) -> None:
    default = {"str": "'a'", "bool": "False"}.get(annotation, "1")
    (case,) = find_cases(find_settings([option("X", annotation, default)], "study"))
    assert case.bad == bad


SMALL = [
    ("EPOCHS", "100", ("--EPOCHS", "3")),
    ("num_epochs", "20", ("--num_epochs", "3")),
    ("epochs", "3", ()),
    ("epochs", "0.5", ()),
    ("epochs_per_save", "10", ()),
    ("LR", "10", ()),
]


@pytest.mark.parametrize(("name", "default", "small"), SMALL)
def test_settings_for_a_short_run(name: str, default: str, small: tuple[str, ...]) -> None:
    assert find_small_settings(find_settings([option(name, "int", default)], "study")) == small


def test_a_missing_default_is_no_literal() -> None:
    (setting,) = find_settings([option("x", "int", "", required=True)], "study")
    assert setting.value is NOT_LITERAL


def test_a_setting_whose_flag_is_another_ones_has_none() -> None:
    weight = option("weight", "int", "3")
    other = option("other_weight", "float", "4.0", flags=("--weight",), kind="argument", program="b")
    settings = find_settings([weight, other], "study")
    assert [each.flag for each in settings] == ["", "--weight"]
    assert [case.arguments for case in find_cases(settings)] == [(), ("--weight=4.5",)]
