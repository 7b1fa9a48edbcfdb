"""Command lines that are not understood as a whole: the options in them are settings, and the program gets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graduate import conversion
from graduate.model.plan import Level
from graduate.verify.report import render_text

SUBCOMMANDS = """\
import argparse

def parity(text):
    return {"even": 0, "odd": 1}[text]

def build():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command")
    train = commands.add_parser("train")
    train.add_argument("-e", "--epochs", type=int, default=2)
    train.add_argument("--rate", type=float, default=len("ab") / 4)
    train.add_argument("--kind", type=parity, default=0)
    train.add_argument("--names", nargs="+", default=["a"])
    train.add_argument("--verbose", action="store_true")
    train.add_argument("--tag", action="append", default=[])
    return parser

args, rest = build().parse_known_args()
print(args, rest)
for epoch in range(args.epochs):
    print(epoch * args.rate, args.kind)
"""

CLICK = """\
import click

@click.command()
@click.option("--epochs", "-e", default=2, help="how long")
@click.option("--rate", type=float, default=0.5)
@click.option("--loud", is_flag=True)
def main(epochs, rate, loud):
    for epoch in range(epochs):
        print(epoch * rate, loud)

if __name__ == "__main__":
    main()
"""

TYPER = """\
import typer

app = typer.Typer()

@app.command()
def main(n_epochs: int = 2, rate: float = 0.5):
    for epoch in range(n_epochs):
        print(epoch * rate)

if __name__ == "__main__":
    app()
"""

ELSEWHERE = {
    "options.py": "import argparse\n\ndef get():\n    parser = argparse.ArgumentParser()\n"
    "    parser.add_argument('--epochs', type=int, default=2)\n    return parser.parse_args()\n",
    "train.py": "import options\n\nargs = options.get()\nfor epoch in range(args.epochs):\n    print(epoch)\n",
}

OTHERS_PARSER = {
    "options.py": ELSEWHERE["options.py"] + "\n\ndef show():\n    parser = argparse.ArgumentParser()\n"
    "    parser.add_argument('--size', type=int, default=2)\n    print(parser.parse_args().size)\n"
    "\n\nif __name__ == '__main__':\n    show()\n",
    "train.py": ELSEWHERE["train.py"],
}
"""The function `show` of options.py is a program of its own: nothing else calls it."""

CONFIGURATOR = {
    "configurator.py": "import sys\nfrom ast import literal_eval\n\nfor arg in sys.argv[1:]:\n"
    "    key, value = arg[2:].split('=')\n    globals()[key] = literal_eval(value)\n",
    "train.py": "import math\nepochs = 2  # how long\nrate = 0.5\n"
    "exec(open('configurator.py').read())\nfor epoch in range(epochs):\n    print(epoch * rate)\n",
}

CASES: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "subcommands, own types, computed defaults, unknown options": (
        {"train.py": SUBCOMMANDS, "run.sh": "python train.py train --kind odd --more 1\n"},
        ("epochs=3", "rate=0.25", "names=x y", "verbose=true", "kind=even"),
        "0.5 0\n",
    ),
    "click": ({"train.py": CLICK}, ("epochs=3", "rate=0.25", "loud=true"), "0.5 True"),
    "typer": ({"train.py": TYPER}, ("n_epochs=4", "rate=2.0"), "6.0"),
    "constants that an executed file sets": (CONFIGURATOR, ("epochs=4", "rate=0.25"), "0.75"),
    "a parser in another module": (ELSEWHERE, ("epochs=5",), "4"),
}


@pytest.mark.parametrize("level", ["steps+loops", pytest.param("wrapped", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_options_reach_the_program(name: str, level: Level, tmp_path: Path) -> None:
    files, settings, printed = CASES[name]
    source = tmp_path / "study"
    source.mkdir()
    for path, text in files.items():
        (source / path).write_text(text)
    project = conversion.convert(source, tmp_path / "project", lock=False, level=level).out
    for given in ((), settings):
        verdict = conversion.verify(
            source, project, python=Path(sys.executable), settings=given, kills=0, timeout=60, seed=1
        )
        assert verdict.proved, render_text(verdict)
    flags = [f"--{setting}".replace("=true", "").replace("=x y", "=x") for setting in settings]
    command = [sys.executable, "-m", "study", "train-all", *flags]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert printed in done.stdout


def test_options_of_another_program_are_not_handed_on(tmp_path: Path) -> None:
    source = tmp_path / "study"
    source.mkdir()
    for path, text in OTHERS_PARSER.items():
        (source / path).write_text(text)
    project = conversion.convert(source / "train.py", tmp_path / "project", lock=False).out
    settings = (project / "configs" / "default.yaml").read_text()
    assert ("epochs" in settings, "size" in settings) == (True, False)
    called = OTHERS_PARSER["train.py"] + "options.show()\n"
    (source / "train.py").write_text(called)
    project = conversion.convert(source / "train.py", tmp_path / "again", lock=False).out
    assert "size" in (project / "configs" / "default.yaml").read_text()


def test_a_console_script_is_a_program(tmp_path: Path) -> None:
    source = tmp_path / "study"
    (source / "src" / "lab").mkdir(parents=True)
    (source / "src" / "lab" / "__init__.py").touch()
    (source / "src" / "lab" / "model.py").write_text("def step(w, x):\n    return w * 0.9 + x\n")
    (source / "src" / "lab" / "fit.py").write_text(
        "from .model import step\n\n\n" + ELSEWHERE["options.py"] + "\n\ndef main():\n    weight = 0.0\n"
        "    for epoch in range(get().epochs):\n        weight = step(weight, epoch)\n        print(epoch, weight)\n"
    )
    (source / "pyproject.toml").write_text(
        '[project]\nname = "lab"\n[project.scripts]\nfit-lab = "lab.fit:main"\n'
    )
    (source / "README.md").write_text("```\nfit-lab --epochs 4\n```\n")
    project = conversion.convert(source, tmp_path / "project", lock=False).out
    for settings, last in ((), "3 5.6"), (("epochs=5",), "4 9.0"):
        verdict = conversion.verify(
            source, project, python=Path(sys.executable), settings=settings, kills=1, timeout=60, seed=1
        )
        assert verdict.proved, render_text(verdict)
        flags = [f"--{each}" for each in settings]
        command = [sys.executable, "-m", "study", "train-all", *flags]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
        assert last in done.stdout
