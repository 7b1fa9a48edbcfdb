"""Which distribution provides an imported module: what is installed, the table by hand, an index of public names."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from graduate.analyse.distributions import CHOICES, DISTRIBUTIONS, OWN_NAMES

_REAL_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Provided:
    """Distributions that provide a module, the usual one first; () when there is none to install.

    Which of several it is can be `open`: then a person has to choose. A name that nobody knows is `guessed`.
    """

    names: tuple[str, ...]
    open: bool = False
    guessed: bool = False


def find_providers(module: str) -> Provided:
    """What is known about a module that is not installed here.

    The table by hand comes first, since it corrects the index; a module that neither knows is taken to be called like
    its distribution, unless it has a name that people give to their own files.
    """
    top = module.partition(".")[0]
    known = _look_up(module)
    if known is not None:
        return Provided(known, open=top in CHOICES)
    if top in OWN_NAMES:
        return Provided(())
    ranked = find_public(top)
    if not ranked:
        return Provided((top.replace("_", "-"),), guessed=True)
    used = [name for name, share in ranked if share >= _REAL_SHARE and not name.endswith("-nightly")]
    same = [name for name in used if canonicalize_name(name) == canonicalize_name(top)]
    if same or len(used) < 2:
        return Provided((*same, *(name for name in used if name not in same)) or (ranked[0][0],))
    return Provided(tuple(used), open=True)


def _look_up(module: str) -> tuple[str, ...] | None:
    """The table's answer for a module or a package around it; () when there is no distribution to install."""
    parts = module.split(".")
    if parts[:2] == ["google", "cloud"] and len(parts) > 2:
        return (f"google-cloud-{parts[2].replace('_', '-')}",)
    for end in range(len(parts), 0, -1):
        found = DISTRIBUTIONS.get(".".join(parts[:end]))
        if found is not None:
            return found
    return None


@cache
def find_public(module: str) -> tuple[tuple[str, float], ...]:
    """The public distributions that hold a top-level module, with their downloads as a share of the first one's.

    From the index of the 15,000 most downloaded ones that pyimport2pkg ships. Its file is read as it lies there: the
    library's own code would import an HTTP client, and open the file for writing.
    """
    rows = _query(
        "SELECT package_name, download_count FROM mappings JOIN packages USING (package_name)"
        " WHERE module_name = ? ORDER BY download_count DESC, package_name",
        module,
    )
    most = max((count for _, count in rows), default=0) or 1
    return tuple((name, count / most) for name, count in rows)


@cache
def is_public(distribution: str) -> bool:
    """Whether the index knows a distribution, by its canonical name."""
    return bool(_query("SELECT 1 FROM packages WHERE package_name = ?", distribution))


def _query(query: str, value: str) -> list[Any]:
    spec = find_spec("pyimport2pkg")
    if spec is None or spec.origin is None:
        return []
    index = Path(spec.origin).parent / "data" / "mapping.db"
    connection = sqlite3.connect(f"{index.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        return connection.execute(query, (value,)).fetchall()
    finally:
        connection.close()


class Installed(Mapping[str, Sequence[str]]):
    """Import name → distributions, of what is installed here; as `importlib.metadata.packages_distributions`.

    That one reads the whole metadata of every distribution, which takes longer than a conversion.
    """

    def __init__(self) -> None:
        self._found: dict[str, list[Distribution]] = {}
        for distribution in distributions():
            listed = (distribution.read_text("top_level.txt") or "").split()
            for name in dict.fromkeys(listed or _list_top_level(distribution.read_text("RECORD") or "")):
                self._found.setdefault(name, []).append(distribution)

    def __getitem__(self, name: str) -> Sequence[str]:
        return [each.metadata["Name"] for each in self._found[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _list_top_level(record: str) -> Iterator[str]:
    """The modules and packages at the top of what a distribution has installed."""
    for line in record.splitlines():
        path = line.partition(",")[0].strip('"')
        top, folder, _ = path.partition("/")
        name = top if folder else top.partition(".")[0]
        if (
            name.isidentifier()
            and name != "__pycache__"
            and (folder or path.endswith((".py", ".so", ".pyd")))
        ):
            yield name


@cache
def list_installed() -> Mapping[str, Sequence[str]]:
    return Installed()
