"""Files are compared by what they hold: times, compression and the modules of classes do not count."""

from __future__ import annotations

import gzip
import json
import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graduate.verify.compare import compare_trees
from graduate.verify.observer import digests
from graduate.verify.observer.files import main, read_file


def outcome(one: Path, other: Path) -> tuple[str, str]:
    result = compare_trees([read_file(one)], read_file(other))
    return result.outcome, result.detail


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


TEXTS = [
    ("x.csv", "a,b\n1,2\n", "a,b\r\n1,2\r\n", "same", ""),
    ("x.csv", "a,b\n1,2\n", 'a,"b"\n1,2\n', "same", ""),
    ("x.csv", "a,b\n1,2\n", "a,b\n1,2.0\n", "different", "row 2 column 2: original 2, converted 2.0"),
    ("x.csv", "a,b\n1,2\n", "a,b\n1,2\n1,2\n", "different", "table: row 3 is only in the converted run"),
    ("x.json", '{"a": [1, 2]}', '{ "a": [1,2] }', "same", ""),
    (
        "x.json",
        '{"a": [1, 2]}',
        '{"a": [1, 2.0]}',
        "different",
        "['a'][1]: original int '2', converted float '2.0'",
    ),
    ("x.txt", "one\ntwo\n", "one\ntoo\n", "different", "line 2: original two, converted too"),
    ("x.json", "{", "{ ", "different", ""),
]


@pytest.mark.parametrize(("name", "one", "other", "expected", "detail"), TEXTS)
def test_text_formats(name: str, one: str, other: str, expected: str, detail: str, tmp_path: Path) -> None:
    found = outcome(write(tmp_path / "a" / name, one), write(tmp_path / "b" / name, other))
    assert found[0] == expected
    assert detail in found[1]


@pytest.mark.parametrize(
    "name", ["best.model", "weights", "state.dat", pytest.param("net.model", marks=pytest.mark.torch)]
)
def test_files_whose_names_do_not_tell_what_they_are(name: str, tmp_path: Path) -> None:
    """The classes of what is in them have moved, so that their bytes differ."""
    paths = []
    for number, module in enumerate(("one_place", "another_place")):
        holder: Any = types.ModuleType(module)
        holder.Net = type("Net", (), {"__module__": module})
        value = holder.Net()
        value.weights = list(range(number + 1)) if name == "weights" else [1, 2]
        value.kinds = {1, 2}
        path = tmp_path / str(number) / name
        path.parent.mkdir()
        sys.modules[module] = holder
        try:
            if name == "net.model":
                pytest.importorskip("torch").save(value, path)
            else:
                data = pickle.dumps(value)
                path.write_bytes(gzip.compress(data) if name == "state.dat" else data)
        finally:
            del sys.modules[module]
        paths.append(path)
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert outcome(*paths)[0] == ("different" if name == "weights" else "same")


def test_archives_do_not_depend_on_times(tmp_path: Path) -> None:
    paths = []
    for folder, when in (("a", 1990), ("b", 2020)):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "x.zip")
        with zipfile.ZipFile(paths[-1], "w") as archive:
            archive.writestr(zipfile.ZipInfo("x.txt", (when, 1, 1, 0, 0, 0)), "text")
        write(tmp_path / folder / "x.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=when))
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert outcome(*paths) == ("same", "")
    assert outcome(tmp_path / "a" / "x.csv.gz", tmp_path / "b" / "x.csv.gz") == ("same", "")


def test_numpy_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3.0))
    np.savez_compressed(tmp_path / "b.npz", x=np.arange(3.0))
    np.savez(tmp_path / "c.npz", x=np.arange(3.0) + 1e-12)
    assert outcome(tmp_path / "a.npz", tmp_path / "b.npz") == ("same", "")
    assert outcome(tmp_path / "a.npz", tmp_path / "c.npz")[0] == "different"


def _pickled(module: str, x: Any) -> bytes:
    """A pickle of an object whose class lives in a module that is gone afterwards."""
    home = types.ModuleType(module)
    exec("class Net:\n    def __init__(self, x):\n        self.x = x\n", home.__dict__)
    sys.modules[module] = home
    try:
        return pickle.dumps(home.Net(x))
    finally:
        del sys.modules[module]


def test_pickles_of_moved_classes_are_compared_by_what_they_hold(tmp_path: Path) -> None:
    one = write(tmp_path / "a" / "x.pkl", _pickled("research_model", 1))
    same = write(tmp_path / "b" / "x.pkl", _pickled("package_models", 1))
    other = write(tmp_path / "c" / "x.pkl", _pickled("package_models", 2))
    assert outcome(one, same) == ("same", "")
    assert outcome(one, other) == ("different", ".x: original 1, converted 2")


def test_images_are_compared_by_pixels(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    pixels = np.zeros((4, 4, 3), np.uint8)
    image.imsave(tmp_path / "a.png", pixels, metadata={"Software": "one"})
    image.imsave(tmp_path / "b.png", pixels, metadata={"Software": "another"})
    pixels[1, 1] = 1
    image.imsave(tmp_path / "c.png", pixels)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert outcome(tmp_path / "a.png", tmp_path / "b.png") == ("same", "")
    assert outcome(tmp_path / "a.png", tmp_path / "c.png")[0] == "different"


@pytest.mark.torch
def test_torch_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for name, value in (("a.pt", 1.0), ("other.pt", 1.0), ("c.pt", 1.5)):
        torch.save({"w": torch.tensor([value])}, tmp_path / name)
    assert outcome(tmp_path / "a.pt", tmp_path / "other.pt") == ("same", "")
    assert outcome(tmp_path / "a.pt", tmp_path / "c.pt")[0] == "different"


def test_paths_of_the_scratch_copies_do_not_count(tmp_path: Path) -> None:
    one = write(tmp_path / "one" / "x.txt", f"saved to {tmp_path}/one/model.pt")
    other = write(tmp_path / "two" / "x.txt", f"saved to {tmp_path}/two/model.pt")
    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    request.write_text(json.dumps([[str(tmp_path / "one"), str(one)], [str(tmp_path / "two"), str(other)]]))
    try:
        main(str(request), str(answer))
    finally:
        digests.set_root("")
    first, second = json.loads(answer.read_text())
    assert first == second


def test_objects_of_the_research_code_in_files_of_joblib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joblib = pytest.importorskip("joblib")
    paths = []
    for name, value in (("research_model", 1.0), ("package_models", 1.0), ("research_model", 2.0)):
        home = types.ModuleType(name)
        home.Scaler = type("Scaler", (), {"__module__": name})  # type: ignore[attr-defined]
        thing = home.Scaler()
        thing.mean = np.full(5, value)
        paths.append(tmp_path / f"{len(paths)}.joblib")
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, name, home)
            joblib.dump({"scaler": thing}, paths[-1])
    assert outcome(paths[0], paths[1]) == ("same", "")
    assert outcome(paths[0], paths[2])[0] == "different"
    assert "mean" in outcome(paths[0], paths[2])[1]
