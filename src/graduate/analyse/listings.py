"""Folders whose content the research code lists: `os.listdir()`, `glob("*")`, `Path(".").iterdir()`, `files = !ls`.

A list must not have what stands around the pipeline in a project, and must have the code that stood there.
"""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from posixpath import basename, dirname

from graduate.model.facts import DataFile, Hazard
from graduate.model.source import Place, Sources
from graduate.syntax.file_uses import HERE, evaluate_path, find_constants
from graduate.syntax.imports import qualified_names, qualify
from graduate.syntax.nodes import dotted, list_nodes, parse

_FOLDERS = frozenset({"os.listdir", "os.scandir", "os.walk"})
_PATTERNS = frozenset({"glob.glob", "glob.iglob"})
_METHODS = frozenset({"iterdir", "glob", "rglob", "walk"})
_SHELLS = frozenset({"shell", "shell_lines", "shell_cell", "os.system", "os.popen", "subprocess.getoutput"})
_MAY_LIST = re.compile(r"listdir|scandir|walk|glob|iterdir|shell|system|popen|getoutput")
_LISTS = frozenset({"ls", "dir", "find", "tree", "du"})
WORKSPACE = "data/workspace"
OWN = (
    "AGENTS.md",
    "Dockerfile",
    "Makefile",
    "README.md",
    "compose.yaml",
    "configs/default.yaml",
    "conversion.json",
    "data/checksums.json",
    "data/profile.json",
    "docker/deploy.sh",
    "logs/pipeline.jsonl",
    "monitoring/prometheus.yml",
    "pyproject.toml",
    "reports/figures/",
    "requirements-audit.in",
    "requirements-cuda.lock",
    "requirements-dev.in",
    "requirements.in",
    "requirements.lock",
    "tests/unit/",
)
"""What a project has beside the pipeline, some of it in folders that research code has too."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder (relative to the source root) of which the names that match `pattern` are listed, and where."""

    folder: str
    pattern: str
    place: Place
    is_deep: bool = False
    """Whether the folders below are looked through, too."""

    def has(self, path: str) -> bool:
        """Whether the list has the file `path`, or the folder that it is in."""
        if self.folder and not path.startswith(f"{self.folder}/"):
            return False
        first, *below = path.removeprefix(self.folder).lstrip("/").split("/")
        return fnmatch(first, self.pattern) or bool(
            self.is_deep and below and fnmatch(below[-1], self.pattern)
        )


def find_listings(sources: Sources) -> tuple[Listing, ...]:
    """Every list that the code makes of a folder whose name can be told."""
    starts = {program.path: program.folder for program in sources.programs}
    found: dict[Listing, None] = {}
    for module in sources.modules:
        if _MAY_LIST.search(module.text) is None:
            continue
        bases = [starts[module.path]] if module.path in starts else sorted(set(starts.values()))
        tree = parse(module.text)
        bases = list(_with_changes(bases, dirname(module.path), tree))
        for call, pattern in _listed(tree):
            for listing in _resolve(bases, dirname(module.path), pattern, module.place(call.lineno)):
                found[listing] = None
    return tuple(found)


def find_workspace_reason(sources: Sources, data_files: Iterable[DataFile]) -> Hazard | None:
    """Why the programs cannot run where the project's own files are; None when they can."""
    for listing in find_listings(sources):
        if any(map(listing.has, OWN)):
            what = f"{listing.folder or 'the folder that it runs in'} is listed, so it runs in {WORKSPACE}"
            return Hazard("G112", what, listing.place)
    for file in data_files:
        if file.path in OWN and "/" not in file.path and file.place is not None:
            what = f"{file.path}, which the project has too, is read, so it runs in {WORKSPACE}"
            return Hazard("G112", what, file.place)
    return None


def _with_changes(bases: Iterable[str], here: str, tree: ast.Module) -> Iterator[str]:
    """The folders that relative names may start from: those given, and where `os.chdir` goes from them."""
    yield from bases
    nodes = list_nodes(tree)
    names, imports = find_constants(nodes), qualified_names(tree.body)
    for call in nodes:
        if isinstance(call, ast.Call) and call.args and qualify(dotted(call.func), imports) == "os.chdir":
            target = evaluate_path(call.args[0], names) or ""
            for base in [here] if target.startswith(HERE) else bases:
                path = posixpath.normpath(posixpath.join(base, target.removeprefix(HERE).lstrip("/")))
                if not path.startswith(("/", "~", "..")) and "*" not in path:
                    yield "" if path == "." else path


def _resolve(bases: Iterable[str], here: str, pattern: str, place: Place) -> Iterator[Listing]:
    if pattern.startswith(HERE):
        bases, pattern = [here], pattern.removeprefix(HERE).lstrip("/")
    for base in bases:
        path = posixpath.normpath(posixpath.join(base, pattern.replace("**/", "")))
        folder, last = dirname(path), basename(path)
        if not path.startswith(("/", "~", "..")) and "*" not in folder:
            yield Listing(folder, last, place, "**/" in pattern)


def _listed(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Calls that list a folder, each with the pattern of the paths that it lists."""
    nodes = list_nodes(tree)
    names, imports = find_constants(nodes), qualified_names(tree.body)
    for call in nodes:
        if isinstance(call, ast.Call):
            for pattern in _patterns(call, names, imports):
                yield call, pattern


def _patterns(call: ast.Call, names: Mapping[str, str], imports: Mapping[str, str]) -> Iterator[str]:
    name = qualify(dotted(call.func), dict(imports))
    first = evaluate_path(call.args[0], names) if call.args else None
    if name in _FOLDERS and (first is not None or not call.args):
        yield posixpath.join(first or ".", "*")
    elif name in _PATTERNS and first is not None:
        yield first
    elif name in _SHELLS and first is not None:
        yield from _of_shell(first)
    elif isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        folder = evaluate_path(call.func.value, names)
        if folder is not None:
            below = "**/" if call.func.attr == "rglob" else ""
            yield posixpath.join(folder, below + (first or "*") if "glob" in call.func.attr else "*")


def _of_shell(command: str) -> Iterator[str]:
    for line in command.replace("&&", "\n").replace(";", "\n").replace("|", "\n").splitlines():
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        if words[:1] and words[0] in _LISTS:
            given = [word for word in words[1:] if not word.startswith("-")]
            given = given[:1] if words[0] == "find" else given
            for word in given or ["."]:
                yield word if "*" in word else posixpath.join(word, "*")
