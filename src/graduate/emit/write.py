"""Writes a project to disk: whole or not at all. The only disk writer of graduate.

The new tree is made complete beside OUT, under a hidden name, and is then renamed into its place. With `force` it
changes places with the old tree in one step; then what graduate did not make (.venv, .pipeline_state,
results, files of the user) moves over, and the rest of the old tree is removed. A conversion that was killed
leaves at most that hidden folder: the next one moves what is not graduate's back and removes it.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graduate.emit.exchange import MOVED_ASIDE, exchange, lock_folder
from graduate.emit.record import MADE_BY, RECORD
from graduate.errors import WriteError
from graduate.model.project import Project, ProjectFile

_LEFT_OUT = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
_CHUNK = 1 << 20


def write_project(project: Project, out: Path, *, source_root: Path, force: bool = False) -> None:
    """Write the project to `out`.

    `source_root` is the source as the user named it, a folder or one file. Raises WriteError, and then `out` is
    as it was.
    """
    out, source = Path(os.path.abspath(out)), Path(os.path.abspath(source_root))  # noqa: PTH100
    _refuse_overlap(out, source)
    made = [parent for parent in out.parents if not parent.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        place = Path(os.path.realpath(out))
        _recover(place)
        _refuse_replacing(out, force)
        staging = _stage(project, place)
        if place.is_dir() and any(place.iterdir()):
            _replace(staging, place)
        else:
            _put(staging, place)
    except OSError as error:
        raise _explain(error, out) from error
    finally:
        if not out.exists():
            _remove_empty(made)


def check_destination(out: Path, source: Path, *, force: bool = False) -> None:
    """Refuse an OUT that overlaps SRC, or holds what must not be replaced. Raises WriteError; writes nothing."""
    _refuse_overlap(Path(os.path.abspath(out)), source)  # noqa: PTH100
    _refuse_replacing(out, force)


def _refuse_overlap(out: Path, source: Path) -> None:
    real_out, real_source = Path(os.path.realpath(out)), Path(os.path.realpath(source))
    if real_out == real_source or (real_source.is_dir() and real_source in real_out.parents):
        raise WriteError(
            "The output folder lies inside the source folder.",
            where=str(out),
            why="the source is never written to",
            fix="choose another folder with -o OUT",
        )
    if real_out in real_source.parents:
        raise WriteError(
            "The source lies inside the output folder.",
            where=str(out),
            why="replacing the output would replace the source",
            fix="choose another folder with -o OUT",
        )


def _refuse_replacing(out: Path, force: bool) -> None:
    if (out.exists() or out.is_symlink()) and not out.is_dir():
        raise WriteError(
            "The output folder is a file.",
            where=str(out),
            fix="choose another folder with -o OUT, or move the file away",
        )
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not is_made_by_graduate(out):
        raise WriteError(
            "The output folder is not empty.",
            where=str(out),
            why="it was not made by graduate, so it is not replaced",
            fix="choose another folder with -o OUT, or empty this one",
        )
    if not force:
        raise WriteError(
            "The output folder holds an earlier conversion.",
            where=str(out),
            why="people may have changed it since",
            fix="convert with --force to replace what graduate made, or choose another folder with -o OUT",
        )


def is_made_by_graduate(folder: Path) -> bool:
    return _read_record(folder).get("made_by") == MADE_BY


def _read_record(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _stage(project: Project, place: Path) -> Path:
    """The complete new tree in a hidden folder beside its place; on any error, nothing."""
    staging = Path(tempfile.mkdtemp(prefix=_prefix(place), dir=place.parent))
    try:
        with lock_folder(staging):
            _write_tree(project, staging)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return staging


def _prefix(place: Path) -> str:
    return f".{place.name}.graduate-"


def _write_tree(project: Project, folder: Path) -> None:
    """Write every file durably. The record comes first: it tells a later conversion what belongs to graduate."""
    folders = {folder}
    for file in sorted(project.files, key=lambda each: (each.path != RECORD, each.path)):
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        folders.update(parent for parent in target.parents if parent.is_relative_to(folder))
        _write_file(file, target)
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)
    for each in sorted(folders, key=lambda path: -len(path.parts)):
        _fsync_folder(each)


def _write_file(file: ProjectFile, target: Path) -> None:
    if file.link_to is not None:
        target.symlink_to(file.link_to)
        return
    with target.open("xb") as stream:
        if file.text is not None:
            stream.write(file.text.encode("utf-8"))
        else:
            with Path(file.copy_of or "").open("rb") as original:
                shutil.copyfileobj(original, stream, _CHUNK)
        stream.flush()
        os.fsync(stream.fileno())
    if file.executable:
        target.chmod(target.stat().st_mode | 0o111)


def _put(staging: Path, place: Path) -> None:
    """Rename the new tree to where nothing, or an empty folder, is."""
    try:
        staging.rename(place)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _fsync_folder(place.parent)


def _replace(staging: Path, place: Path) -> None:
    """Let the new tree and the old one change places, move over what is to be kept, remove the old one."""
    with lock_folder(place) as locked:
        try:
            if not locked:
                raise BlockingIOError(errno.EWOULDBLOCK, "another conversion is at work there")
            exchange(staging, place)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        _fsync_folder(place.parent)
        # From here on the staging folder is the old tree. When moving fails it stays, for the next conversion.
        _move_kept(staging, place)
        _fsync_folder(place)
        shutil.rmtree(staging, ignore_errors=True)


def _move_kept(old: Path, new: Path) -> None:
    """Move everything that graduate did not make from an old tree to the new one, unless its place is taken."""
    own = set(_read_record(old).get("files", ()))
    mixed = {parent.as_posix() for path in own for parent in Path(path).parents}
    for path in list(_find_unlisted(old, Path(), own, mixed)):
        target = new / path
        if target.is_dir() and not target.is_symlink() and (old / path).is_dir():
            for inner in sorted((old / path).iterdir()):
                _move(inner, target / inner.name)
        else:
            _move(old / path, target)


def _move(source: Path, target: Path) -> None:
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)


def _find_unlisted(root: Path, inside: Path, own: set[str], mixed: set[str]) -> Iterator[Path]:
    """Files, and folders as a whole, that hold nothing of graduate's. `mixed` are the folders that hold some."""
    for entry in sorted((root / inside).iterdir()):
        path = inside / entry.name
        if entry.name in _LEFT_OUT or path.as_posix() in own:
            continue
        if path.as_posix() in mixed and entry.is_dir() and not entry.is_symlink():
            yield from _find_unlisted(root, path, own, mixed)
        else:
            yield path


