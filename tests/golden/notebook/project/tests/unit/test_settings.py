"""The settings: each layer wins over the one before it, and what cannot be right is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from notebook.config.settings import Settings
from notebook.utils import configuration
from notebook.utils.problems import Problem

DEFAULT_FILE = configuration.CONFIG_FILE


@dataclass(frozen=True)
class Case:
    """A setting with the value that the research code starts with, and another one as each layer spells it."""

    name: str
    variable: str
    default: Any
    other: Any
    text: str
    arguments: tuple[str, ...]
    bad: str


CASES = [
    Case("TOP", "NOTEBOOK_TOP", 3, 4, "4", ("--TOP=4",), "no number"),
]


@pytest.fixture(autouse=True)
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No settings but those of the test: no file yet, no environment variables, no command line."""
    for variable in [each for each in os.environ if each.startswith("NOTEBOOK_")]:
        monkeypatch.delenv(variable)
    path = tmp_path / "configs" / "default.yaml"
    path.parent.mkdir()
    monkeypatch.setattr(configuration, "CONFIG_FILE", path)
    configuration.set_command_line([])
    yield path
    configuration.set_command_line([])


def value_of(name: str) -> Any:
    """A setting as a new process would see it."""
    return Settings.load().values()[name]


def test_the_default_file_is_accepted(config_file: Path) -> None:
    config_file.write_bytes(DEFAULT_FILE.read_bytes())
    assert set(Settings.load().values()) == set(Settings._options)


def test_an_unknown_name_in_the_file_is_refused(config_file: Path) -> None:
    config_file.write_text("no_such_setting_: 1\n")
    with pytest.raises(Problem, match="no_such_setting_"):
        Settings.load().values()


def test_an_unknown_flag_is_refused() -> None:
    configuration.set_command_line(["--no_such_setting_=1"])
    with pytest.raises(Problem, match="no_such_setting_"):
        Settings.load().values()


def setting_line(name: str, value: Any) -> str:
    """A line of the file. JSON is YAML where it spells out letters of all alphabets."""
    return f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestLayers:
    """Default, file, environment, command line, in rising order."""

    def test_default(self, case: Case) -> None:
        value = value_of(case.name)
        assert (value, type(value)) == (case.default, type(case.default))

    def test_file_wins_over_default(self, case: Case, config_file: Path) -> None:
        config_file.write_text(setting_line(case.name, case.other), encoding="utf-8")
        value = value_of(case.name)
        assert (value, type(value)) == (case.other, type(case.other))

    def test_environment_wins_over_file(
        self, case: Case, config_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config_file.write_text(setting_line(case.name, case.default), encoding="utf-8")
        monkeypatch.setenv(case.variable, case.text)
        assert value_of(case.name) == case.other

    def test_command_line_wins_over_environment(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        if not case.arguments:
            pytest.skip("this value cannot be given with a flag")
        monkeypatch.setenv(case.variable, json.dumps(case.default, ensure_ascii=False).strip('"'))
        configuration.set_command_line(case.arguments)
        assert value_of(case.name) == case.other


@pytest.mark.parametrize("case", [case for case in CASES if case.bad], ids=lambda case: case.name)
def test_a_value_of_the_wrong_type_is_refused(case: Case, config_file: Path) -> None:
    config_file.write_text(f"{json.dumps(case.name)}: {case.bad}\n", encoding="utf-8")
    with pytest.raises(Problem, match=case.name):
        value_of(case.name)
