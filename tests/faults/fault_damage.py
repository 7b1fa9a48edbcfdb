"""Damage to stored files, and whether what reads them notices: runs inside of the project under test.

Imports nothing of this repo but the runtime that stands beside it.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pkg.utils import objects, saved, state

LONG = 1 << 14
"""Of longer files one bit of every byte is flipped, of shorter ones every bit."""
Reader = Callable[[Path], object]
"""What a stored file says; None when it is refused."""


def damages(content: bytes, regions: int) -> Iterator[tuple[str, bytes]]:
    """The content with each of its regions flipped, cut off before it, and set to zero."""
    size = len(content)
    starts = sorted({size * each // regions for each in range(regions)})
    for start in starts:
        yield f"cut at {start}", content[:start]
    for start, end in zip(starts, [*starts[1:], size], strict=True):
        middle = (start + end) // 2
        yield f"flipped at {middle}", _flipped(content, middle, 4)
        if content[start:end].strip(b"\0"):
            yield f"zeros from {start}", content[:start] + bytes(end - start) + content[end:]
    yield "longer", content + b"x"
    yield "gone", b""


def every_byte(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The content with each of its bytes flipped, and cut off before it."""
    is_long = len(content) > LONG
    for at in range(len(content)):
        for bit in (at % 8,) if is_long else range(8):
            yield f"bit {bit} flipped at {at}", _flipped(content, at, bit)
    for size in range(0, len(content), 64 if is_long else 1):
        yield f"cut at {size}", content[:size]


def _flipped(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


def find_readers(root: Path) -> Iterator[tuple[Path, Reader]]:
    """Every file of a state folder that a hash seals, with what reads it in the runtime."""
    saved.say = lambda text: None  # type: ignore[attr-defined]
    readers = (
        ("state/*.json", _as_generation),
        ("checkpoints/*/*.json", _as_manifest),
        ("checkpoints/*/*.pack", _as_pack),
        ("objects/*", _as_object),
        ("backups/*", _as_object),
    )
    for pattern, reader in readers:
        for path in sorted(root.glob(pattern)):
            yield path, reader


def _as_generation(path: Path) -> object:
    return next(body for each, body in state.State(path.parents[1]).files() if each == path)


def _as_manifest(path: Path) -> object:
    folder = saved.Folder(path.parent, objects.Objects(path.parents[2]))
    return next((vars(each) for each in folder.read() if each.number == int(path.stem)), None)


def _as_pack(path: Path) -> object:
    """What the checkpoints that refer to the pack hold; None when one of them is refused."""
    folder = saved.Folder(path.parent, objects.Objects(path.parents[2]))
    using = [each for each in folder.read() if path.name in {reference[1] for reference in each.references()}]
    if not all(map(folder.check, using)):
        return None
    return [folder.load(each, part) for each in using for part in each.parts]


def _as_object(path: Path) -> object:
    """What an object is when this is its only copy."""
    for each in ("objects", "backups"):
        if each != path.parent.name:
            (path.parents[1] / each / path.name).unlink(missing_ok=True)
    try:
        return objects.Objects(path.parents[1]).get(path.name)
    except objects.Damaged:
        return None


def find_unnoticed(root: Path, path: Path, reader: Reader, step: int) -> tuple[int, str]:
    """How many damages to a file were tried, and the first after which something else was read; "" if there is none.

    The file is as it was when it returns.
    """
    content = path.read_bytes()
    whole = reader(path)
    tried = 0
    for how, damaged in itertools.islice(every_byte(content), 0, None, step):
        tried += 1
        path.write_bytes(damaged)
        found = reader(path)
        if found is not None and found != whole:
            return tried, how
        shutil.rmtree(root / "quarantine", ignore_errors=True)
    path.write_bytes(content)
    return tried, "" if whole is not None else "it cannot be read when it is whole"
