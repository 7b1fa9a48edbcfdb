"""`configs/sweep.yaml`: examples that fit the settings, and that the project itself takes when the # is gone."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from graduate.emit.options import find_settings
from graduate.emit.sweep import choose_sweep_file, render_sweep
from graduate.model.facts import Option
from graduate.model.project import GeneratedModule, Modules
from graduate.model.source import Place
from graduate.runtime.configuration import ProjectSettings, option
from graduate.runtime.sweep_file import make_plan

EXAMPLES: dict[str, tuple[str, Any, str]] = {
    "lr": ("float", 1e-3, "{low: 0.0001, high: 0.01, log: true}"),
    "momentum": ("float", 0.9, "{low: 0.45, high: 0.95}"),
    "decay": ("float", 0.0, "{low: 0.0, high: 0.1}"),
    "scale": ("float", 4.0, "{low: 2.0, high: 8.0}"),
    "width": ("int", 64, "{low: 32, high: 128}"),
    "layers": ("int", 1, "{low: 1, high: 2}"),
    "nesterov": ("bool", False, "{choices: [true, false]}"),
    "epochs": ("int", 200, ""),
    "seed": ("int", 7, ""),
    "offset": ("int", 0, ""),
    "path": ("str", "out", ""),
}


def modules_of(text: str) -> Modules:
    return Modules("walk", (GeneratedModule("training/trainer.py", text, "generated"),), (), (), (), ())


def settings_of(examples: dict[str, tuple[str, Any, str]]) -> Any:
    made = [
        Option(name=name, annotation=kind, default=repr(value), kind="constant", place=Place("main.py", 1))
        for name, (kind, value, _) in examples.items()
    ]
    return find_settings(made, "walk")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_for_each_setting(name: str) -> None:
    text = render_sweep(settings_of({name: EXAMPLES[name]}), modules_of(""))
    wanted = EXAMPLES[name][2]
    assert (f"#   {name}: {wanted}" in text) if wanted else f"#   {name}:" not in text


def test_without_the_signs_it_is_a_plan() -> None:
    carried = "state = LoopState(val_loss=1.0, model=model, best_acc=0)\n"
    text = render_sweep(settings_of(EXAMPLES), modules_of(carried))
    assert "# Here there are: best_acc, val_loss." in text
    assert yaml.safe_load(text) == {"settings": None}
    used = re.sub(
        r"^# ?(?=metric:|direction:|  \w+: \{|command:|seed:|value:|prune:|startup:|warmup:|reuse:|keep:)",
        "",
        text,
        flags=re.MULTILINE,
    )
    used = re.sub(r"^#   (?=\w+: \{)", "  ", used, flags=re.MULTILINE)
    fields = {name: option(value) for name, (_, value, _) in EXAMPLES.items()}
    options = type("Settings", (ProjectSettings,), fields)._options
    plan = make_plan(yaml.safe_load(used), options, "configs/sweep.yaml")
    assert list(plan.space) == [name for name, (_, _, wanted) in EXAMPLES.items() if wanted]
    assert plan == make_plan(
        {
            key: value
            for key, value in yaml.safe_load(used).items()
            if key in ("metric", "direction", "settings")
        },
        options,
        "configs/sweep.yaml",
    ), "what is said is what holds otherwise"


def test_where_it_is() -> None:
    settings = settings_of(EXAMPLES)
    assert choose_sweep_file(settings, ["data.csv"]) == "configs/sweep.yaml"
    assert choose_sweep_file(settings, ["configs/sweep.yaml"]) == "configs/pipeline_sweep.yaml"
    assert choose_sweep_file((), []) == ""
