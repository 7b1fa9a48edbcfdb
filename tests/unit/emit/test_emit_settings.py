"""Settings as research code has them: whatever the value, the default file says the same as the code."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graduate.emit import check_project, render_project, write_project
from graduate.model.facts import Option
from graduate.model.source import Place
from graduate.transform.render_settings import render_settings
from made_bundle import make_bundle, make_source

PLACE = Place("walk.py", 2, 2)


def constant(name: str, annotation: str, default: str, help: str = "") -> Option:
    return Option(name, annotation, default, PLACE, help=help, program="walk")


CONSTANTS = (
    constant("SCALE", "float", "2.0"),
    constant("EPOCHS", "int", "200"),
    constant("text", "str", repr('it\'s "quoted" # and: a colon\nnew\ttab %s {x} \\ back')),
    constant("long", "str", repr("word " * 60)),
    constant("unicode", "str", repr("übergröße ✓ {{ x }} 🍕"), help="with\nlines"),
    constant("none", "int | None", "None"),
    constant("maybe", "str | None", "None"),
    constant("endless", "float", "float('inf')"),
    constant("nothing", "float", "float('nan')"),
    constant("tiny", "float", "1e-08"),
    constant("big", "float", "1e22"),
    constant("negative", "int", "-1"),
    constant("flag", "bool", "True"),
    constant("no", "str", "'no'"),
    constant("number", "str", "'1e3'"),
    constant("numbers", "list[str]", "['1e3', '2']"),
    constant("empty", "str", "''"),
    constant("sizes", "list[int]", "[1, 2]"),
    constant("betas", "tuple[float, float]", "(0.9, 0.999)"),
    constant("nested", "dict[str, float]", "{'a': 1.0}"),
    constant("by_number", "dict[tuple[int, int], str]", "{(1, 2): 'a'}"),
    constant("path", "Path", "Path('a/b.csv')"),
    constant("expression", "float", "2 * 3.5"),
)


def argument(name: str, annotation: str, default: str, *flags: str) -> Option:
    return Option(name, annotation, default, PLACE, "argument", flags=flags, program="walk")


ARGUMENTS = (
    replace(argument("quiet", "bool", "False", "--quiet"), action="store_true"),
    replace(argument("save", "bool", "True", "--no-save"), action="store_false"),
    replace(argument("verbose", "int", "0", "-v"), action="count"),
    replace(argument("many", "list[str]", "['a']", "--many"), nargs="'+'"),
    replace(argument("lr", "float", "0.1", "--learning-rate", "-l"), help="the rate | in 100%"),
    replace(argument("mode", "str", "'a'", "--mode"), choices=("'a'", "'b'")),
    replace(argument("k", "int", "1", "--k"), choices=("1", "2")),
    argument("switch", "bool", "True", "--switch"),
    replace(argument("infile", "str", "'in.csv'"), positional=True),
    replace(argument("need", "str", "", "--need"), required=True),
    replace(argument("token", "str", "'s3cr3t'", "--token"), secret=True),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with all these settings, written."""
    source = make_source(tmp_path_factory.mktemp("research") / "walk")
    bundle = make_bundle(source)
    options = (*CONSTANTS, *ARGUMENTS)
    text = render_settings("walk", [(option.name, option) for option in options])
    modules = tuple(
        replace(module, text=text) if module.path == "config/settings.py" else module
        for module in bundle.modules.modules
    )
    bundle = replace(bundle, modules=replace(bundle.modules, modules=modules, options=options))
    rendered = render_project(bundle)
    assert check_project(rendered, str(source)) == ()
    out = source.parent / "out"
    write_project(rendered, out, source_root=source)
    return out


def test_the_default_file_gives_the_values_of_the_code(project: Path) -> None:
    code = (
        "from walk.config.settings import Settings\nfrom walk.utils import configuration\n"
        "print(repr(Settings.load().values()))\n"
        "configuration.CONFIG_FILE = configuration.CONFIG_FILE.with_name('none.yaml')\n"
        "print(repr(Settings.load().values()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    with_file, without_file = done.stdout.splitlines()
    assert with_file == without_file
    assert "'number': '1e3'" in with_file


def test_lint_types_and_its_own_tests(project: Path) -> None:
    command = ["make", "-s", f"PYTHON={sys.executable}", "lint", "typecheck", "test"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_secret_is_only_where_the_author_put_it(project: Path) -> None:
    holders = [
        p for p in project.rglob("*") if p.is_file() and b"s3cr3t" in p.read_bytes() and p.suffix != ".pyc"
    ]
    assert {path.relative_to(project).as_posix() for path in holders} <= {"walk/config/settings.py"}
