"""What a repository declares that it needs: requirements files, conda environments, project metadata."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from graduate.model.source import Sources

_CONDA_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch", "opencv": "opencv-python", "pytables": "tables"}
_CONDA_ONLY = {"pip", "python", "cudatoolkit", "cudnn", "pytorch-cuda", "mkl", "nomkl", "blas", "conda"}


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared requirement: its canonical name, PEP 508 text and place."""

    name: str
    requirement: str
    origin: str

    @property
    def is_pinned(self) -> bool:
        return self.requirement.partition(";")[0].strip() != Requirement(self.requirement).name


def find_declared(sources: Sources) -> dict[str, Declared]:
    """The requirements of a repository by canonical name; the first one with a version wins."""
    found: dict[str, Declared] = {}
    for text, origin in _all(sources):
        declared = _declare(text, origin)
        if declared is None:
            continue
        known = found.get(declared.name)
        if known is None or (declared.is_pinned and not known.is_pinned):
            found[declared.name] = declared
    return found


def _declare(text: str, origin: str) -> Declared | None:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    if requirement.url is None and requirement.marker is not None and not requirement.marker.evaluate():
        return None
    name = canonicalize_name(requirement.name)
    return Declared(_CONDA_NAMES.get(name, name), str(requirement), origin)


def _all(sources: Sources) -> Iterator[tuple[str, str]]:
    for path, text in sorted(sources.texts, key=lambda item: (item[0].count("/"), _rank(item[0]), item[0])):
        name = basename(path).lower()
        if re.fullmatch(r"(requirements|constraints).*\.(txt|in)", name):
            yield from _requirements_lines(path, text)
        elif re.fullmatch(r"(environment|env|conda).*\.ya?ml", name):
            yield from _environment(path, text)
        elif name in {"pyproject.toml", "pipfile"}:
            yield from _toml(path, text)
        elif name == "setup.cfg":
            required = read_config(text).get("options", {}).get("install_requires", "")
            yield from ((line, path) for line in required.split("\n") if line.strip())
        elif name == "setup.py":
            yield from ((text, path) for text in find_setup_strings(text, "install_requires"))
    for module in sources.modules:
        yield from ((text, f"{module.path} (%pip install)") for text in module.requirements)


def _rank(path: str) -> int:
    order = ("requirements", "pyproject.toml", "setup.cfg", "setup.py", "pipfile", "env", "constraints")
    name = basename(path).lower()
    return next((n for n, start in enumerate(order) if name.startswith(start)), len(order))


def _requirements_lines(path: str, text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip().rstrip("\\").strip()
        line = re.sub(r"\s--?\w.*$", "", line)
        if line and not line.startswith("-"):
            yield line, f"{path}:{number}"


def _environment(path: str, text: str) -> Iterator[tuple[str, str]]:
    """The dependencies of a conda environment, line by line: the format is flat and the lines are wanted."""
    inside, in_pip = False, False
    for number, raw in enumerate(text.split("\n"), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).rstrip()
        if re.match(r"\w+:", line):
            inside, in_pip = line.startswith("dependencies:"), False
            continue
        match = re.match(r"(\s*)-\s*(.+)$", line)
        if not inside or match is None:
            continue
        item = match[2].strip("\"' ")
        if item.rstrip(": ") == "pip" and item.endswith(":"):
            in_pip, depth = True, len(match[1])
            continue
        if in_pip and len(match[1]) > depth:
            yield item, f"{path}:{number}"
            continue
        in_pip = False
        if requirement := from_conda(item):
            yield requirement, f"{path}:{number}"


def from_conda(item: str) -> str:
    """`numpy=1.21` of conda is `numpy==1.21.*` of pip; "" for what only conda has."""
    item = item.rpartition("::")[2].strip()
    match = re.match(r"([\w.\-]+)\s*(.*)$", item)
    if match is None or match[1].lower() in _CONDA_ONLY:
        return ""
    name, version = _CONDA_NAMES.get(match[1].lower(), match[1]), match[2].strip()
    if exact := re.fullmatch(r"=?=\s*([\w.]+)(?:=\S+)?", version):
        is_whole = version.startswith("==") or version.count("=") == 2 or exact[1].endswith("*")
        return f"{name}=={exact[1]}" if is_whole else f"{name}=={exact[1]}.*"
    return f"{name}{version}" if re.match(r"[<>=!~]", version) else name


def _toml(path: str, text: str) -> Iterator[tuple[str, str]]:
    data = read_toml(text)
    project = data.get("project", {})
    listed = [*project.get("dependencies", [])]
    for extra in project.get("optional-dependencies", {}).values():
        listed += extra
    yield from ((str(item), path) for item in listed)
    poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {})
    for name, version in {**poetry, **data.get("packages", {})}.items():
        if name.lower() != "python":
            yield _from_poetry(name, version), path


def _from_poetry(name: str, version: Any) -> str:
    text = version.get("version", "*") if isinstance(version, dict) else version
    if not isinstance(text, str) or text in {"*", ""}:
        return name
    if text.startswith("^"):
        return f"{name}>={text[1:]}"
    if text.startswith("~") and not text.startswith("~="):
        return f"{name}=={text[1:]}.*"
    return f"{name}{text}" if re.match(r"[<>=!~]", text) else f"{name}=={text}"


def read_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def read_config(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {section: dict(parser[section]) for section in parser.sections()}


def find_setup_strings(text: str, argument: str) -> Sequence[str]:
    """The literal strings of an argument of `setup(…)`, without running it."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "setup":
            for keyword in node.keywords:
                if keyword.arg == argument:
                    strings = [n.value for n in ast.walk(keyword.value) if isinstance(n, ast.Constant)]
                    return [s for s in strings if isinstance(s, str)]
    return ()
