"""Reads files of known formats as trees. Runs as `python -m graduate_observer.files REQUEST ANSWER`."""

from __future__ import annotations

import _compat_pickle
import contextlib
import gzip
import hashlib
import importlib
import importlib.util
import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import digests
from .trees import Tree, items, scalar

_TEXT_LIMIT = 20_000_000
_SHOWN = 5_000


def main(request: str, answer: str) -> None:
    """Answer a request `[[root, path], …]` with one tree for each."""
    wanted = json.loads(Path(request).read_text(encoding="utf-8"))
    trees = []
    for root, path in wanted:
        digests.set_root(root)
        trees.append(read_file(Path(path)))
    Path(answer).write_text(json.dumps(trees), encoding="utf-8", errors="surrogatepass")


def read_file(path: Path) -> Tree:
    """The tree of a file's content; of its bytes where the format is not known or cannot be read."""
    data = path.read_bytes()
    reader = _READERS.get(path.suffix.lower()) or _by_content(data)
    if reader is not None:
        try:
            return reader(data, path)
        except Exception as error:
            return {
                **_bytes(data),
                "note": f"read as bytes, because {type(error).__name__}: {str(error)[:100]}",
            }
    return _plain(data)


def _by_content(data: bytes) -> Callable[[bytes, Path], Tree] | None:
    """The reader of a file whose name does not tell what it is (`best.model`)."""
    if data.startswith(b"PK\x03\x04"):
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            return _torch if any(name.endswith("/data.pkl") for name in names) else _zip
    if data.startswith(b"\x93NUMPY"):
        return _numpy
    if data.startswith(b"\x1f\x8b"):
        return _gzip
    is_pickle = data[:1] == b"\x80" and data[1:2] <= bytes([pickle.HIGHEST_PROTOCOL]) and data.endswith(b".")
    return _pickle if is_pickle else None


def _plain(data: bytes) -> Tree:
    """Text by lines; else the bytes."""
    if len(data) > _TEXT_LIMIT or b"\0" in data[:8000]:
        return _bytes(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _bytes(data)
    lines = [(f"line {n}", digests.plain(each)) for n, each in enumerate(text.split("\n"), 1)]
    return _named("text", digests.cut_off(lines, _SHOWN))


def _bytes(data: bytes) -> Tree:
    sha = hashlib.sha256(data).hexdigest()
    return _named("bytes", [("size", scalar(0, str(len(data)))), ("sha256", scalar("", sha))])


def _named(name: str, pairs: list[tuple[str, Tree]]) -> Tree:
    return items(None, pairs, name)


def _csv(data: bytes, path: Path) -> Tree:
    import csv

    text = data.decode("utf-8")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    cells = [
        (f"row {n}", _named("row", [(f"column {m}", digests.plain(cell)) for m, cell in enumerate(row, 1)]))
        for n, row in enumerate(rows, 1)
    ]
    return _named("table", digests.cut_off(cells, _SHOWN))


def _json(data: bytes, path: Path) -> Tree:
    return digests.digest(json.loads(data))


def _numpy(data: bytes, path: Path) -> Tree:
    import numpy

    loaded = numpy.load(path, allow_pickle=True)
    if isinstance(loaded, numpy.ndarray):
        return digests.digest(loaded)
    return digests.digest({name: loaded[name] for name in loaded.files})


class _LookAlikes:
    """Loads pickles of classes that are not here (those of the research code) as empty look-alikes."""

    def find_class(self, module: str, name: str) -> Any:
        top = module.partition(".")[0]
        # Up to protocol 2, which torch.save writes, the builtins go by their names in Python 2.
        if top in sys.stdlib_module_names or module in _compat_pickle.IMPORT_MAPPING or _is_installed(top):
            return super().find_class(module, name)  # type: ignore[misc]
        return type(name.rpartition(".")[2], (), {"__qualname__": name})


class _Unpickler(_LookAlikes, pickle.Unpickler):
    """Python's, with look-alikes."""


def _is_installed(top: str) -> bool:
    if top == "__main__":
        return False
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _pickle(data: bytes, path: Path) -> Tree:
    return digests.digest(_Unpickler(io.BytesIO(data)).load())


class _PickleModule:
    """What `torch.load` takes as `pickle_module`."""

    __name__ = "graduate_observer.files"
    Unpickler = _Unpickler
    load = staticmethod(lambda file, **_: _Unpickler(file).load())


def _torch(data: bytes, path: Path) -> Tree:
    import torch

    torch.set_num_threads(1)
    return digests.digest(
        torch.load(path, map_location="cpu", weights_only=False, pickle_module=_PickleModule)
    )


def _joblib(data: bytes, path: Path) -> Tree:
    reader: Any = importlib.import_module("joblib.numpy_pickle")
    plain = reader.NumpyUnpickler
    reader.NumpyUnpickler = type("NumpyUnpickler", (_LookAlikes, plain), {})
    try:
        return digests.digest(reader.load(path))
    finally:
        reader.NumpyUnpickler = plain


def _zip(data: bytes, path: Path) -> Tree:
    """Members by content; times are left out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _named("archive", [(name, _plain(archive.read(name))) for name in sorted(archive.namelist())])


def _gzip(data: bytes, path: Path) -> Tree:
    inner = gzip.decompress(data)
    suffix = Path(path.stem).suffix.lower()
    known = suffix in (".csv", ".tsv", ".json", ".pkl", ".pickle")
    if known:
        return _READERS[suffix](inner, path.with_suffix(""))
    return _pickle(inner, path) if _by_content(inner) is _pickle else _plain(inner)


def _table(name: str) -> Callable[[bytes, Path], Tree]:
    def read(data: bytes, path: Path) -> Tree:
        pandas: Any = importlib.import_module("pandas")
        return digests.digest(getattr(pandas, name)(path))

    return read


def _pixels(data: bytes, path: Path) -> Tree:
    try:
        from matplotlib.image import imread

        return digests.digest(imread(path))
    except ImportError:
        import numpy
        from PIL import Image

        return digests.digest(numpy.asarray(Image.open(path)))


_READERS: dict[str, Callable[[bytes, Path], Tree]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".json": _json,
    ".npy": _numpy,
    ".npz": _numpy,
    ".pkl": _pickle,
    ".pickle": _pickle,
    ".pt": _torch,
    ".pth": _torch,
    ".ckpt": _torch,
    ".bin": _torch,
    ".joblib": _joblib,
    ".zip": _zip,
    ".xlsx": _zip,
    ".gz": _gzip,
    ".parquet": _table("read_parquet"),
    ".feather": _table("read_feather"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"), _pixels),
}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
