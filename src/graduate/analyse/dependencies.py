"""The distributions that research code needs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from packaging.utils import InvalidName, canonicalize_name

from graduate.analyse.declared import Declared, find_conflicts, find_declared
from graduate.analyse.distributions import PLUGINS
from graduate.analyse.imports import Import, find_imports
from graduate.analyse.providers import Provided, find_providers, is_public, list_installed
from graduate.model.facts import Dependency, Hazard
from graduate.model.source import Sources
from graduate.syntax.file_uses import find_file_uses
from graduate.syntax.local_imports import LIBRARIES
from graduate.syntax.nodes import parse

_NOT_INSTALLABLE = {
    "google.colab",
    "dbruntime",
    "kaggle_secrets",
    "IPython.core.magics",
    "__main__",
    "pyodide",
    "js",
    # Of the standard library of Python 2, tried by code that runs on both.
    *(
        "urllib2",
        "cPickle",
        "ConfigParser",
        "Queue",
        "StringIO",
        "cStringIO",
        "httplib",
        "urlparse",
        "Tkinter",
    ),
    *("HTMLParser", "__builtin__", "xmlrpclib", "cookielib", "thread"),
}
_FETCHED = re.compile(r"https?://[^\s\"']+/(\w+)\.py\b")
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
    (re.compile(r"\btqdm\.notebook\b|\btqdm_notebook\b"), "tqdm", "ipywidgets", "progress bars of notebooks"),
    (
        re.compile(r"\.style\.(?:apply|background|bar|format|hide|highlight|map|set_|text_gradient|to_)"),
        "pandas",
        "jinja2",
        "styled tables",
    ),
    (re.compile(r"\bopen_(?:mf)?dataset\("), "xarray", "netcdf4", "NetCDF files"),
    (re.compile(r"\bclustermap\("), "seaborn", "scipy", "clusters"),
    (re.compile(r"\bdraw(?:_\w+)?\("), "networkx", "matplotlib", "figures"),
    (
        re.compile(r"\b(?:pagerank|hits|spectral_layout|to_scipy_sparse_array)\("),
        "networkx",
        "scipy",
        "sparse graphs",
    ),
    (
        re.compile(r"\.(?:plot|hist|boxplot)\b[^\n]*\n(?:.*\n)*?show_figures\(\)"),
        "pandas",
        "matplotlib",
        "figures",
    ),
)


def find_dependencies(
    sources: Sources, *, installed: Mapping[str, Sequence[str]] | None = None
) -> tuple[Dependency, ...]:
    """What must be installed for the programs to run, sorted by distribution.

    What the repository declares wins over what is `installed` here (import name → distributions),
    and that over what is known in public. Optional ones that are not here are listed too, and marked.
    """
    installed = list_installed() if installed is None else installed
    declared = find_declared(sources)
    found: dict[str, Dependency] = {}

    def add(provided: Provided, imports: tuple[str, ...], origin: str, *, optional: bool = False) -> None:
        distribution = provided.names[0]
        key = canonicalize_name(distribution)
        known, stated = found.get(key), declared.get(key)
        requirement = _requirement(distribution, stated)
        origin = stated.origin if stated else origin
        names = sorted({*imports, *(known.imports if known else ())})
        found[key] = Dependency(
            distribution,
            requirement,
            tuple(names),
            known.origin if known else origin,
            candidates=provided.names if provided.open else known.candidates if known else (),
            optional=optional and (known is None or known.optional),
            guessed=provided.guessed,
        )

    imports = tuple(find_imports(sources))
    unknown = _find_unknown(declared, imports)
    packages, called = _list_own(sources)
    for one in imports:
        provided = _settle(one, declared, unknown, installed)
        if one.top in packages or (provided.guessed and one.top in called):
            continue  # a module of the author's that is not there, or not where this one would find it
        if provided.names:
            needed = _is_needed(one, installed) or canonicalize_name(provided.names[0]) in declared
            add(provided, (one.top,), str(one.place), optional=not needed)
    used = {name for each in found.values() if not each.optional for name in each.imports}
    for distribution, origin in _find_implied(sources, used, declared):
        add(Provided((distribution,)), (), origin)
    for name, stated in declared.items():
        if name in PLUGINS and name not in found:
            add(Provided((stated.name,)), (), stated.origin)
    return tuple(sorted(found.values(), key=lambda d: d.distribution.lower()))


def find_contradictions(sources: Sources, dependencies: Iterable[Dependency]) -> Iterator[Hazard]:
    """What the repository declares about a distribution that is needed, and contradicts what is obeyed."""
    needed = {canonicalize_name(each.distribution) for each in dependencies}
    for conflict in find_conflicts(sources, find_declared(sources)):
        if conflict.taken.name in needed:
            taken, other = conflict.taken, conflict.other
            message = (
                f"{other.requirement} contradicts {taken.requirement} of {taken.origin}, which is obeyed"
            )
            yield Hazard("G120", message, other.place)


def _requirement(distribution: str, stated: Declared | None) -> str:
    if stated is None:
        return distribution
    # A conda name (`pytorch`) keeps its version under the name that pip knows.
    return re.sub(r"^[\w.\-]+", distribution, stated.requirement, count=1)


def _find_unknown(declared: Mapping[str, Declared], imports: Iterable[Import]) -> tuple[str, ...]:
    """The declared distributions of which nobody knows what they hold, and which no import is called like."""
    called = {canonicalize_name(one.top) for one in imports}
    return tuple(name for name in declared if name not in called and not is_public(name))


def _list_own(sources: Sources) -> tuple[frozenset[str], frozenset[str]]:
    """The packages at the root of the source folder, and the names of all its modules and folders, also of modules
    that the code writes or downloads when it runs."""
    paths = [PurePosixPath(module.path) for module in sources.modules if module.path.endswith(".py")]
    roots = {path.parent for path in paths if path.name == "__init__.py"}
    packages = {each.name for each in roots if each.parent.as_posix() in {".", "src", "lib"}}
    named = {part for path in paths for part in (path.stem, *path.parent.parts)}
    for module in sources.modules:
        named |= set(_FETCHED.findall(module.text))
        uses = (use for use in find_file_uses(parse(module.text)) if use.mode == "write")
        named |= {PurePosixPath(use.pattern).stem for use in uses if use.pattern.endswith(".py")}
    return frozenset(packages - LIBRARIES), frozenset(named)


def _settle(
    one: Import,
    declared: Mapping[str, Declared],
    unknown: Sequence[str],
    installed: Mapping[str, Sequence[str]],
) -> Provided:
    """The distribution for an import; none when it needs none, or is optional and not there.

    What the repository declares wins over what is installed here, and that over what is known in public.
    """
    top = one.top
    if top.endswith(("_pb2", "_pb2_grpc")):  # made by protoc from a file of the author's
        return Provided(())
    if one.module in _NOT_INSTALLABLE or top in _NOT_INSTALLABLE:
        return Provided(())
    here = tuple(dict.fromkeys(installed.get(top, ())))
    public = find_providers(one.module)
    for candidate in (*here, *public.names, top, top.replace("_", "-")):
        if stated := declared.get(canonicalize_name(candidate)):
            return Provided((stated.name if stated.name == canonicalize_name(candidate) else candidate,))
    for name in unknown:
        if name.startswith(f"{canonicalize_name(top)}-"):  # ffmpeg-binaries for ffmpeg
            return Provided((name,))
    if len(here) == 1:
        return Provided(here)
    if public.names and not public.guessed:
        return public
    if here:
        return Provided(here, open=True)
    return public if all(_can_be_name(name) for name in public.names) else Provided(())


def _can_be_name(distribution: str) -> bool:
    """Whether a distribution can be called so: none begins with an underscore."""
    try:
        canonicalize_name(distribution, validate=True)
    except InvalidName:
        return False
    return True


def _is_needed(one: Import, installed: Mapping[str, Sequence[str]]) -> bool:
    """Whether the program cannot do without an import, or has it here, so that it ran with it."""
    if not one.optional or one.top in installed:
        return True
    tried = [name.partition(".")[0] for name in one.fallback_of]
    return bool(tried) and not any(name in installed or name in sys.stdlib_module_names for name in tried)


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
