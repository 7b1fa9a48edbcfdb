"""Which files of the source folder the programs need."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from graduate.analyse import data_files
from graduate.analyse.data_files import find_data_files
from graduate.model.facts import DataFile
from graduate.model.source import OtherFile, Place, Program, SourceModule, Sources


def lay_out(
    root: Path, code: str, files: dict[str, str], *, module: str = "train.py", arguments: tuple[str, ...] = ()
) -> Sources:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    others = tuple(OtherFile(path, len(text)) for path, text in sorted(files.items()))
    texts = tuple(
        (path, text) for path, text in sorted(files.items()) if path.endswith((".yaml", ".sh", ".md", ".txt"))
    )
    return Sources(
        "x",
        str(root),
        (SourceModule(module, "script", code),),
        (Program("train", module, arguments),),
        others,
        texts,
    )


CASES = [
    ("exact path", "f('data/a.bin2')", ["data/a.bin2"], []),
    ("base name", "os.path.join(d(), 'a.bin2')", ["data/a.bin2"], []),
    ("joined", "os.path.join('data', 'a.bin2')", ["data/a.bin2"], ["b.bin2"]),
    ("folder", "os.listdir('data')", ["data/a.x1", "data/deep/b"], ["other/a.x1"]),
    ("folder of images", "ImageFolder(Path('data') / 'train')", ["data/train/a/1.x1"], ["data/valid/a/1.x1"]),
    ("glob", "glob.glob('data/*.x1')", ["data/a.x1"], ["data/a.x2", "data/deep/a.x1"]),
    ("recursive glob", "Path('data').glob('**/*.x1')", ["data/deep/a.x1", "data/a.x1"], []),
    (
        "several stars",
        "np.load(f'd{a}/run*of*_{b}.x1')\nprint('"
        + "*" * 40
        + " ERROR "
        + "*" * 40
        + "')\nprint('"
        + "* " * 40
        + "x')",
        ["d1/run2of2_of_3.x1"],
        ["d1/runof3.x1", "d1/e/run2of2_3.x1", f"d1/{' ' * 150}.x1", f"{'ERROR' * 40}.x1"],
    ),
    ("f-string", "np.load(f'data/{i}.x1')", ["data/3.x1"], ["data/3.x2"]),
    (
        "in doubt, data",
        "pass",
        ["a.csv", "d/b.npy", "c.json"],
        ["README.md", "LICENSE", "requirements.txt", "docs/a.csv", "x.zz"],
    ),
    ("outputs stay", "df.to_csv('out.csv')\nplt.savefig('f.png')", ["in.csv"], ["out.csv", "f.png"]),
    ("an output pattern", "plt.savefig(f'fig_{i}.png')", ["cat.png"], ["fig_1.png"]),
    ("a constant that is written", "OUT = 'm.pt'\ntorch.save(m, OUT)", [], ["m.pt"]),
    ("written and read", "df.to_csv('c.csv')\npd.read_csv('c.csv')", ["c.csv"], []),
    ("an existing folder that is written to", "os.makedirs('out')", [], ["out/a.x1"]),
    ("a requirement that is read", "open('requirements.txt')", ["requirements.txt"], []),
    ("above the source folder", "open('../data/a.x1')", ["data/a.x1"], []),
]


@pytest.mark.parametrize(("code", "needed", "others"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_files(tmp_path: Path, code: str, needed: list[str], others: list[str]) -> None:
    sources = lay_out(tmp_path, code, dict.fromkeys([*needed, *others], "x"))
    assert [file.path for file in find_data_files(sources)] == sorted(needed)


def test_relative_to_the_module(tmp_path: Path) -> None:
    code = "open(Path(__file__).parent / 'a.x1')\nopen('b.x1')"
    sources = lay_out(tmp_path, code, {"pkg/a.x1": "1", "pkg/b.x1": "2", "c.x1": "3"}, module="pkg/train.py")
    assert [file.path for file in find_data_files(sources)] == ["pkg/a.x1", "pkg/b.x1"]


def test_named_by_configuration_and_command_line(tmp_path: Path) -> None:
    files = {
        "config.yaml": "model: big\ndata: d/a.x1\n",
        "d/a.x1": "",
        "d/b.x1": "",
        "c.x1": "",
        "run.sh": "",
    }
    sources = lay_out(tmp_path, "pass", files, arguments=("--input=c.x1", "config.yaml"))
    found = {file.path: file.place for file in find_data_files(sources)}
    assert found["d/a.x1"] == Place("config.yaml", 2, 2)
    assert set(found) == {"config.yaml", "d/a.x1", "c.x1"}


def test_checksum_size_and_place(tmp_path: Path) -> None:
    sources = lay_out(tmp_path, "x = 1\npd.read_csv('a.csv')", {"a.csv": "1,2\n"})
    digest = hashlib.sha256(b"1,2\n").hexdigest()
    assert find_data_files(sources) == (DataFile("a.csv", 4, digest, True, Place("train.py", 2, 2)),)


def test_big_files_are_declared_not_copied(tmp_path: Path) -> None:
    sources = lay_out(tmp_path, "pd.read_csv('a.csv')", {"a.csv": "12345", "b.csv": "1"})
    found = find_data_files(sources, limit_bytes=4)
    assert [(file.path, file.copied) for file in found] == [("a.csv", False), ("b.csv", True)]


def test_big_files_that_nothing_names_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, "_UNNAMED_LIMIT_BYTES", 3)
    sources = lay_out(tmp_path, "pd.read_csv('a.csv')", {"a.csv": "12345", "b.csv": "12345", "c.csv": "1"})
    assert [file.path for file in find_data_files(sources)] == ["a.csv", "c.csv"]


def test_beside_one_file_in_a_full_folder_only_what_it_names_counts(tmp_path: Path) -> None:
    files = {f"other{n}.csv": "1" for n in range(60)} | {"a.csv": "1"}
    sources = replace(lay_out(tmp_path, "pd.read_csv('a.csv')", files), whole_folder=False)
    assert [file.path for file in find_data_files(sources)] == ["a.csv"]
    few = replace(sources, files=sources.files[:3])
    assert len(find_data_files(few)) == 3


LISTS = [
    ("lines", {"list.txt": "files/a.xyz\nfiles/my file.q3\n"}, ["files/a.xyz", "files/my file.q3"]),
    ("a table", {"list.txt": "1,files/a.xyz,'x'\n2,\"files/deep/b\",y\n"}, ["files/a.xyz", "files/deep/b"]),
    ("a split", {"list.txt": '{"train": ["./files/a.xyz"], "test": "nothing.xyz"}'}, ["files/a.xyz"]),
    ("a list of lists", {"list.txt": "more.q3", "more.q3": "files/deep/b"}, ["files/deep/b", "more.q3"]),
    ("beside the list", {"list.txt": "sub/names.q3", "sub/names.q3": "c.xyz"}, ["sub/c.xyz", "sub/names.q3"]),
    ("names of nothing", {"list.txt": "a.xyz\ndeep\nREADME.md\nout.q3\n"}, []),
]


@pytest.mark.parametrize(("texts", "needed"), [case[1:] for case in LISTS], ids=[case[0] for case in LISTS])
def test_named_by_other_data(tmp_path: Path, texts: dict[str, str], needed: list[str]) -> None:
    code = (
        "names = open('list.txt').read().split()\nfor name in names:\n    open(name)\nopen('out.q3', 'w')\n"
    )
    others = ("files/a.xyz", "files/my file.q3", "files/deep/b", "sub/c.xyz", "README.md", "out.q3")
    sources = lay_out(tmp_path, code, {**dict.fromkeys(others, "1"), **texts})
    found = {file.path: file.place for file in find_data_files(sources)}
    assert sorted(found) == sorted(["list.txt", *needed])
    if needed:
        assert found[needed[0]] is not None


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("load(os.path.join('plug', 'ins'))\nspec_from_file_location(name, path)", ["plug/ins/a.py"]),
        ("load('plug/ins')\n[f for f in files if f.endswith('.py')]", ["plug/ins/a.py"]),
        ("load('plug/ins')", []),
        ("load('plug')\nspec_from_file_location(name, path)", []),
    ],
)
def test_python_files_that_are_loaded_by_their_paths(tmp_path: Path, code: str, found: list[str]) -> None:
    (tmp_path / "plug" / "ins").mkdir(parents=True)
    (tmp_path / "plug" / "ins" / "a.py").write_text("x = 1\n")
    sources = lay_out(tmp_path, code, {})
    plugin = SourceModule("plug/ins/a.py", "script", "x = 1\n")
    sources = replace(sources, modules=(*sources.modules, plugin))
    assert [file.path for file in find_data_files(sources)] == found


def test_python_that_is_downloaded_unless_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("x = 1\n")
    code = "import tools, other\nfetch('https://nowhere.invalid/raw/tools.py')"
    sources = lay_out(tmp_path, code, {})
    beside = [SourceModule(path, "script", "x = 1\n") for path in ("tools.py", "other.py")]
    sources = replace(sources, modules=(*sources.modules, *beside))
    assert [file.path for file in find_data_files(sources)] == ["tools.py"]