def _recover(place: Path) -> None:
    """Finish or undo what killed conversions to the same place have left."""
    leftovers = sorted(place.parent.glob(f"{glob.escape(_prefix(place))}*"))
    for leftover in leftovers:
        if leftover.name.endswith(MOVED_ASIDE) and not place.exists():
            leftover.rename(place)
            _fsync_folder(place.parent)
    for leftover in leftovers:
        if not leftover.is_dir():
            continue
        with lock_folder(leftover) as locked:
            if not locked:
                continue  # another conversion is at work there
            if is_made_by_graduate(leftover) and is_made_by_graduate(place):
                _move_kept(leftover, place)
            shutil.rmtree(leftover, ignore_errors=True)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another disk with -o OUT"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or choose another disk with -o OUT"),
    errno.EROFS: ("the file system is read-only", "choose another folder with -o OUT"),
    errno.EACCES: ("it is not permitted", "choose a folder that you may write to with -o OUT"),
    errno.EPERM: ("it is not permitted", "choose a folder that you may write to with -o OUT"),
    errno.ENOTEMPTY: ("another process has written there meanwhile", "convert again"),
}


def _explain(error: OSError, out: Path) -> WriteError:
    """What went wrong, in words."""
    text = str(error.strerror or error)
    why, fix = _REASONS.get(error.errno or 0, (text, "convert again, or choose another folder with -o OUT"))
    return WriteError("The project cannot be written.", where=str(out), why=why, fix=fix)
