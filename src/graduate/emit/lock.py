"""Pins the requirements, with hashes, by asking uv. The only place of emission that needs a network.

Wheels in the folders of PIP_FIND_LINKS are preferred to what the index has, since they were put there for this
machine (a build of PyTorch for the CPU is there because the default one is gigabytes of CUDA).
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from graduate.errors import ToolError
from graduate.model.project import Project, ProjectFile

_NO_LOCK = "convert with --no-lock, and run 'make lock' in the project later"
_PYTHON = re.compile(r"^PYTHON_VERSION := (\S+)$", re.MULTILINE)
_TIMEOUT = 900


def lock_project(project: Project) -> Project:
    """The project with requirements.lock (to run) and requirements-dev.lock (to run, test and check).

    Raises ToolError when uv is missing, cannot reach its index, or finds no versions that fit.
    """
    texts = {file.path: file.text for file in project.files if file.text is not None}
    found = _PYTHON.search(texts["Makefile"])
    assert found is not None
    wanted = _requirement_lines(texts["requirements.in"])
    lock = render_lock(wanted, found[1])
    tools = _requirement_lines(texts["requirements-dev.in"])
    dev_lock = render_lock([*wanted, *tools], found[1], constraints=_pins(lock))
    files = [file for file in project.files if not file.path.endswith(".lock")]
    files += [
        ProjectFile("requirements.lock", text=lock),
        ProjectFile("requirements-dev.lock", text=dev_lock),
    ]
    return replace(project, files=tuple(sorted(files, key=lambda file: file.path)))


def render_lock(requirements: Iterable[str], python: str, *, constraints: Iterable[str] = ()) -> str:
    """The text of a lock: every distribution with its version and hashes; no address, no path of this machine."""
    wanted = list(requirements)
    wheels = find_wheels(python)
    local = [f"{name}=={version}" for name, version in wheels.items() if _may_be(name, version, wanted)]
    given = [*constraints]
    named = {canonicalize_name(Requirement(each).name) for each in given}
    local = [each for each in local if each.partition("==")[0] not in named]
    try:
        text = _compile(wanted, [*given, *local], python)
    except ToolError:
        if not local:
            raise
        # A local wheel may not fit what another distribution asks for.
        text = _compile(wanted, given, python)
    if "://" in text:
        raise ToolError(
            "A requirement is an address, which cannot be locked with a hash.",
            why=next(line for line in text.split("\n") if "://" in line).split(" \\")[0],
            fix=f"name a released version instead, or {_NO_LOCK}",
        )
    return text


def find_wheels(python: str, environment: Mapping[str, str] | None = None) -> dict[str, Version]:
    """The newest wheel of each distribution in the folders of PIP_FIND_LINKS that fits this machine."""
    folders = (os.environ if environment is None else environment).get("PIP_FIND_LINKS", "").split()
    major, minor = map(int, python.split("."))
    fitting = {*cpython_tags((major, minor)), *compatible_tags((major, minor), f"cp{major}{minor}")}
    found: dict[str, Version] = {}
    for folder in folders:
        for path in sorted(Path(folder).glob("*.whl")):
            try:
                name, version, _, tags = parse_wheel_filename(path.name)
            except InvalidWheelFilename:
                continue
            if tags & fitting and version >= found.get(name, version):
                found[name] = version
    return found


def _may_be(name: str, version: Version, requirements: Iterable[str]) -> bool:
    """Whether no requirement excludes this version."""
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        fits = not requirement.url and requirement.specifier.contains(version, prereleases=True)
        if canonicalize_name(requirement.name) == name and not fits:
            return False
    return True


def _requirement_lines(text: str) -> list[str]:
    """The requirements of a file, without comments and references to other files."""
    lines = [re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.split("\n")]
    return [line for line in lines if line and not line.startswith("-")]


def _pins(lock: str) -> list[str]:
    """`name==version` of every entry of a lock."""
    return [m[0] for m in re.finditer(r"^[A-Za-z0-9][\w.\-]*==[^\s;\\]+", lock, re.MULTILINE)]


def _compile(requirements: Iterable[str], constraints: Iterable[str], python: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "requirements.in").write_text("\n".join(requirements) + "\n", encoding="utf-8")
        (folder / "constraints.txt").write_text("\n".join(constraints) + "\n", encoding="utf-8")
        command = [_find_uv(), "pip", "compile", "requirements.in", "--constraint", "constraints.txt"]
        command += ["--python-version", python, "--generate-hashes", "--quiet", "--no-progress"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--no-emit-build-options", "--color=never"]
        for links in os.environ.get("PIP_FIND_LINKS", "").split():
            command += ["--find-links", links]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolError(
                "uv cannot be run to lock the requirements.", why=str(error), fix=_NO_LOCK
            ) from error
    if done.returncode:
        raise ToolError(
            "The requirements cannot be locked.",
            where="requirements.in",
            why=_shorten(done.stderr),
            fix=f"correct the requirements of the research code, or {_NO_LOCK}",
        )
    return done.stdout


def _find_uv() -> str:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise ToolError(
            "uv is missing, which locks the requirements.",
            why=str(error),
            fix=f"pip install uv, or {_NO_LOCK}",
        ) from error


def _shorten(message: str) -> str:
    """uv's reason in one line, without addresses."""
    text = " ".join(message.split()).lstrip("× ")
    return re.sub(r"\(?https?://\S+\)?", "(index)", text)[:600]
