"""The requirements in each kind of file that declares some, as PEP 508 texts with their lines."""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.markers import InvalidMarker, Marker

from graduate.syntax.install_commands import find_installs, from_conda, join_continued

Line = tuple[str, int]
"""A requirement and the line in which it stands."""


def read_requirements(text: str) -> Iterator[Line]:
    """requirements.txt, constraints.txt."""
    for number, line in join_continued(text):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        line = re.sub(r"\s--?\w.*$", "", line)
        if match := re.match(r"(?:-e|--editable)[ =](\S+)#egg=([\w.\-]+)", line):
            yield f"{match[2]} @ {match[1]}", number
        elif line and not line.startswith("-"):
            yield line, number


def read_environment(text: str) -> Iterator[Line]:
    """The dependencies of a conda environment, line by line: the format is flat and the lines are wanted."""
    for item, number, by_pip in _conda_items(text):
        if requirement := item if by_pip else from_conda(item):
            yield requirement, number


def find_conda_python(text: str) -> str:
    """The Python of a conda environment as a specifier; "" when it names none."""
    for item, _, by_pip in _conda_items(text):
        if not by_pip and (match := re.match(r"(?:\S+::)?python\s*([=<>!~].*)$", item)):
            exact = re.match(r"==?([\d.]+)", match[1])
            return f"=={exact[1].rstrip('.')}" if exact else match[1]
    return ""


def _conda_items(text: str) -> Iterator[tuple[str, int, bool]]:
    inside, in_pip, depth = False, False, 0
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
        in_pip = in_pip and len(match[1]) > depth
        yield item, number, in_pip


def read_pyproject(text: str) -> Iterator[Line]:
    """PEP 621, dependency groups, Poetry, PDM."""
    data = read_toml(text)
    project, tool = find_table(data, "project"), find_table(data, "tool")
    groups = [
        project.get("dependencies", []),
        *find_table(project, "optional-dependencies").values(),
        *find_table(data, "dependency-groups").values(),
        *find_table(tool, "pdm", "dev-dependencies").values(),
    ]
    listed = [item for group in groups if isinstance(group, list) for item in group if isinstance(item, str)]
    yield from _with_lines(text, listed)
    poetry = find_table(tool, "poetry")
    tables = [find_table(poetry, "dependencies"), find_table(poetry, "dev-dependencies")]
    tables += [find_table(group, "dependencies") for group in find_table(poetry, "group").values()]
    for table in tables:
        yield from _named(text, table)


def read_pipfile(text: str) -> Iterator[Line]:
    data = read_toml(text)
    yield from _named(text, {**find_table(data, "dev-packages"), **find_table(data, "packages")})


def _named(text: str, table: Mapping[str, Any]) -> Iterator[Line]:
    """The entries of a table that maps names to versions, as Poetry and Pipenv have it."""
    for name, version in table.items():
        if name.lower() != "python":
            yield _from_poetry(name, version), _line_of(text, rf"^\s*[\"']?{re.escape(name)}[\"']?\s*=")


def _from_poetry(name: str, version: Any) -> str:
    if isinstance(version, list):
        version = version[0] if version else "*"
    if isinstance(version, dict) and "git" in version:
        return f"{name} @ git+{version['git']}"
    text = version.get("version", "*") if isinstance(version, dict) else version
    if not isinstance(text, str) or text in {"*", ""}:
        return name
    return name + from_caret(text)


def from_caret(text: str) -> str:
    """Poetry's `^1.2` and `~1.2` as a specifier."""
    if text.startswith("^"):
        return f">={text[1:].strip()}"
    if text.startswith("~") and not text.startswith("~="):
        return f"=={text[1:].strip()}.*"
    return text if re.match(r"[<>=!~]", text) else f"=={text}"


def read_setup_config(text: str) -> Iterator[Line]:
    config = read_config(text)
    sections = [config.get("options", {}).get("install_requires", "")]
    sections += config.get("options.extras_require", {}).values()
    listed = [line.strip() for section in sections for line in section.split("\n") if line.strip()]
    yield from _with_lines(text, listed)


def read_setup(text: str) -> Iterator[Line]:
    """The literal requirements of `setup(…)`, and of lists that it is given by name; nothing is run."""
    for argument in ("install_requires", "extras_require"):
        yield from _with_lines(text, find_setup_strings(text, argument))


def read_lock(text: str) -> Iterator[Line]:
    """The pins of poetry.lock, uv.lock and pdm.lock; of several versions of one distribution that of this Python."""
    packages = read_toml(text).get("package", [])
    for package in packages if isinstance(packages, list) else []:
        markers = find_table({"": package}, "").get("resolution-markers", [])
        name, version = (find_table({"": package}, "").get(key) for key in ("name", "version"))
        if isinstance(name, str) and isinstance(version, str) and (not markers or any(map(_holds, markers))):
            yield f"{name}=={version}", _line_of(text, rf'^name = "{re.escape(name)}"')


def _holds(marker: str) -> bool:
    try:
        return Marker(marker).evaluate()
    except InvalidMarker:
        return True


def read_pipfile_lock(text: str) -> Iterator[Line]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError:
        return
    for group in ("default", "develop"):
        for name, entry in find_table(data, group).items():
            if isinstance(entry, dict) and isinstance(entry.get("version"), str):
                yield name + entry["version"], _line_of(text, rf'^\s*"{re.escape(name)}":')


def read_commands(text: str) -> Iterator[Line]:
    """What the install commands in a shell script, Dockerfile, Makefile or README ask for."""
    for number, line in join_continued(text):
        if not line.lstrip().startswith("# "):
            yield from ((requirement, number) for requirement in find_installs(line))


def _with_lines(text: str, listed: Sequence[str]) -> Iterator[Line]:
    for item in listed:
        yield item, _line_of(text, rf"(?<![\w.\-]){re.escape(item)}(?![\w\-])")


def _line_of(text: str, pattern: str) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def find_table(data: Any, *keys: str) -> dict[str, Any]:
    """The table under these keys, one in the other; an empty one where there is none, or something else."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


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
    """The literal strings of an argument of `setup(…)`, without running it.

    An argument that is a name stands for the list that the file binds to it.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    bound = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "setup":
            for keyword in node.keywords:
                if keyword.arg == argument:
                    value = keyword.value
                    value = bound.get(value.id, value) if isinstance(value, ast.Name) else value
                    return _strings(value)
    return ()


def _strings(value: ast.expr) -> list[str]:
    """The strings in a literal; of a mapping (extras) those of its values."""
    parts = value.values if isinstance(value, ast.Dict) else [value]
    nodes = [node for part in parts for node in ast.walk(part) if isinstance(node, ast.Constant)]
    return [node.value for node in nodes if isinstance(node.value, str)]
