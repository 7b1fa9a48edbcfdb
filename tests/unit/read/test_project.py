"""Folders and single files: what is walked, which programs there are, in which order, under which name."""

from __future__ import annotations

from pathlib import Path

import pytest
from notebooks import write_notebook

from graduate.errors import ReadError
from graduate.model.source import Sources
from graduate.read.names import find_name
from graduate.read.project import read_project


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".ipynb"):
            write_notebook(root / path, text)
        else:
            (root / path).write_text(text, encoding="utf-8")
    return root


def read(root: Path, files: dict[str, str]) -> Sources:
    return read_project(lay_out(root / "spirals", files))


def programs(sources: Sources) -> list[str]:
    return [program.path for program in sources.programs]


GUARD = "\nif __name__ == '__main__':\n    main()\n"

ORDERS: list[tuple[str, dict[str, str], list[str]]] = [
    ("one script", {"train.py": "print(1)"}, ["train.py"]),
    ("all of it tried", {"t.py": "try:\n    print(1)\nexcept Exception:\n    pass"}, ["t.py"]),
    (
        "an import tried makes no program",
        {"t.py": "print(1)", "m.py": "try:\n    import x\nexcept ImportError:\n    x = None"},
        ["t.py"],
    ),
    (
        "a module is no program",
        {"train.py": "import data\nprint(1)", "data.py": "x = 1\nprint(x)"},
        ["train.py"],
    ),
    (
        "a guard in an imported module is a self-test",
        {"train.py": "import model\nmodel.fit()", "model.py": "def fit(): ..." + GUARD},
        ["train.py"],
    ),
    (
        "an imported module with options is a program",
        {"go.py": "import one\none.f()", "one.py": "import argparse\ndef f(): ..." + GUARD},
        ["go.py", "one.py"],
    ),
    (
        "an imported module with a program's name is a program",
        {"evaluate.py": "import train\ntrain.f()", "train.py": "def f(): ..." + GUARD},
        ["train.py", "evaluate.py"],
    ),
    (
        "notebooks by number",
        {"10_b.ipynb": "1", "2_a.ipynb": "1", "1_c.ipynb": "1"},
        ["1_c.ipynb", "2_a.ipynb", "10_b.ipynb"],
    ),
    (
        "numbered first",
        {"a.py": "print(1)", "02_x.py": "print(1)", "01_y.py": "print(1)"},
        ["01_y.py", "02_x.py", "a.py"],
    ),
    (
        "who reads goes after who writes",
        {"a.py": "import pandas as pd\npd.read_csv('c.csv').sum()", "b.py": "df.to_csv('c.csv')"},
        ["b.py", "a.py"],
    ),
    (
        "commands decide",
        {"a.py": "print(1)", "b.py": "print(1)", "c.py": "print(1)", "run.sh": "python b.py\npython a.py\n"},
        ["b.py", "a.py", "c.py"],
    ),
    (
        "rules have no order, files do",
        {
            "a.py": "import pandas as pd\npd.read_csv('c.csv').to_csv('d.csv')",
            "b.py": "df.to_csv('c.csv')",
            "z.py": "open('d.csv').read()",
            "Makefile": "all: d.csv\n\tpython z.py\nd.csv: c.csv\n\tpython a.py\nc.csv:\n\tpython b.py\n",
        },
        ["b.py", "a.py", "z.py"],
    ),
    (
        "a command makes an imported module a program",
        {
            "a.py": "import b\nb.f()",
            "b.py": "def f(): ..." + GUARD,
            "Makefile": "all:\n\tpython b.py && python a.py",
        },
        ["b.py", "a.py"],
    ),
    (
        "what only defines, tests, setup and docs are no programs",
        {
            "a.py": "print(1)",
            "lib.py": "def f(): ...\nX = 3\nclass C: ...",
            "test_a.py": "print(1)",
            "tests/helper.py": "print(1)",
            "conftest.py": "print(1)",
            "setup.py": "from setuptools import setup\nsetup()",
            "docs/conf.py": "print(1)",
        },
        ["a.py"],
    ),
    (
        "names that say where in a study a program stands",
        {
            f"{name}.py": "print(1)"
            for name in (
                "evaluate",
                "main",
                "make_data",
                "plot_results",
                "eval_train",
                "train_model",
                "download",
                "retrain",
                "preprocess-text",
                "a_predict",
            )
        },
        [
            *("download.py", "make_data.py", "preprocess-text.py", "main.py", "retrain.py", "train_model.py"),
            *("a_predict.py", "eval_train.py", "evaluate.py", "plot_results.py"),
        ],
    ),
    (
        "packages run with -m",
        {
            "pkg/__init__.py": "",
            "pkg/fit.py": "from . import net" + GUARD,
            "pkg/net.py": "x = 1",
            "run.sh": "python -m pkg.fit",
        },
        ["pkg/fit.py"],
    ),
    (
        "a script that another one starts is no program",
        {"all.py": "import subprocess\nsubprocess.run(['python', 'part.py'])", "part.py": "print(1)"},
        ["all.py"],
    ),
    (
        "a file that %run runs is no program",
        {"n.ipynb": "%run prepare.py", "prepare.py": "print(1)"},
        ["n.ipynb"],
    ),
    (
        "an export of a notebook is no program",
        {"n.ipynb": "x = 1\nprint(x)", "n.py": "x = 1\nprint(x)\n"},
        ["n.ipynb"],
    ),
    (
        "broken, and imported on a condition",
        {"a.py": "def f(x):\n    if x:\n        import old\nf(0)", "old.py": "print 'x'"},
        ["a.py"],
    ),
    ("broken but not needed", {"a.py": "print(1)", "old.py": "print 'x'"}, ["a.py"]),
    ("an empty notebook is passed over", {"a.py": "print(1)", "Untitled.ipynb": ""}, ["a.py"]),
]


