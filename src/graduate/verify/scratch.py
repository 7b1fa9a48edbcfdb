"""Scratch copies of the source folder and of the project, and what changed in them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graduate.errors import VerifyError
from graduate.model.source import Sources

_NEVER = {
    "__pycache__",
    "node_modules",
    "site-packages",
    ".git",
    ".hg",
    ".venv",
    "venv",
    ".ipynb_checkpoints",
}
_CACHES = {"__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
_DEPTH = 4
_FILES = 20_000

Stamp = tuple[int, int]
"""Size and time of the last change, in nanoseconds."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The regular files of a folder (by relative path) and the links inside it (link → target)."""

    files: dict[str, Stamp]
    links: dict[str, str]


def copy_source(sources: Sources, target: Path) -> None:
    """Copy the research folder: everything that was read, and what lies around it, but no environments."""
    root = Path(sources.root)
    wanted = {module.path for module in sources.modules} | {file.path for file in sources.files}
    folders, found = _walk_source(root)
    for folder in folders:
        (target / folder).mkdir(parents=True, exist_ok=True)
    for path in sorted(wanted | found):
        if (root / path).is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            _copy_file(root / path, target / path)


def _walk_source(root: Path) -> tuple[list[str], set[str]]:
    folders: list[str] = []
    files: set[str] = set()
    for here, names, members in os.walk(root):
        place = Path(here)
        relative = place.relative_to(root)
        deep = len(relative.parts) >= _DEPTH
        names[:] = [] if deep else sorted(n for n in names if not _is_left_out(place / n))
        folders.append(relative.as_posix())
        files |= {(relative / n).as_posix() for n in members if not n.startswith(".")}
        if len(files) > _FILES:
            break
    return folders, files


def _is_left_out(folder: Path) -> bool:
    name = folder.name
    if name in _NEVER or name.startswith(".") or (folder / "pyvenv.cfg").exists():
        return True
    return (folder / "conversion.json").exists()


def copy_project(project: Path, target: Path, *, state: bool = False) -> None:
    """Copy a project without its environment, its results and (unless `state`) what it has computed so far.

    With `state` the files keep their times, so that the copy can take the place of the project.
    """

    def left_out(folder: str, names: list[str]) -> set[str]:
        found = {name for name in names if name in _CACHES or name in (".git", ".venv")}
        if Path(folder) == project and not state:
            found |= {name for name in names if name in (".pipeline_state", "logs")}
        return found

    try:
        copy = _copy_with_times if state else _copy_file
        shutil.copytree(project, target, symlinks=True, ignore=left_out, copy_function=copy)
    except shutil.Error as error:
        raise VerifyError(
            "The project cannot be copied.", why=str(error)[:300], fix="free some space"
        ) from error
    if not state:
        shutil.rmtree(target / "reports" / "figures", ignore_errors=True)
        for path in _find_results(project):
            (target / path).unlink(missing_ok=True)


def _find_results(project: Path) -> set[str]:
    """The files that steps of earlier runs wrote: a program that lists a folder would see them too early.

    What came with the project stays, also where a step has written to it since.
    """
    written: set[str] = set()
    for generation in (project / ".pipeline_state" / "state").glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            steps = json.loads(generation.read_bytes())["steps"]
            written |= {path for record in steps.values() for path in record.get("wrote", ())}
    with contextlib.suppress(OSError, ValueError, KeyError):
        record = json.loads((project / "conversion.json").read_bytes())
        written -= set(record["files"])
    return {path for path in written if not Path(path).is_absolute() and ".." not in Path(path).parts}


def _copy_file(source: str | Path, target: str | Path) -> None:
    """Copy content and mode; the copy can be written even where the source is read-only."""
    try:
        shutil.copyfile(source, target)
        os.chmod(target, os.stat(source).st_mode | 0o200)  # noqa: PTH101, PTH116
    except OSError as error:
        raise VerifyError(
            "A scratch copy cannot be made.",
            where=Path(source).name,
            why=error.strerror or str(error),
            fix="free some space, or set TMPDIR to a folder with more",
        ) from error


def _copy_with_times(source: str | Path, target: str | Path) -> None:
    _copy_file(source, target)
    stat = os.stat(source)  # noqa: PTH116
    os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def take_snapshot(root: Path, workspace: str = "") -> Snapshot:
    """What lies below a folder now. Links are noted, not followed; a `workspace` is the target of the link ""."""
    files: dict[str, Stamp] = {}
    links: dict[str, str] = {"": workspace} if workspace else {}
    for path, entry in _entries(root, ""):
        if entry.is_symlink():
            target = os.path.normpath(os.path.join(os.path.dirname(entry.path), os.readlink(entry.path)))  # noqa: PTH115, PTH118, PTH120
            if target.startswith(f"{root}/"):
                links[path] = target[len(str(root)) + 1 :]
        elif entry.is_file(follow_symlinks=False):
            stat = entry.stat(follow_symlinks=False)
            files[path] = (stat.st_size, stat.st_mtime_ns)
    return Snapshot(files, links)


def _entries(folder: Path | str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _CACHES:
                yield from _entries(entry.path, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry


def find_changes(root: Path, before: Snapshot, ignored: tuple[str, ...] = ()) -> dict[str, Path | None]:
    """The files that were written since `before`, by the path that the research code uses; None: deleted.

    A path in a folder that a link of the project points to is known by the link. `ignored` are path prefixes.
    """
    after = take_snapshot(root)
    links = {**before.links, **after.links}
    changed: dict[str, Path | None] = {}
    for path, stamp in after.files.items():
        if before.files.get(path) != stamp and not path.startswith(ignored) and not path.endswith(".pyc"):
            changed[through_links(path, links)] = root / path
    for path in before.files:
        if path not in after.files and not path.startswith(ignored):
            changed.setdefault(through_links(path, links), None)
    return changed


def through_links(path: str, links: dict[str, str]) -> str:
    """A path as it is called through the link that leads to it, if one does."""
    for link, target in sorted(links.items(), key=lambda item: -len(item[1])):
        if path == target:
            return link
        if path.startswith(f"{target}/"):
            return (link + path[len(target) :]).lstrip("/")
    return path
