"""Settings: layers, types, command lines, clear errors."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from graduate.runtime import configuration
from graduate.runtime.command_line import parse
from graduate.runtime.configuration import ProjectSettings, option
from graduate.runtime.problems import Problem


class Settings(ProjectSettings):
    LR: float = option(0.1, help="learning rate")
    epochs: int = option(20, flags=("--epochs", "-e"))
    whole: float = option(1)
    name: str = option("1")
    verbose: bool = option(False, flags=("--verbose", "-v"), action="store_true")
    cuda: bool = option(True, flags=("--no-cuda",), action="store_false")
    DEBUG: bool = option(False)
    sizes: list[int] = option([1, 2], flags=("--sizes",), nargs="+")
    pair: tuple[int, int] = option((3, 4))
    tags: list[str] = option([], flags=("--tag",), action="append")
    level: int = option(0, flags=("-q",), action="count")
    mode: str = option("a", choices=("a", "b"))
    norm: str | None = option(None, choices=("batch", "layer"))
    maybe: float | None = option(None)
    path: Path = option(Path("x"))
    anything: Any = option({"k": 1})
    token: str = option("t", secret=True)
    load: int = option(5)
    data: str = option(required=True, positional=True)
    point: list[float] = option(required=True, positional=True, nargs=2)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(configuration, "CONFIG_FILE", tmp_path / "configs" / "default.yaml")
    monkeypatch.setattr(configuration, "_command_line", [])
    monkeypatch.setattr(configuration, "_loaded", [])
    (tmp_path / "configs").mkdir()
    return Settings.load()


def write(text: str) -> None:
    configuration.CONFIG_FILE.write_text(text)


def test_defaults_are_the_very_values_of_the_code(settings: Settings) -> None:
    assert settings.LR == 0.1
    assert repr(settings.whole) == "1"
    assert settings.pair == (3, 4)
    assert settings.load == 5
    assert settings.sizes == [1, 2]


def test_null_is_none_where_no_choice_is_called_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_CONFIGURATION_NORM", "null")
    assert Settings.load().norm is None


def test_layers_in_rising_order(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write("epochs: 1\nLR: 1e-3\nmode: b\n")
    monkeypatch.setenv("TEST_CONFIGURATION_EPOCHS", "2")
    prefix = Settings.__module__.partition(".")[0].upper()
    monkeypatch.setenv(f"{prefix}_EPOCHS", "2")
    monkeypatch.setenv(f"{prefix}_MODE", "a")
    configuration.set_command_line(["-e", "3"])
    assert (settings.epochs, settings.mode, settings.LR) == (3, "a", 0.001)


def test_a_secret_may_stand_in_a_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prefix = Settings.__module__.partition(".")[0].upper()
    (tmp_path / "secret").write_text("sk-1\n")
    monkeypatch.setenv(f"{prefix}_TOKEN_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv(f"{prefix}_NAME_FILE", str(tmp_path / "secret"))
    assert (settings.token, settings.name) == ("sk-1", "1"), "only secrets are read like this"
    monkeypatch.setenv(f"{prefix}_TOKEN", "sk-2")
    assert Settings.load().token == "sk-2", "the variable itself wins"


def test_a_secret_that_cannot_be_read_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = Settings.__module__.partition(".")[0].upper()
    monkeypatch.setenv(f"{prefix}_TOKEN_FILE", "/no/such/file")
    with pytest.raises(Problem, match="A secret cannot be read") as error:
        _ = settings.token
    assert "/no/such/file" in error.value.why


def test_a_file_that_repeats_the_defaults_changes_no_type(settings: Settings) -> None:
    write("whole: 1\npair: [3, 4]\nname: '1'\nmaybe:\nanything: {k: 1}\n")
    assert repr(settings.whole) == "1"
    assert settings.pair == (3, 4)
    assert settings.maybe is None
    assert settings.anything == {"k": 1}


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--LR", "1"], "LR", 1.0),
        (["--lr", "1e-4"], "LR", 1e-4),
        (["--name", "2"], "name", "2"),
        (["--name", "yes"], "name", "yes"),
        (["-v"], "verbose", True),
        (["--no-cuda"], "cuda", False),
        (["--cuda", "false"], "cuda", False),
        (["--DEBUG"], "DEBUG", True),
        (["--debug", "true"], "DEBUG", True),
        (["--sizes", "5", "6", "7"], "sizes", [5, 6, 7]),
        (["--pair", "[7, 8]"], "pair", (7, 8)),
        (["--pair", "(7, 8)"], "pair", (7, 8)),
        (["--tag", "a", "--tag", "b"], "tags", ["a", "b"]),
        (["-q", "-q"], "level", 2),
        (["--maybe", "3"], "maybe", 3.0),
        (["--path", "a/b"], "path", Path("a/b")),
        (["file.csv"], "data", "file.csv"),
        (["file.csv", "1", "-e", "4", "2"], "point", [1.0, 2.0]),
        (["-e", "4", "file.csv"], "data", "file.csv"),
    ],
)
def test_command_line(settings: Settings, arguments: list[str], name: str, value: object) -> None:
    configuration.set_command_line(arguments)
    found = getattr(settings, name)
    assert found == value
    assert type(found) is type(value) or name == "path"


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("epoch: 3\n", [], "'epoch' is not a setting of this project."),
        ("epochs: many\n", [], "'many' is not a valid value of the setting 'epochs'."),
        ("epochs: [\n", [], "The settings are not valid YAML."),
        ("- 1\n", [], "The settings file is not a mapping."),
        ("mode: c\n", [], "'c' is not a possible value of the setting 'mode'."),
        ("", ["file.csv", "1"], "The command line cannot be understood: point takes 2 values, not 1."),
        ("", ["--epochs", "x"], "'x' is not a valid value of the setting 'epochs'."),
        ("", ["--epohcs", "1"], "'--epohcs' is not a flag of this project."),
        (
            "",
            ["--epochs"],
            "The command line cannot be understood: argument --epochs/-e: expected one argument.",
        ),
    ],
)
def test_bad_input_is_told_clearly(settings: Settings, text: str, arguments: list[str], message: str) -> None:
    write(text)
    configuration.set_command_line(arguments)
    with pytest.raises(Problem) as caught:
        _ = settings.LR
    assert str(caught.value).splitlines()[0] == message
    assert caught.value.exit_code == 2
    assert caught.value.where
    assert caught.value.fix


def test_a_required_setting_is_only_missed_when_it_is_read(settings: Settings) -> None:
    assert settings.epochs == 20
    with pytest.raises(Problem, match="'data' has no value"):
        _ = settings.data
    with pytest.raises(Problem, match="'data' has no value"):
        settings.check_required()


def test_reads_are_recorded_without_secrets(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}
    monkeypatch.setattr(configuration, "on_read", [seen.__setitem__])
    assert settings.namespace("LR", "token") == argparse.Namespace(LR=0.1, token="t")
    assert seen["LR"] == "0.1"
    assert seen["token"].startswith("secret ")
    assert "'t'" not in repr(settings)
    assert settings.describe("LR") == "0.1"
    assert settings.describe("gone") is None


def test_a_setting_is_told_once_for_each_step(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(configuration, "on_read", [lambda name, text: seen.append(f"{name}={text}")])
    assert settings.LR + settings.LR == 0.2
    settings.LR = 0.5
    assert settings.LR + settings.LR == 1.0
    configuration.tell_again()
    assert settings.LR == 0.5
    assert seen == ["LR=0.1", "LR=0.5", "LR=0.5"]


def test_explicit_values() -> None:
    made = Settings(LR=3)
    assert (made.LR, made.epochs) == (3, 20)
    with pytest.raises(Problem, match="'lr' is not a setting"):
        Settings(lr=3)


class Alike(ProjectSettings):
    EPOCHS: int = option(1)
    epochs: int = option(2)
    weight: int = option(3)
    other_weight: float = option(4.0, flags=("--weight",))


def test_the_exact_name_of_a_setting_comes_before_other_spellings() -> None:
    options = {name: vars(Alike)[name] for name in ("EPOCHS", "epochs", "weight", "other_weight")}
    given = ["--epochs", "7", "--EPOCHS", "8", "--weight", "9"]
    assert parse(options, given) == {"epochs": 7, "EPOCHS": 8, "other_weight": 9.0}


class OwnLine(ProjectSettings):
    arguments: str = option("lr=0.2", help="the command line of train.py")
    epochs: int = option(2, flags=("--epochs",))


def test_what_is_no_setting_is_the_line_of_a_program_that_reads_it_itself() -> None:
    options = {name: vars(OwnLine)[name] for name in ("arguments", "epochs")}
    assert parse(options, ["lr=0.5", "--epochs", "3", "model=a b"]) == {
        "arguments": "lr=0.5 'model=a b'",
        "epochs": 3,
    }
    assert parse(options, ["--arguments", "fit --x 1"]) == {"arguments": "fit --x 1"}
    with pytest.raises(Problem, match="--epoch_s"):
        parse(options, ["fit", "--epoch_s", "1"])
    assert parse(options, ["--epochs", "3"]) == {"epochs": 3}


def test_options_with_keys_are_spelt_as_hydra_has_them() -> None:
    class Settings(ProjectSettings):
        lr: float = option(0.1)
        name: str = option("sgd")
        sizes: list[int] = option([1])
        last: bool = option(False)
        none: int | None = option(1)

    settings = Settings(lr=1e-05, name="a b's", sizes=[2, 3], last=True, none=None)
    line = settings.given(
        {"optim.lr": "lr", "name": "name", "sizes": "sizes", "last": "last", "none": "none"}
    )
    assert line == ["optim.lr=1e-05", "name='a b\\'s'", "sizes=[2,3]", "last=true", "none=null"]