@pytest.mark.parametrize(("files", "expected"), [o[1:] for o in ORDERS], ids=[o[0] for o in ORDERS])
def test_programs_in_order(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    assert programs(read(tmp_path, files)) == expected


COMMANDS = [
    ("run.sh", "python train.py --epochs 30", ("--epochs", "30"), "run.sh:1"),
    (
        "run.sh",
        "#!/bin/sh\n\nCUDA_VISIBLE_DEVICES=0 python3 -u train.py \\\n  --lr 0.1 > log.txt 2>&1 &",
        ("--lr", "0.1"),
        "run.sh:3",
    ),
    (
        "run.sh",
        'E=5\npython train.py --epochs $E --name "a b" | tee x',
        ("--epochs", "5", "--name", "a b"),
        "run.sh:2",
    ),
    ("run.sh", "for s in 1 2; do python train.py --seed $s; done", (), "run.sh:1"),
    ("Makefile", "train:\n\t@python train.py -n 3", ("-n", "3"), "Makefile:2"),
    ("README.md", "# Use\n\n```bash\n$ python train.py --n 3\n```\n", ("--n", "3"), "README.md:4"),
    ("README.md", "```\npython train.py --help\npython train.py --data <path>\n```", (), "README.md:3"),
    ("README.md", "    python train.py --n 3\n", ("--n", "3"), "README.md:1"),
    ("README.md", "Run python train.py --n 3 now.", (), ""),
    ("run.sh", "torchrun --nproc_per_node 2 train.py --n 3", ("--n", "3"), "run.sh:1"),
    ("run.sh", "python -m train --n 3", ("--n", "3"), "run.sh:1"),
    ("run.sh", "python other.py --n 3", (), ""),
    ("job.slurm", "#!/bin/bash\n#SBATCH -N 1\nsrun python train.py --n 3", ("--n", "3"), "job.slurm:3"),
    (
        "dvc.yaml",
        "stages:\n  fit:\n    cmd: python train.py --n 3\n    deps: [train.py]",
        ("--n", "3"),
        "dvc.yaml:3",
    ),
    (
        "dvc.yaml",
        "stages:\n  a:\n    wdir: data\n    cmd: ls\n  fit:\n    cmd:\n      - mkdir x\n      - python train.py -n 3",
        ("-n", "3"),
        "dvc.yaml:8",
    ),
    ("dvc.yaml", "stages: [\n  python train.py --n 3", (), ""),
    ("Snakefile", "rule fit:\n    shell: 'python train.py --n 3'", ("--n", "3"), "Snakefile:2"),
    ("Snakefile", 'rule fit:\n    shell:\n        "python train.py --out {output}"', (), "Snakefile:3"),
]


@pytest.mark.parametrize(("file", "text", "arguments", "origin"), COMMANDS)
def test_arguments_come_from_commands(
    tmp_path: Path, file: str, text: str, arguments: tuple[str, ...], origin: str
) -> None:
    (program,) = read(tmp_path, {"train.py": "print(1)", file: text}).programs
    assert (program.arguments, program.origin) == (arguments, origin)


def test_program_names(tmp_path: Path) -> None:
    sources = read(
        tmp_path,
        {
            "01_clean data.ipynb": "1",
            "a/train.py": "print(1)",
            "b/train.py": "print(1)",
            "pkg/__main__.py": "print(1)",
        },
    )
    assert [program.name for program in sources.programs] == ["clean_data", "a_train", "b_train", "pkg"]


NAMES = [
    ("spirals", "spirals"),
    ("My Project-2", "my_project_2"),
    ("Übung", "ubung"),
    ("2024_wine", "wine"),
    ("2024", "project_2024"),
    ("class", "class_project"),
    ("match", "match_project"),
    ("json", "json_project"),
    ("torch", "torch_project"),
    ("13_hypothesis", "hypothesis_project"),
    ("Pandas", "pandas_project"),
    ("tests", "tests_project"),
    ("test", "project_test_project"),
    ("test_run", "project_test_run"),
    ("---", "project"),
]


@pytest.mark.parametrize(("stem", "name"), NAMES)
def test_name(stem: str, name: str) -> None:
    assert find_name(stem, {"torch"}) == name
    assert name.isidentifier()


def test_walk_leaves_out_what_people_do_not_write(tmp_path: Path) -> None:
    root = lay_out(
        tmp_path / "spirals",
        {
            "train.py": "print(1)",
            "data/a.csv": "1",
            "README.md": "hello",
            "big.yaml": "x" * 200_000,
            ".git/x.py": "1",
            ".ipynb_checkpoints/n.ipynb": "1",
            "__pycache__/x.py": "1",
            "env/pyvenv.cfg": "",
            "env/x.py": "1",
            "node_modules/x.py": "1",
            "spirals.egg-info/x.py": "1",
            "spirals-production/conversion.json": "{}",
            "spirals-production/x.py": "1",
            "build/x.py": "1",
            "net/build/__init__.py": "",
            "net/__init__.py": "",
            "test_train.py": "x = 1",
        },
    )
    sources = read_project(root)
    assert [module.path for module in sources.modules] == [
        "net/__init__.py",
        "net/build/__init__.py",
        "train.py",
    ]
    assert [file.path for file in sources.files] == ["README.md", "big.yaml", "data/a.csv", "test_train.py"]
    assert dict(sources.texts) == {"README.md": "hello"}
    assert sources.root == str(root)
    assert sources.name == "spirals"


def test_links_to_files_are_read_once(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "spirals", {"train.py": "print(1)", "data/a.csv": "1"})
    (root / "z.py").symlink_to("train.py")
    (root / "b.csv").symlink_to("data/a.csv")
    (root / "broken.csv").symlink_to("gone")
    sources = read_project(root)
    assert programs(sources) == ["train.py"]
    assert [file.path for file in sources.files] == ["b.csv", "data/a.csv"]


def test_single_file_with_the_modules_it_needs(tmp_path: Path) -> None:
    root = lay_out(
        tmp_path,
        {
            "My Train.py": "import a\nfrom pkg import b\nprint(1)",
            "a.py": "import deep",
            "deep.py": "",
            "pkg/__init__.py": "",
            "pkg/b.py": "from .c import x",
            "pkg/c.py": "x = 1",
            "other.py": "print(1)",
            "broken.py": "print 'x'",
            "data.csv": "1",
            "1/2/3/4/too_deep.csv": "1",
            "requirements.txt": "numpy",
        },
    )
    sources = read_project(root / "My Train.py")
    paths = [module.path for module in sources.modules]
    assert paths == ["My Train.py", "a.py", "deep.py", "pkg/__init__.py", "pkg/b.py", "pkg/c.py"]
    assert (sources.name, programs(sources)) == ("my_train", ["My Train.py"])
    assert [file.path for file in sources.files] == ["data.csv", "requirements.txt"]
    assert dict(sources.texts) == {"requirements.txt": "numpy"}


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    files = {"b.py": "print(1)", "a.py": "print(2)", "n.ipynb": "!ls\nx", "d/x.csv": "1", "d/a.csv": "2"}
    assert read(tmp_path, files) == read(tmp_path, files)


def test_links_around_one_file_are_no_matter(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to("..")
    assert [program.path for program in read_project(tmp_path / "a.py").programs] == ["a.py"]


def test_what_makes_a_file_a_test_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "copy_test.py").write_text("print('an experiment')\n")
    (tmp_path / "test_sums.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n")
    (tmp_path / "sums_test.py").write_text("import unittest\nunittest.main()\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "check.py").write_text("print('a check')\n")
    sources = read_project(tmp_path)
    assert [program.path for program in sources.programs] == ["copy_test.py"]
    assert [module.path for module in sources.modules] == ["copy_test.py"]


def test_files_that_cannot_be_read_and_nobody_needs_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print(1)")
    (tmp_path / "old.py").write_text("x = 1\nprint 'old'")
    write_notebook(tmp_path / "n.ipynb", "x = 1", "y = 2\nz = (")
    (tmp_path / "self").symlink_to("self")
    sources = read_project(tmp_path)
    assert [(str(each.place), each.why.partition(" (")[0]) for each in sources.unread] == [
        ("n.ipynb#cell2:2", "n.ipynb is not valid Python. z ="),
        ("old.py:2", "old.py is Python 2 code. print 'old' "),
        ("self:1", "the link points to itself"),
    ]
    assert {"n.ipynb", "old.py"} <= {file.path for file in sources.files}


def test_what_people_run_may_be_unreadable_only_beside_programs_that_are_not(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print 'old'")
    (tmp_path / "a.py").write_text("print(1)")
    (tmp_path / "run.sh").write_text("python old.py\npython a.py\n")
    assert [program.path for program in read_project(tmp_path).programs] == ["a.py"]
    assert [each.place.path for each in read_project(tmp_path).unread] == ["old.py"]
    (tmp_path / "run.sh").write_text("python old.py\n")
    with pytest.raises(ReadError, match="Python 2 code"):
        read_project(tmp_path)
    (tmp_path / "run.sh").write_text("python old.py\npython a.py\n")
    (tmp_path / "a.py").write_text("import old\nprint(1)")
    with pytest.raises(ReadError, match="Python 2 code"):
        read_project(tmp_path)


def test_async_was_a_name(tmp_path: Path) -> None:
    text = "def f(t, async=False):\n    return t.cuda(async=True), async\n\nasync def g():\n    pass\n# async=1\n"
    (tmp_path / "a.py").write_text(text)
    write_notebook(tmp_path / "n.ipynb", "x = 1", "f(async=x)\nprint('async = 1')")
    script, notebook = read_project(tmp_path).modules
    changed = "def f(t, async_=False):\n    return t.cuda(non_blocking=True), async_\n"
    assert script.text == f"{changed}\nasync def g():\n    pass\n# async=1\n"
    assert [str(place) for place in script.renamed] == ["a.py:1", "a.py:2", "a.py:2"]
    assert "f(async_=x)\nprint('async = 1')" in notebook.text
    assert [str(place) for place in notebook.renamed] == ["n.ipynb#cell2:1"]


def test_what_only_assigns_or_decides_is_a_program_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("import math\nROOT = math.sqrt(2)\n")
    (tmp_path / "a.py").write_text(
        "from helper import ROOT\n\ndef f():\n    return 1\n\nif f() > ROOT:\n    print(f())\n"
    )
    assert [program.path for program in read_project(tmp_path).programs] == ["a.py"]
    (tmp_path / "run.py").write_text("import a\nprint(a.f())\n")
    assert [program.path for program in read_project(tmp_path).programs] == ["run.py"]


def test_a_folder_that_is_written_into_does_not_give_the_package_its_name(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.py").write_text("open('runs/log.txt', 'w').write('x')\nprint('done')\n")
    assert read_project(tmp_path / "runs").name == "runs_project"
    (tmp_path / "runs" / "a.py").write_text("print('runs')\n")
    assert read_project(tmp_path / "runs").name == "runs"


TOOL = "import argparse\n\n\ndef main():\n    argparse.ArgumentParser().parse_args()\n    print(1)\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "setup.py",
            "from setuptools import setup\n\nsetup(entry_points={'console_scripts': ['fit-it = lab.fit:main']})",
        ),
        (
            "setup.py",
            "import setuptools\nsetuptools.setup(entry_points='''\n[console_scripts]\nfit-it=lab.fit:main\n''')",
        ),
        ("setup.cfg", "[options.entry_points]\nconsole_scripts =\n    fit-it = lab.fit:main\n"),
        ("pyproject.toml", '[project.scripts]\nfit-it = "lab.fit:main"\n'),
        ("pyproject.toml", '[tool.poetry.scripts]\nfit-it = "lab.fit:main"\n'),
    ],
)
def test_console_scripts(tmp_path: Path, path: str, text: str) -> None:
    """A command that the project would install is a program, and is known in the README."""
    files = {"lab/__init__.py": "", "lab/fit.py": TOOL, path: text}
    sources = read(tmp_path / "a", {**files, "README.md": "```\n$ fit-it --rate 0.1\n```\n"})
    (program,) = sources.programs
    assert (program.path, program.arguments, program.origin) == (
        "fit_it.py",
        ("--rate", "0.1"),
        "README.md:2",
    )
    module = sources.module(program.path)
    assert module.text == "from lab.fit import main\n\nmain()\n"
    assert str(module.place(3)) == f"{path}:{1 + text[: text.index('lab.fit')].count(chr(10))}"
    (program,) = read(tmp_path / "b", {**files, "fit_it.py": "x = 1"}).programs
    assert (program.path, program.arguments) == ("run_fit_it.py", ())


@pytest.mark.parametrize(
    "files",
    [
        {"lab/fit.py": TOOL + GUARD},
        {"lab/fit.py": TOOL, "train.py": "from lab.fit import main\nmain()\n"},
        {"lab/fit.py": "x = 1\n", "train.py": "print(1)"},
    ],
)
def test_console_scripts_that_are_no_programs_of_their_own(tmp_path: Path, files: dict[str, str]) -> None:
    declared = {"pyproject.toml": '[project.scripts]\nfit = "lab.fit:main"\n', "lab/__init__.py": ""}
    assert programs(read(tmp_path, {**declared, **files})) == [list(files)[-1]]


def test_programs_that_need_what_cannot_be_read_are_left_out_beside_others(tmp_path: Path) -> None:
    files = {"good.py": "import fine\nprint(1)", "fine.py": "x = 1", "bad.py": "import mid\nprint(2)"}
    files |= {"mid.py": "import broken", "broken.py": "def f(:\n"}
    sources = read(tmp_path / "a", files)
    assert programs(sources) == ["good.py"]
    assert [module.path for module in sources.modules] == ["fine.py", "good.py"]
    whys = [(str(each.place), each.why) for each in sources.unread]
    assert whys[0][0] == "broken.py:1"
    assert whys[1:] == [
        (f"{name}.py:1", "it needs broken.py, which cannot be read") for name in ("bad", "mid")
    ]
    commanded = {**files, "run.sh": "python bad.py\n"}
    for number, each in enumerate([commanded, {**files, "good.py": "import mid\nprint(1)"}]):
        with pytest.raises(ReadError, match="not valid Python"):
            read(tmp_path / f"b{number}", each)
