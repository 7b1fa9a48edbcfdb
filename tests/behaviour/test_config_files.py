"""Values of configuration files are settings: the same run without them, and each of them reaches the program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from graduate import conversion
from graduate.verify.report import render_text
from harness import write_files

FILES = {
    "configs/base.yaml": "model:\n  width: 8   # hidden units\ntrain:\n  lr: 1e-2\n  epochs: 3\n",
    "opts.json": '{\n\t"noise": 0.5,\n\t"label": "run one"\n}\n',
    "run.ini": "[data]\nsamples = 20\n",
    "run.toml": 'scale = 2.0\n[out]\nfile = "out.txt"\n',
    "helpers.py": "import yaml\n\n\ndef load(path):\n    with open(path) as f:\n        return yaml.safe_load(f)\n",
    "configs/tune.yaml": "TUNE:\n  SIZES: [1, 2]\n  DECAY: 0.5\n",
    "node.py": """\
import yaml


class Node(dict):
    def merge_from_file(self, path):
        with open(path) as f:
            (found,) = yaml.safe_load_all(f)
        for key, values in found.items():
            self[key] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
""",
    "train.py": """\
import argparse, configparser, json, random, tomllib
from types import SimpleNamespace
import helpers
from node import Node

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="configs/base.yaml")
args = parser.parse_args()
cfg = helpers.load(args.config)
with open("opts.json") as handle:
    opts = json.loads(handle.read(), object_hook=lambda found: SimpleNamespace(**found))
ini = configparser.ConfigParser()
ini.read(["run.ini"])
with open("run.toml", "rb") as f:
    extra = tomllib.load(f)
cfg_node = Node()
cfg_node.merge_from_file("configs/tune.yaml")
print(cfg_node["TUNE"]["SIZES"], cfg_node["TUNE"]["DECAY"])
random.seed(3)
w = 0.0
for epoch in range(cfg["train"]["epochs"]):
    for _ in range(int(ini["data"]["samples"])):
        w += float(cfg["train"]["lr"]) * (random.random() - opts.noise) * cfg["model"]["width"] * extra["scale"]
    print(epoch, w)
print(opts.label)
with open(extra["out"]["file"], "w") as out:
    out.write(str(w))
""",
}
SETTINGS = (
    *("epochs=2", "lr=0.5", "samples=4", "noise=0.25", "scale=3", "width=2", "label=two", "file=x.txt"),
    "DECAY=0.1",
)


def _run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "study", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_values_of_files_reach_the_program(tmp_path: Path) -> None:
    source = tmp_path / "study"
    for path, text in FILES.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    for given in ((), SETTINGS):
        verdict = conversion.verify(
            source, project, python=Path(sys.executable), settings=given, kills=0, timeout=60, seed=1
        )
        assert verdict.proved, render_text(verdict)
    assert {path: (source / path).read_text() for path in FILES} == FILES
    usual = _run(project, "train-all")
    assert "run one" in usual.stdout
    assert "(5, 6) 0.5" in _run(project, "train-all", "--SIZES=[5, 6]").stdout
    # The file can still be edited, and a setting wins over it, also with the value of the day of conversion.
    (project / "run.ini").write_text("[data]\nsamples = 1\n")
    edited = _run(project, "train-all")
    assert edited.stdout != usual.stdout
    assert _run(project, "train-all", "--samples=20").stdout == usual.stdout
    assert "label" in _run(project, "status", "--label=other").stdout
    # A file without the part says so.
    (project / "run.ini").write_text("[other]\n")
    failed = _run(project, "train-all", "--samples=5")
    assert failed.returncode != 0
    assert "'samples' has no place in run.ini" in failed.stderr


def test_files_that_are_called_like_those_of_the_project(tmp_path: Path) -> None:
    source = tmp_path / "study"
    (source / "configs").mkdir(parents=True)
    (source / "configs/default.yaml").write_text("lr: 0.5\n")
    (source / "data").mkdir()
    (source / "data/manifest.json").write_text('{"files": {"x": 2}}')
    (source / "README.md").write_text("# Mine\n")
    (source / "train.py").write_text(
        """\
import json, yaml
steps = 2
with open("configs/default.yaml") as f:
    cfg = yaml.safe_load(f)
files = json.load(open("data/manifest.json"))["files"]
for i in range(steps):
    print(i, cfg["lr"] * files["x"])
