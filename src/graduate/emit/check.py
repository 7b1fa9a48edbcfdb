"""Looks at a project before it is written: it parses, and it names no machine and no package registry."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Container, Iterator
from typing import Any

import yaml

from graduate.emit.record import RECORD
from graduate.model.project import SETTINGS_FILE, Project, ProjectFile
from graduate.syntax.nodes import parse

_REGISTRY = re.compile(r"--(extra-)?index-url|--find-links\s+/(?!wheels)|pypi\.org|pythonhosted\.org")
_FIXED = ("Dockerfile", "Makefile", "compose.yaml", "docker/", "monitoring/", ".dockerignore", ".gitignore")
"""Files in which no path of the machine can be, and in which a short one like /app stands for another folder."""
_PARSERS: dict[str, Callable[[str], Any]] = {
    ".py": parse,
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": yaml.safe_load,
}


def check_project(project: Project, source_root: str = "") -> tuple[str, ...]:
    """What is wrong with a project, one sentence each; () when it may be written.

    Moved code is the author's: it must parse, but what it names is not looked at.
    """
    return tuple(_find_problems(project, source_root.rstrip("/")))


def _find_problems(project: Project, source_root: str) -> Iterator[str]:
    paths = Counter(file.path for file in project.files)
    for path in sorted(path for path, count in paths.items() if count > 1):
        yield f"{path} would be written twice"
    moved = _moved(project)
    for file in project.files:
        yield from _check_path(file, paths)
        if file.text is None:
            continue
        parser = _PARSERS.get(posixpath.splitext(file.path)[1])
        if parser is not None:
            try:
                parser(file.text)
            except (ValueError, SyntaxError, yaml.YAMLError) as error:
                yield f"{file.path} does not parse: {error}"
        if file.path.endswith(".lock") and "://" in file.text:
            yield f"{file.path} holds an address"
        if file.path not in moved:
            own = _own_words(file)
            fixed = file.path.startswith(_FIXED) or "/utils/" in file.path
            if source_root and not fixed and re.search(re.escape(source_root) + r"(?![\w.-])", own):
                yield f"{file.path} names the folder of the research code on this machine"
            if _REGISTRY.search(own):
                yield f"{file.path} names a package registry"


def _check_path(file: ProjectFile, paths: Container[str]) -> Iterator[str]:
    if posixpath.normpath(file.path) != file.path or file.path.startswith(("/", "../")):
        yield f"{file.path} leads out of the project"
    contents = [each for each in (file.text, file.copy_of, file.link_to) if each is not None]
    if len(contents) != 1:
        yield f"{file.path} must be a text, a copy or a link"
    if file.link_to is not None:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), file.link_to))
        if posixpath.isabs(file.link_to) or target.startswith("../"):
            yield f"the link {file.path} leads out of the project"
    for parent in _parents(file.path):
        if parent in paths:
            yield f"{parent} is a file and a folder"


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path).rstrip("/"):
        yield path


def _moved(project: Project) -> set[str]:
    """The files whose words are the research code's own: its modules, its values, and the tests' copies of them."""
    record = next((f.text for f in project.files if f.path == RECORD and f.text), "{}")
    try:
        known = json.loads(record)
    except ValueError:
        return set()
    modules = {each["path"] for each in known.get("modules", [])}
    return modules | {known.get("settings_file", SETTINGS_FILE), "tests/unit/test_settings.py"}


def _own_words(file: ProjectFile) -> str:
    """The text without what is quoted from the research code."""
    text = file.text or ""
    if file.path == RECORD:
        try:
            record = json.loads(text)
        except ValueError:
            return text
        quoted = ("rows", "steps", "options", "hazards", "programs", "dependencies")
        return json.dumps({key: value for key, value in record.items() if key not in quoted})
    if file.path == "README.md":
        return "\n".join(line for line in text.split("\n") if not line.startswith(("| `", "- `")))
    if file.path == "requirements.in":
        return ""
    if file.path == "pyproject.toml":
        return text.partition("[tool.uv]")[2]
    return text
