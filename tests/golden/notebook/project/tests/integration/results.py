"""Prints hashes of what a run of the pipeline left, by name, as JSON: `results.py PROJECT PACKAGE`.

Values are hashed by their structure, since equal objects may be pickled in different ways.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any


def digest(value: Any, seen: tuple[int, ...] = ()) -> str:
    """A hash of a value's type and content."""
    return hashlib.sha256(repr(describe(value, seen)).encode()).hexdigest()


def describe(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """A value as nested tuples of plain things."""
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__qualname__}"
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return kind, repr(value)
    if id(value) in seen or len(seen) > 60:
        return kind, "seen above"
    seen = (*seen, id(value))
    if isinstance(value, dict):
        return kind, [(digest(key, seen), digest(each, seen)) for key, each in value.items()]
    if isinstance(value, list | tuple):
        return kind, [digest(each, seen) for each in value]
    if isinstance(value, set | frozenset):
        return kind, sorted(digest(each, seen) for each in value)
    return kind, describe_object(value, seen)


def describe_object(value: Any, seen: tuple[int, ...]) -> Any:
    """An object of a library, or one with attributes."""
    library = type(value).__module__.partition(".")[0]
    if library == "numpy" and hasattr(value, "dtype") and hasattr(value, "tobytes"):
        content = digest(value.tolist(), seen) if value.dtype.hasobject else value.tobytes()
        return str(value.dtype), getattr(value, "shape", ()), content
    if library == "torch" and hasattr(value, "untyped_storage"):
        plain = value.detach().cpu().contiguous()
        return (
            str(value.dtype),
            tuple(value.shape),
            plain.flatten().view(sys.modules["torch"].uint8).numpy().tobytes(),
        )
    if library == "pandas" and hasattr(value, "to_csv"):
        return str(getattr(value, "dtypes", "")), value.to_csv()
    if hasattr(value, "save_raw"):
        return bytes(value.save_raw())
    if hasattr(value, "state_dict"):
        return digest(value.state_dict(), seen)
    if isinstance(value, type) or callable(value) and hasattr(value, "__qualname__"):
        return value.__module__, value.__qualname__
    return describe_parts(value, seen)


def describe_parts(value: Any, seen: tuple[int, ...]) -> Any:
    """What an object would be pickled as; else its attributes."""
    try:
        parts = value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    except Exception:
        state = getattr(value, "__dict__", None)
        return digest(state, seen) if state else "cannot be compared"
    if isinstance(parts, str):
        return parts
    items = [list(each) if each is not None else [] for each in (*parts[3:5], None, None)[:2]]
    return [digest(each, seen) for each in (*parts[1:3], *items)]


def describe_file(path: Path, recorded: str) -> str:
    """A hash of what is pickled in a file; of other files, and those that cannot be loaded, the recorded one."""
    try:
        if path.suffix in (".pkl", ".pickle"):
            return digest(pickle.loads(path.read_bytes()))
        if path.suffix == ".joblib":
            return digest(importlib.import_module("joblib").load(path))
        if path.suffix in (".pt", ".pth", ".ckpt"):
            return digest(importlib.import_module("torch").load(path, map_location="cpu", weights_only=False))
    except Exception:
        return recorded
    return recorded


def main(root: Path, package: str) -> None:
    sys.path.insert(0, str(root))
    os.chdir(root)
    State = importlib.import_module(f"{package}.utils.state").State
    unpack = importlib.import_module(f"{package}.utils.pickling").unpack
    state = State(root / ".pipeline_state")
    state.load()
    found: dict[str, str] = {}
    for name, record in state.steps.items():
        for kind, each in record.after.items():
            found[f"{name}: random state of {kind}"] = str(each)
        for path, file in record.wrote.items():
            found[f"{name}: file {path}"] = (
                "removed" if file is None else describe_file(root / path, file.hash)
            )
        for group in record.groups:
            buffers = [bytes(state.objects.get(each[0])) for each in group.buffers]
            values = unpack(state.objects.get(group.object), buffers)
            found.update({f"{name}: value {key}": digest(value) for key, value in values.items()})
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])
