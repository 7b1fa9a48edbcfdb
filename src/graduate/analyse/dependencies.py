"""The distributions and the Python that research code needs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distributions

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from graduate.analyse.declared import Declared, find_declared
from graduate.analyse.distributions import DISTRIBUTIONS, OWN_NAMES, PLUGINS
from graduate.analyse.manifests import find_setup_strings, read_config, read_toml
from graduate.model.facts import Dependency
from graduate.model.source import Sources
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import list_nodes

_FLOOR = Version("3.11")
_NOT_INSTALLABLE = {
    "google.colab",
    "dbruntime",
    "kaggle_secrets",
    "IPython.core.magics",
    "__main__",
    "pyodide",
    "js",
}
# What a call needs that no import names: pattern, module that must be in use, distribution, reason.
_IMPLIED = (
    (re.compile(r"\b(?:read_excel|to_excel|ExcelFile|ExcelWriter)\("), "pandas", "openpyxl", "Excel files"),
    (re.compile(r"\.xls[\"']"), "pandas", "xlrd", "old Excel files"),
    (re.compile(r"\b(?:read|to)_(?:parquet|feather|orc)\("), "pandas", "pyarrow", "Parquet files"),
    (re.compile(r"\b(?:read_hdf|to_hdf|HDFStore)\("), "pandas", "tables", "HDF files"),
    (re.compile(r"\bread_html\("), "pandas", "lxml", "HTML tables"),
    (re.compile(r"\.to_markdown\("), "pandas", "tabulate", "Markdown tables"),
    (re.compile(r"\btorch\.utils\.tensorboard\b"), "torch", "tensorboard", "TensorBoard logs"),
    (re.compile(r"\bfetch_openml\("), "sklearn", "pandas", "OpenML frames"),
    (re.compile(r"\.write_image\("), "plotly", "kaleido", "images of figures"),
    (
        re.compile(r"\.(?:plot|hist|boxplot)\b[^\n]*\n(?:.*\n)*?show_figures\(\)"),
        "pandas",
        "matplotlib",
        "figures",
    ),
)


@dataclass(frozen=True, slots=True)
class _Import:
    """An import of a module from elsewhere; `fallback_of` are the modules that are tried before it."""

    module: str
    place: str
    optional: bool
    fallback_of: tuple[str, ...] = ()


def find_dependencies(
    sources: Sources, *, installed: Mapping[str, Sequence[str]] | None = None
) -> tuple[Dependency, ...]:
    """What must be installed for the programs to run, sorted by distribution.

    What the repository declares wins over what is `installed` here (import name → distributions),
    and that over the table of well-known names.
    """
    installed = _installed() if installed is None else installed
    declared = find_declared(sources)
    found: dict[str, Dependency] = {}

    def add(distribution: str, imports: tuple[str, ...], origin: str) -> None:
        key = canonicalize_name(distribution)
        known, stated = found.get(key), declared.get(key)
        requirement = _requirement(distribution, stated)
        origin = stated.origin if stated else origin
        names = sorted({*imports, *(known.imports if known else ())})
        found[key] = Dependency(distribution, requirement, tuple(names), known.origin if known else origin)

    for one in _find_imports(sources):
        if distribution := _find_distribution(one, declared, installed):
            add(distribution, (one.module.partition(".")[0],), one.place)
    used = {name for dependency in found.values() for name in dependency.imports}
    for distribution, origin in _find_implied(sources, used, declared):
        add(distribution, (), origin)
    for name, stated in declared.items():
        if name in PLUGINS and name not in found:
            add(stated.name, (), stated.origin)
    return tuple(sorted(found.values(), key=lambda d: d.distribution.lower()))


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
def _installed() -> Mapping[str, Sequence[str]]:
    return Installed()


def _requirement(distribution: str, stated: Declared | None) -> str:
    if stated is None:
        return distribution
    # A conda name (`pytorch`) keeps its version under the name that pip knows.
    return re.sub(r"^[\w.\-]+", distribution, stated.requirement, count=1)


def _find_imports(sources: Sources) -> Iterator[_Import]:
    local = LocalModules(tuple(module.path for module in sources.modules))
    for module in sources.modules:
        tree = ast.parse(module.text)
        _, foreign = local.find_imports(module.path, module.text, tree)
        for name, line, optional, before in _walk_imports(tree):
            top = name.partition(".")[0]
            if top in foreign and top not in sys.stdlib_module_names:
                yield _Import(name, str(module.place(line)), optional, before)


def _walk_imports(tree: ast.Module) -> Iterator[tuple[str, int, bool, tuple[str, ...]]]:
    tried: dict[ast.AST, tuple[str, ...]] = {}
    nodes = list_nodes(tree)
    for node in nodes:
        if isinstance(node, ast.Try) and any(_catches_import(handler) for handler in node.handlers):
            body = list_nodes(*node.body)
            names = tuple(name for part in body for name in _names(part))
            tried.update((part, ()) for part in body)
            for handler in node.handlers:
                tried.update((part, names) for part in list_nodes(handler))
    for node in nodes:
        for name in _names(node):
            yield name, node.lineno, node in tried, tried.get(node, ())  # type: ignore[attr-defined]


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        namespace = node.module in {"google", "google.cloud", "nvidia"}
        return [f"{node.module}.{a.name}" for a in node.names] if namespace else [node.module]
    return []


def _catches_import(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    names = [caught] if not isinstance(caught, ast.Tuple) else caught.elts
    wanted = {"ImportError", "ModuleNotFoundError", "Exception"}
    return caught is None or any(getattr(name, "id", "") in wanted for name in names)


def _find_distribution(
    one: _Import, declared: Mapping[str, Declared], installed: Mapping[str, Sequence[str]]
) -> str | None:
    """The distribution for an import; None when it needs none, or is optional and not there."""
    top = one.module.partition(".")[0]
    if top.endswith(("_pb2", "_pb2_grpc")):  # made by protoc from a file of the author's
        return None
    if one.module in _NOT_INSTALLABLE or top in _NOT_INSTALLABLE:
        return None
    here = list(dict.fromkeys(installed.get(top, ())))
    known = _look_up(one.module)
    candidates = [*here, *(known or ()), top, top.replace("_", "-")]
    for candidate in candidates:
        if stated := declared.get(canonicalize_name(candidate)):
            return stated.name if stated.name == canonicalize_name(candidate) else candidate
    if len(here) == 1:
        return here[0]
    if one.optional and not here:
        tried = [name.partition(".")[0] for name in one.fallback_of]
        if not tried or any(name in installed or name in sys.stdlib_module_names for name in tried):
            return None
    if known is not None:
        return known[0] if known else None
    return here[0] if here else (None if top in OWN_NAMES else top.replace("_", "-"))


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


def _find_implied(
    sources: Sources, used: set[str], declared: Mapping[str, Declared]
) -> Iterator[tuple[str, str]]:
    for module in sources.modules:
        for pattern, needs, distribution, reason in _IMPLIED:
            match = pattern.search(module.text) if needs in used and distribution not in used else None
            if match is None or (distribution == "pyarrow" and "fastparquet" in {*declared, *used}):
                continue
            line = module.text.count("\n", 0, match.start()) + 1
            yield distribution, f"{module.place(line)} ({reason})"
        if "display" in module.helpers:
            yield "ipython", "displayed values"


def find_python(sources: Sources) -> str:
    """The Python that the project asks for, never below 3.11, as a version specifier."""
    lower, upper = _FLOOR, None
    for text in _python_specifiers(sources):
        try:
            specifiers = SpecifierSet(text)
        except InvalidSpecifier:
            continue
        for specifier in specifiers:
            version = Version(specifier.version.removesuffix(".*"))
            if specifier.operator in {">=", "~=", "=="}:
                lower = max(lower, version)
            elif specifier.operator in {"<", "<="} and version > _FLOOR:
                bound = f"{specifier.operator}{version}"
                upper = bound if upper is None or version < Version(upper.lstrip("<=")) else upper
    if upper is not None and Version(upper.lstrip("<=")) <= lower:
        upper = None
    return f">={lower.major}.{lower.minor}" + (f",{upper}" if upper else "")


def _python_specifiers(sources: Sources) -> Iterator[str]:
    for path, text in sources.texts:
        if path == "pyproject.toml":
            data = read_toml(text)
            yield str(data.get("project", {}).get("requires-python", ""))
            poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python", "")
            yield re.sub(r"\^\s*", ">=", poetry) if isinstance(poetry, str) else ""
        elif path == "setup.cfg":
            yield read_config(text).get("options", {}).get("python_requires", "")
        elif path == "setup.py":
            yield from find_setup_strings(text, "python_requires")
