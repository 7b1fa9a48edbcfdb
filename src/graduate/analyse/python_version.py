"""The Python that a project needs: what it says, else the lowest that its syntax and library calls allow."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from posixpath import basename

import vermin
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from graduate.analyse.imports import catches_import
from graduate.analyse.manifests import (
    find_conda_python,
    find_setup_strings,
    find_table,
    from_caret,
    read_config,
    read_toml,
)
from graduate.model.source import Sources

FLOOR = Version("3.11")
"""The oldest Python that generated projects run on."""

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")


def find_python(sources: Sources) -> str:
    """The Python that the project asks for, never below 3.11, as a version specifier.

    An upper bound that leaves no supported Python is dropped: the code then runs on a newer one than its author had.
    """
    lower, upper = FLOOR, None
    for specifier in _stated(sources):
        try:
            version = Version(specifier.version.removesuffix(".*"))
        except InvalidVersion:
            continue
        if specifier.operator in {">=", "~=", "=="}:
            lower = max(lower, version)
        elif specifier.operator in {"<", "<="} and version > FLOOR:
            bound = f"{specifier.operator}{version}"
            upper = bound if upper is None or version < Version(upper.lstrip("<=")) else upper
    lower = max(lower, *(find_lowest(module.text) for module in sources.modules), FLOOR)
    if upper is not None and Version(upper.lstrip("<=")) <= lower:
        upper = None
    return f">={lower.major}.{lower.minor}" + (f",{upper}" if upper else "")


def raise_python(specifier: str, lowest: str) -> str:
    """The specifier with another lower bound; "" when its upper bound, or what is supported, is below that."""
    upper = specifier.partition(",")[2]
    fits = lowest in SUPPORTED and SpecifierSet(upper).contains(f"{lowest}.0")
    return (f">={lowest}" + (f",{upper}" if upper else "")) if fits else ""


def find_lowest(text: str) -> Version:
    """The lowest Python, 3.11 or above, that a module runs on, as vermin tells it.

    That looks at the syntax and at what is used of the standard library. What stands under a check of the version, or
    in a `try` that catches the ImportError, asks for nothing.
    """
    if not _may_need_newer(text):
        return FLOOR
    lowest = _detect(text)
    return lowest if lowest <= FLOOR else _detect(ast.unparse(_Unguarded().visit(ast.parse(text))))


def _may_need_newer(text: str) -> bool:
    """Whether vermin, which takes longer than the rest of the analysis, could find anything above 3.11."""
    try:
        ast.parse(text, feature_version=(FLOOR.major, FLOOR.minor))
    except SyntaxError:
        return True
    words = frozenset(re.findall(r"[A-Za-z_]\w*", text))
    return any(parts <= words for parts in _list_newer())


@cache
def _list_newer() -> frozenset[frozenset[str]]:
    """The parts of the names of what the standard library has had since 3.12: modules, members, and arguments."""
    config = vermin.Config()
    tables = (vermin.MOD_REQS(config), vermin.MOD_MEM_REQS(config), vermin.KWARGS_REQS(config))
    names = (
        ".".join(key) if isinstance(key, tuple) else key
        for table in tables
        for key, versions in table.items()
        if any(each and Version(".".join(map(str, each))) > FLOOR for each in versions)
    )
    return frozenset(frozenset(name.split(".")) for name in names)


def _detect(text: str) -> Version:
    try:
        found = [tuple(each) for each in vermin.detect(text, vermin.Config()) if each is not None]
    except vermin.InvalidVersionException:  # code for Python 2 and 3 at once
        found = []
    return Version(".".join(map(str, max(found, default=(3, 0)))))


class _Unguarded(ast.NodeTransformer):
    """Takes out what only runs where Python has it."""

    def visit_Try(self, node: ast.Try) -> ast.AST:
        if any(catches_import(handler.type) for handler in node.handlers):
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        tested = ast.unparse(node.test)
        return ast.copy_location(ast.Pass(), node) if "version_info" in tested else self.generic_visit(node)


def _stated(sources: Sources) -> Iterator[Specifier]:
    for text in _texts(sources):
        try:
            yield from SpecifierSet(text)
        except InvalidSpecifier:
            continue


def _texts(sources: Sources) -> Iterator[str]:
    """What the files at the top, and conda environments anywhere, say about Python, as specifiers."""
    for path, text in sources.texts:
        name = basename(path).lower()
        if path == "pyproject.toml":
            data = read_toml(text)
            yield str(find_table(data, "project").get("requires-python", ""))
            poetry = find_table(data, "tool", "poetry", "dependencies").get("python", "")
            yield _from_poetry(poetry) if isinstance(poetry, str) else ""
        elif path == "setup.cfg":
            yield read_config(text).get("options", {}).get("python_requires", "")
        elif path == "setup.py":
            yield from find_setup_strings(text, "python_requires")
        elif path == "Pipfile":
            version = find_table(read_toml(text), "requires").get("python_version", "")
            yield f">={version}" if version else ""
        elif path == "runtime.txt":
            yield re.sub(r"^python-(\d+\.\d+).*", r">=\1", text.strip())
        elif re.fullmatch(r"(environment|env|conda).*\.ya?ml", name):
            yield find_conda_python(text)


def _from_poetry(text: str) -> str:
    return from_caret(text.strip()) if text.strip()[:1] in {"^", "~"} else text