print(len(open("README.md").read()) > 0)
"""
    )
    made = conversion.convert(source, tmp_path / "project", lock=False)
    assert [(each.code, str(each.place)) for each in made.modules.hazards] == [("G112", "train.py:8")]
    settings = (made.out / "configs/default.yaml").read_text()
    assert "steps: 2" in settings
    assert "lr: 0.5" in settings
    assert (made.out / "data/workspace/configs/default.yaml").read_text() == "lr: 0.5\n"
    verdict = conversion.verify(source, made.out, python=Path(sys.executable), kills=0, timeout=60, seed=1)
    assert verdict.proved, render_text(verdict)
    (made.out / "configs/default.yaml").write_text("steps: 1\nlr: 2.0\n")
    assert _run(made.out, "train-all").stdout == "0 4.0\nTrue\n"


def test_the_project_gives_way_where_the_research_code_has_a_settings_file_of_its_name(
    tmp_path: Path,
) -> None:
    source = tmp_path / "study"
    (source / "configs").mkdir(parents=True)
    (source / "configs/default.yaml").write_text("lr: 0.5\n")
    (source / "train.py").write_text(
        "import yaml\nsteps = 2\nlr = yaml.safe_load(open('configs/default.yaml'))['lr']\nprint(lr * steps)\n"
    )
    made = conversion.convert(source, tmp_path / "project", lock=False)
    assert made.modules.hazards == ()
    assert "steps: 2" in (made.out / "configs/settings.yaml").read_text()
    (made.out / "configs/settings.yaml").write_text("steps: 3\nlr: 2.0\n")
    assert _run(made.out, "train-all").stdout == "6.0\n"


def test_environment_variables_are_settings(tmp_path: Path) -> None:
    source = tmp_path / "study"
    source.mkdir()
    (source / "util.py").write_text(
        'import os\nROOT = os.getenv("STUDY_ROOT_X", "data")\n'
        'IN_BOX_X = os.environ.get("IN_BOX_X", "no").lower() == "yes"\n'
    )
    (source / "train.py").write_text(
        """\
import os
import util
steps = int(os.environ.get("N_STEPS", 3))
os.environ["MINE"] = "1"
for i in range(steps):
    print(i, util.ROOT, util.IN_BOX_X, os.getenv("DEBUG_X"), os.environ.get("MINE", "0"))
"""
    )
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    for given in ((), ("N_STEPS=2", "DEBUG_X=yes", "STUDY_ROOT_X=there", "IN_BOX_X=Yes")):
        verdict = conversion.verify(
            source, project, python=Path(sys.executable), settings=given, kills=0, timeout=60, seed=1
        )
        assert verdict.proved, render_text(verdict)
    environment = {**os.environ, "N_STEPS": "1", "DEBUG_X": "on"}
    command = [sys.executable, "-m", "study", "train-all", "--debug_x=off"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "0 data False off 1\n"
    assert "N_STEPS changed from '1' to 3" in _run(project, "status", "--debug_x=off").stdout


def test_values_of_configuration_objects_are_settings(tmp_path: Path) -> None:
    source = write_files(
        tmp_path / "study",
        {
            "config.py": """\
class CN(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

_C = CN()
_C.NAME = "run"  # what it is called
_C.TRAIN = CN()
_C.TRAIN.LR = 0.1
_C.TRAIN.STEPS = 4
_C.TEST = CN()
_C.TEST.STEPS = 2
_C.TEST.TWICE = 1
_C.TEST.TWICE = 2


def get_cfg():
    return _C
""",
            "train.py": """\
from types import SimpleNamespace
from config import get_cfg

cfg = get_cfg()
own = SimpleNamespace()
own.scale = 2.5
own.name = "a" + cfg.NAME
x = 0.0
for step in range(cfg.TRAIN.STEPS):
    x += cfg.TRAIN.LR * own.scale
    print(step, x)
for step in range(cfg.TEST.STEPS):
    print(own.name, step, cfg.TEST.TWICE)
""",
        },
    )
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    settings = yaml.safe_load((project / "configs/default.yaml").read_text())
    assert settings == {"scale": 2.5, "NAME": "run", "LR": 0.1, "STEPS": 4, "TEST_STEPS": 2}
    given = ("LR=0.2", "TEST_STEPS=1", "scale=3.0", "STEPS=3", "NAME=x")
    verdict = conversion.verify(
        source, project, python=Path(sys.executable), settings=given, kills=0, timeout=60, seed=1
    )
    assert verdict.proved, render_text(verdict)
