"""Texts of research code that mean something to make, Markdown, YAML, TOML, Jinja or Python stay what they are."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graduate.emit import check_project, render_project, write_project
from graduate.model.facts import DataFile, Hazard
from graduate.model.source import Place
from made_bundle import make_bundle, make_source

TITLE = 'Ada\'s "walk" {{ x }} {% y %} \\ $(HOME) # `z` \n new line \'\'\'  """ ' + "long " * 40
FOLDER = 'research $x `a` | b\'s "q"'
FILES = (
    "a b.csv",
    "ü/ö $x.csv",
    'it\'s "q".json',
    "pipe|tick`.txt",
    "deep er/x/y z.csv",
    "#hash.csv",
    "%p.csv",
    'tests/my "walk" it.py',
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = make_source(tmp_path_factory.mktemp("awkward") / FOLDER)
    files = []
    for name in FILES:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        digest = hashlib.sha256(name.encode()).hexdigest()
        files.append(DataFile(name, path.stat().st_size, digest, True, Place("walk.py", 3, 3)))
    bundle = make_bundle(source)
    hazard = Hazard("G104", "a | b `c` \n d", Place("a b|c.py", 1, 2))
    bundle = replace(
        bundle,
        data_files=(*bundle.data_files, *files),
        title=TITLE,
        modules=replace(bundle.modules, hazards=(hazard,)),
    )
    rendered = render_project(bundle)
    assert check_project(rendered, str(source)) == ()
    out = source.parent / "out put"
    write_project(rendered, out, source_root=source)
    return out


def test_files_are_found_under_their_names(project: Path) -> None:
    assert [(project / name).read_text() for name in FILES] == list(FILES)


def test_every_row_of_a_table_has_its_cells(project: Path) -> None:
    lines = (project / "README.md").read_text().split("\n")
    rows = [line for line in lines if line.startswith("| `") and "data/" in line]
    assert any("pipe\\|tick'.txt" in row for row in rows)
    assert {row.replace("\\|", "").count("|") for row in rows if "make " not in row} == {4}
    assert "- `G104` a \\| b 'c' d (`a b\\|c.py:1`)" in lines


def test_it_works(project: Path) -> None:
    targets = ("help", "lint", "typecheck", "test", "train-all", "validate-data", "status")
    command = ["make", "-s", f"PYTHON={sys.executable}", *targets]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
