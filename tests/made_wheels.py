"""Distributions with nothing in them, for an index or a folder of wheels on disk."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path


def make_wheel(folder: Path, name: str, version: str, *needs: str, tags: str = "py3-none-any") -> str:
    """A wheel with nothing but its metadata; its hash."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-{tags}.whl"
    info = f"{stem}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {each}" for each in needs]
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def publish(index: Path, name: str, version: str, *needs: str) -> None:
    """Put a distribution into an index on disk."""
    page = index / name
    page.mkdir()
    digest = make_wheel(page, name, version, *needs)
    (wheel,) = page.glob("*.whl")
    (page / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
