"""Which values of configuration files are settings: of files that the code loads, and of what hydra composes."""

from __future__ import annotations

from pathlib import Path

from graduate.analyse import analyse
from graduate.model.facts import Option
from graduate.read.project import read_project

HYDRA = """\
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print(cfg.epochs)

if __name__ == "__main__":
    main()
"""
LOADS = """\
import json, yaml
name = "b"
print(yaml.safe_load(open("conf/a.yaml")))
print(json.load(open("points.json")))
"""
HELPER = "import yaml\n\n\ndef load(path):\n    return yaml.safe_load(open(path))\n"


def read(tmp_path: Path, files: dict[str, str]) -> tuple[tuple[Option, ...], tuple[Option, ...]]:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    facts = analyse(read_project(tmp_path))
    return facts.file_options, facts.programs[0].passed


def test_the_values_of_hydra_and_of_the_groups_that_it_chooses(tmp_path: Path) -> None:
    files = {
        "train.py": HYDRA,
        "conf/config.yaml": "defaults: [model: small, override hydra/launcher: basic, _self_]\n"
        "epochs: 3\noptim: {lr: 0.1}\nroot: ${oc.env:HOME}\n",
        "conf/model/small.yaml": "width: 4\n",
        "conf/model/big.yaml": "width: 40\n",
    }
    loaded, passed = read(tmp_path, files)
    assert loaded == ()
    assert {(".".join(o.keys) or o.name, o.annotation, o.default) for o in passed} == {
        ("multirun", "bool", "False"),
        ("model", "str", "'small'"), ("epochs", "int", "3"), ("optim.lr", "float", "0.1"), ("model.width", "int", "4"),
    }  # fmt: skip
    assert [o.choices for o in passed if o.keys == ("model",)] == [("'big'", "'small'")]


def test_files_that_are_named_and_loaded(tmp_path: Path) -> None:
    files = {
        "train.py": LOADS,
        "conf/a.yaml": "lr: 0.1\napi_key: sk-123456789\nrows: [[1, 2]]\n",
        "conf/b.yaml": "lr: 0.2\n",
        "points.json": '{"x": 1}',
    }
    loaded, _ = read(tmp_path, files)
    assert [(o.place.path, o.keys, o.secret) for o in loaded] == [
        ("conf/a.yaml", ("lr",), False), ("conf/a.yaml", ("api_key",), True),
    ]  # fmt: skip


def test_a_file_that_only_an_option_names(tmp_path: Path) -> None:
    entry = (
        'import argparse, helpers\np = argparse.ArgumentParser()\np.add_argument("--config", default="b.yaml")\n'
        "print(helpers.load(p.parse_args().config))\n"
    )
    files = {"train.py": entry, "helpers.py": HELPER, "conf/b.yaml": "lr: 0.2\n", "conf/c.yaml": "lr: 0.3\n"}
    loaded, _ = read(tmp_path, files)
    assert [(o.place.path, o.place.line, o.default) for o in loaded] == [("conf/b.yaml", 1, "0.2")]


def test_a_file_with_very_many_values_is_data(tmp_path: Path) -> None:
    files = {
        "train.py": LOADS,
        "conf/a.yaml": "".join(f"k{n}: {n}\n" for n in range(400)),
        "points.json": "{}",
    }
    assert read(tmp_path, files)[0] == ()


def test_environment_variables_that_the_program_is_given(tmp_path: Path) -> None:
    code = """\
import os
from os import environ, getenv
a = os.environ.get("DATA", "data")
b = getenv("API_KEY")
c = int(environ.get("STEPS", 3))
d = os.environ.get("TWICE", "1"), os.environ.get("TWICE", "2")
os.environ["MINE"] = "x"
e = os.getenv("MINE", "y"), os.getenv("RANK", 0), os.getenv("SLURM_JOB_ID")
g = os.getenv("SMOOTH"), os.getenv("COMPUTED", a)
print(f"{os.getenv('IN_TEXT', '1')}", a, b, c, d, e)
"""
    (tmp_path / "train.py").write_text(code)
    options = [o for o in analyse(read_project(tmp_path)).programs[0].options if o.kind == "environment"]
    assert [(o.name, o.annotation, o.default, o.secret) for o in options] == [
        ("DATA", "str", "'data'", False), ("API_KEY", "str | None", "None", True), ("STEPS", "int | str", "3", False),
        ("SMOOTH", "str | None", "None", False),
    ]  # fmt: skip
    (tmp_path / "train.py").write_text(code + "os.environ.update(settings)\n")
    assert not [o for o in analyse(read_project(tmp_path)).programs[0].options if o.kind == "environment"]
