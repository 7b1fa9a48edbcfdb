"""Settings for the verification reach both sides, in the form that each of them takes."""

from __future__ import annotations

import pytest

from graduate.errors import VerifyError
from graduate.model.source import Program, SourceModule
from graduate.verify.conversion_record import Conversion, ProjectOption
from graduate.verify.overrides import (
    program_arguments,
    project_arguments,
    project_variables,
    read_overrides,
    rewrite_constants,
    rewrite_module,
)

OPTIONS = (
    ProjectOption("EPOCHS", "train", "constant", (), "store", False),
    ProjectOption("epochs", "fit", "argument", ("-e", "--epochs"), "store", False),
    ProjectOption("fast", "fit", "argument", ("--fast",), "store_true", False),
    ProjectOption("loud", "fit", "argument", ("-v",), "count", False),
    ProjectOption("cuda", "fit", "argument", ("--no-cuda",), "store_false", False),
    ProjectOption("layers", "fit", "argument", ("--layers",), "store", False, True),
    ProjectOption("k", "fit", "argument", ("-k",), "store", False),
    ProjectOption("path", "fit", "argument", (), "store", True),
    ProjectOption("fit_lr", "fit", "argument", ("--lr",), "store", False),
    ProjectOption("load_", "train", "constant", (), "store", False),
    ProjectOption("arguments", "old", "constant", (), "store", False),
)
CONVERSION = Conversion("study", ("train", "fit", "old"), (), options=OPTIONS)


@pytest.mark.parametrize(
    ("settings", "arguments", "project"),
    [
        (("epochs=1",), ("in.csv", "--epochs=1"), ("--epochs=1",)),
        (("--epochs=1",), ("in.csv", "--epochs=1"), ("--epochs=1",)),
        (("fast=true",), ("in.csv", "--fast"), ()),
        (("fast=false",), ("in.csv",), ()),
        (("layers=8 4",), ("in.csv", "--layers", "8", "4"), ("--layers", "8", "4")),
        (("k=2",), ("in.csv", "-k", "2"), ("--k=2",)),
        (("lr=1e-3",), ("in.csv", "--lr=1e-3"), ("--fit_lr=1e-3",)),
        (("EPOCHS=1",), ("in.csv",), ("--EPOCHS=1",)),
    ],
)
def test_arguments(settings: tuple[str, ...], arguments: tuple[str, ...], project: tuple[str, ...]) -> None:
    overrides = read_overrides(settings, CONVERSION)
    assert program_arguments(Program("fit", "fit.py", ("in.csv",)), overrides) == arguments
    assert project_arguments(overrides) == project


@pytest.mark.parametrize(
    ("setting", "before", "arguments", "variables"),
    [
        ("fast=true", (), ("--fast",), {"STUDY_FAST": "true"}),
        ("fast=false", ("--fast",), (), {"STUDY_FAST": "false"}),
        ("cuda=false", (), ("--no-cuda",), {"STUDY_CUDA": "false"}),
        ("cuda=true", ("--no-cuda",), (), {"STUDY_CUDA": "true"}),
        ("loud=2", ("-v",), ("-v", "-v"), {"STUDY_LOUD": "2"}),
    ],
)
def test_switches_can_be_turned_both_ways(
    setting: str, before: tuple[str, ...], arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    overrides = read_overrides((setting,), CONVERSION)
    assert program_arguments(Program("fit", "fit.py", before), overrides) == arguments
    assert project_variables(overrides, "study") == variables
    assert project_arguments(overrides) == ()


def test_a_whole_command_line_is_replaced() -> None:
    overrides = read_overrides(("arguments=--n 2 'a b'",), CONVERSION)
    assert program_arguments(Program("old", "old.py", ("--n", "9")), overrides) == ("--n", "2", "a b")


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("EPOCHS = 20\nprint(EPOCHS)\n", "1", "EPOCHS = 1\nprint(EPOCHS)\n"),
        ("EPOCHS: int = 20  # many\n", "1", "EPOCHS: int = 1  # many\n"),
        ("x = 'é'; EPOCHS = 20\n", "1", "x = 'é'; EPOCHS = 1\n"),
        ("EPOCHS = [\n    20,\n    30,\n]\ny = 1\n", "[1]", "EPOCHS = [1]\n\n\n\ny = 1\n"),
        ("EPOCHS = 'twenty'\n", "1", "EPOCHS = '1'\n"),
        ("EPOCHS = 20\n", "true", "EPOCHS = True\n"),
        ("EPOCHS = 20\n", "none", "EPOCHS = None\n"),
        ("EPOCHS = 20\n", "all", "EPOCHS = 'all'\n"),
        ("def main():\n    EPOCHS = 20\n", "1", "def main():\n    EPOCHS = 1\n"),
    ],
)
def test_constants_are_rewritten_in_place(text: str, value: str, expected: str) -> None:
    overrides = read_overrides((f"EPOCHS={value}",), CONVERSION)
    module = SourceModule("train.py", "script", text)
    assert rewrite_constants(module, Program("train", "train.py"), overrides) == expected


def test_constants_and_fields_of_local_modules() -> None:
    options = (
        ProjectOption("LR", "", "constant", (), "store", False, path="utils/config.py", line=1),
        ProjectOption("Config_LR", "", "constant", (), "store", False, path="utils/config.py", line=3),
    )
    overrides = read_overrides(("LR=3", "Config_LR=4"), Conversion("study", (), (), options=options))
    text = "LR = 1\nclass Config:\n    LR: float = 2\n"
    module = SourceModule("utils/config.py", "script", text)
    assert rewrite_module(module, overrides) == "LR = 3\nclass Config:\n    LR: float = 4\n"
    assert rewrite_module(SourceModule("config.py", "script", text), overrides) == text
    with pytest.raises(VerifyError, match="The constant Config_LR was not found"):
        rewrite_module(SourceModule("utils/config.py", "script", "LR = 1\n"), overrides)


def test_another_program_keeps_its_text() -> None:
    overrides = read_overrides(("EPOCHS=1",), CONVERSION)
    module = SourceModule("fit.py", "script", "EPOCHS = 20\n")
    assert rewrite_constants(module, Program("fit", "fit.py"), overrides) == module.text


def test_a_reserved_name_keeps_the_name_of_the_research_code() -> None:
    overrides = read_overrides(("load=2",), CONVERSION)
    module = SourceModule("train.py", "script", "load = 1\n")
    assert rewrite_constants(module, Program("train", "train.py"), overrides) == "load = 2\n"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("EPOCHS", "'EPOCHS' does not set a setting of this project.\n  why:   write NAME=VALUE"),
        (
            "epoch=1",
            "'epoch=1' does not set a setting of this project.\n  why:   there is no setting 'epoch'",
        ),
    ],
)
def test_bad_settings_are_refused(setting: str, message: str) -> None:
    with pytest.raises(VerifyError) as error:
        read_overrides((setting,), CONVERSION)
    assert str(error.value).startswith(message)


def test_a_positional_argument_cannot_be_set() -> None:
    overrides = read_overrides(("path=x",), CONVERSION)
    with pytest.raises(VerifyError, match="given by position"):
        program_arguments(Program("fit", "fit.py"), overrides)


def test_a_constant_that_is_not_in_the_source_is_an_error() -> None:
    overrides = read_overrides(("EPOCHS=1",), CONVERSION)
    with pytest.raises(VerifyError, match="EPOCHS was not found"):
        rewrite_constants(
            SourceModule("train.py", "script", "x = 1\n"), Program("train", "train.py"), overrides
        )
