"""Where the data and configuration files of the research code stand in the project.

Data lies below data/, configuration below configs/, and a relative link stands where the code expects
the file, so that paths in moved code stay as they are. Files that share a folder share one link.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graduate.model.facts import DataFile, Hazard
from graduate.model.project import ProjectFile

_CONFIGURATION = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg")
_LARGEST_CONFIGURATION = 1 << 20
_IN_PLACE = ("data/", "configs/")
MANIFEST = "data/checksums.json"


@dataclass(frozen=True, slots=True)
class DataPlacement:
    """A data file, where it is stored in the project, and the link that leads there ("" if none is needed)."""

    file: DataFile
    stored: str
    link: str = ""


def place_data(
    files: Iterable[DataFile], occupied: Iterable[str], workspace: str = ""
) -> tuple[DataPlacement, ...]:
    """Where each data file goes. `occupied` are the paths of the generated files.

    Where the programs have a `workspace`, all stand in it as they stood. Else a file whose place the project needs
    for itself is left out; see `find_clashes`.
    """
    if workspace:
        return tuple(
            DataPlacement(f, posixpath.join(workspace, f.path)) for f in sorted(files, key=lambda f: f.path)
        )
    taken = {*occupied, MANIFEST}
    folders = {parent for path in taken for parent in _parents(path)} | {"data", "configs"}
    groups: dict[str, list[DataFile]] = {}
    placed: list[DataPlacement] = []
    for file in sorted(files, key=lambda each: each.path):
        link = _link_for(file, taken, folders)
        if link == "":
            placed.append(DataPlacement(file, file.path))
        elif link is not None:
            groups.setdefault(link, []).append(file)
    claimed = {part for path in (*taken, *(each.stored for each in placed)) for part in _parts(path)}
    for link, members in groups.items():
        home = "configs" if _are_configuration(members) else "data"
        if f"{home}/{link}" in claimed:
            added = [DataPlacement(each, each.path) for each in members]
        else:
            added = [DataPlacement(each, f"{home}/{each.path}", link) for each in members]
        claimed.update(part for each in added for part in _parts(each.stored))
        placed += added
    return tuple(sorted(placed, key=lambda each: each.file.path))


def _link_for(file: DataFile, taken: set[str], folders: set[str]) -> str | None:
    """The path at which a link can stand, "" when the file needs none, None when it is left out."""
    if file.path not in taken and file.path not in folders:
        if file.path.startswith(_IN_PLACE):
            return ""
        free = (p for p in (*_parents(file.path), file.path) if p not in folders)
        link = next(free)
        if link not in taken:
            return link
    return None


def find_clashes(files: Iterable[DataFile], placements: Iterable[DataPlacement]) -> tuple[Hazard, ...]:
    """The files that the code reads, and that could not be placed where it looks for them."""
    placed = {each.file.path for each in placements}
    return tuple(
        Hazard("G114", f"{file.path} is a file of the project itself, and that one is read", file.place)
        for file in files
        if file.path not in placed and file.place is not None
    )


def _parents(path: str) -> tuple[str, ...]:
    """The folders above a path, the outermost first."""
    parts = path.split("/")[:-1]
    return tuple("/".join(parts[: end + 1]) for end in range(len(parts)))


def _parts(path: str) -> tuple[str, ...]:
    """A path and the folders above it."""
    return (*_parents(path), path)


def _are_configuration(files: Iterable[DataFile]) -> bool:
    return all(
        file.path.lower().endswith(_CONFIGURATION) and file.size <= _LARGEST_CONFIGURATION for file in files
    )


def render_data(placements: Sequence[DataPlacement], source_root: str) -> tuple[ProjectFile, ...]:
    """The copies, the links and the manifest."""
    files: dict[str, ProjectFile] = {}
    for each in placements:
        if each.file.copied:
            source = posixpath.join(source_root, each.file.path)
            files[each.stored] = ProjectFile(each.stored, copy_of=source)
        if each.link:
            start = posixpath.dirname(each.link) or "."
            home = each.stored.removesuffix(each.file.path)
            target = posixpath.relpath(home + each.link, start)
            files[each.link] = ProjectFile(each.link, link_to=target)
            if each.link != each.file.path and not each.file.copied:
                # The folder that the link leads to must be there, for the files that are put into it later.
                keep = f"{home}{each.link}/.gitkeep"
                files[keep] = ProjectFile(keep, text="")
    files[MANIFEST] = ProjectFile(MANIFEST, text=_render_manifest(placements))
    return tuple(files[path] for path in sorted(files))


def keep_folders(folders: Iterable[str], occupied: Iterable[str]) -> tuple[ProjectFile, ...]:
    """The empty folders that the programs write into; not those that other files make, or that lie behind a link."""
    files = set(occupied)
    there = {part for path in files for part in _parts(path)}
    free = [f for f in folders if f not in there and not files.intersection(_parents(f))]
    return tuple(ProjectFile(f"{folder}/.gitkeep", text="") for folder in free)


def _render_manifest(placements: Iterable[DataPlacement]) -> str:
    listed = {}
    for each in placements:
        entry: dict[str, object] = {"bytes": each.file.size, "sha256": each.file.sha256}
        if each.link:
            entry["research_path"] = each.file.path
        if not each.file.copied:
            entry["message"] = (
                f"Too big to be copied ({each.file.size} bytes). Copy or link {each.file.path} of the research "
                f"folder to {each.stored}."
            )
        listed[each.stored] = entry
    return json.dumps({"files": listed}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def find_missing(placements: Iterable[DataPlacement]) -> tuple[DataPlacement, ...]:
    """The files that a person has to put in place."""
    return tuple(each for each in placements if not each.file.copied)
