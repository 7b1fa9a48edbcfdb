"""Names of settings that the settings class or its module need for themselves."""

from __future__ import annotations

import ast
from importlib import resources

from graduate.model.facts import Option
from graduate.model.source import Place
from graduate.transform.render_settings import METHODS, name_fields


def test_every_method_of_the_settings_class_is_known() -> None:
    text = resources.files("graduate.runtime").joinpath("configuration.py").read_text()
    owner = next(n for n in ast.parse(text).body if getattr(n, "name", "") == "ProjectSettings")
    assert isinstance(owner, ast.ClassDef)
    public = {n.name for n in owner.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}
    assert public == METHODS


def test_constants_of_such_names_get_others() -> None:
    place = Place("train.py", 1, 1)
    names = ("values", "option", "int", "Path", "compile")
    fields = name_fields([Option(name, "int", "1", place, program="train") for name in names])
    assert list(fields.values()) == ["values_", "option_", "int_", "Path_", "compile"]


def test_values_of_files_are_settings_of_their_own() -> None:
    place = Place("run.yaml", 1, 1)
    options = [
        Option("lr", "float", "0.1", place, program="train"),
        Option("run.model.lr", "float", "0.1", place, "file", keys=("model", "lr")),
        Option("run.lr", "float", "0.1", place, "file", keys=("lr",)),
    ]
    assert list(name_fields(options).values()) == ["lr", "model_lr", "run_lr"]
