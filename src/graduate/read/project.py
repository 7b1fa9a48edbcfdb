"""A script, a notebook, or a folder with either, as Sources."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from posixpath import basename, dirname

from graduate.errors import Python2Error, ReadError
from graduate.model.source import MODULES, OtherFile, Place, Program, SourceModule, Sources, Unread
from graduate.read.commands import Command, find_commands
from graduate.read.console_scripts import find_scripts, make_modules
from graduate.read.names import find_name
from graduate.read.notebook import read_notebook
from graduate.read.parsing import parse_python
from graduate.read.platforms import at_home
from graduate.read.programs import (
    Seen,
    find_certain_imports,
    find_exports,
    find_folder,
    find_program_names,
    find_programs,
    look_at,
)
from graduate.read.raw_cells import is_module, is_notebook
from graduate.read.root import find_root
from graduate.read.script import read_script
from graduate.read.walk import Walk, is_left_out, walk
from graduate.syntax.install_commands import is_constraints, is_requirements
from graduate.syntax.local_imports import LocalModules

_TEXTS = re.compile(
    r"^(.*\.(ya?ml|toml|ini|cfg|json|sh|bash|slurm|sbatch|job|pbs)|setup\.py|Pipfile|README.*|(GNU)?[Mm]akefile|.*\.mk|Dockerfile.*"
    r"|runtime\.txt|Snakefile|justfile)$",
    re.IGNORECASE,
)
_LOCKS = re.compile(r"^(Pipfile|poetry|uv|pdm)\.lock$")
_MAX_TEXT_BYTES = 200_000
_MAX_LOCK_BYTES = 5_000_000
_FILE_DEPTH = 3
_FILE_ENTRIES = 5_000
_MESSAGE_HOW = (
    "Name a Python file (.py), a notebook (.ipynb, .Rmd, .qmd, .md of Jupytext), or a folder with either."
)


def read_project(path: Path, *, python2: bool = False) -> Sources:
    """Research code at `path` as frozen values; nothing is written and nothing is run.

    `python2`: it was written for Python 2, and is read as the Python 3 that means the same.
    Raises ReadError with the place and the next step for whatever cannot be read.
    """
    if not path.exists():
        raise ReadError(f"{path} does not exist.", where=str(path), why="", fix=_MESSAGE_HOW)
    if path.is_dir():
        return _read_folder(path.resolve(), str(path), python2)
    if path.is_file() and (path.suffix in MODULES or is_module(path)):
        return _read_file(path.absolute(), str(path), python2)
    why = (
        "It is neither a file nor a folder."
        if not path.is_file()
        else f"It ends in {path.suffix or 'nothing'!r}."
    )
    raise ReadError(
        f"{path} is not research code that graduate reads.", where=str(path), why=why, fix=_MESSAGE_HOW
    )


def _read_folder(root: Path, shown: str, python2: bool) -> Sources:
    found = walk(root)
    left_out = [path for path in found.modules if is_left_out(root, path)]
    texts = _read_texts(root, found, left_out)
    paths = [path for path in found.modules if path not in left_out]
    if not paths:
        raise ReadError(
            f"{shown} holds no Python file or notebook.",
            where=shown,
            why=f"{len(found.files) + len(left_out)} other files were found.",
            fix=_MESSAGE_HOW,
        )
    modules, broken = _read_modules(root, paths, python2)
    modules = [at_home(module, [file.path for file in found.files]) for module in modules]
    local = LocalModules(tuple(paths))
    seen = [look_at(module, local) for module in modules]
    scripts = make_modules(find_scripts(texts), modules, seen, [file.path for file in found.files])
    modules += scripts.values()
    local = LocalModules((*paths, *(module.path for module in scripts.values())))
    seen += [look_at(module, local) for module in scripts.values()]
    commands = find_commands(texts, paths, {name: module.path for name, module in scripts.items()})
    exports = find_exports(modules, seen) - {command.path for command in commands}
    modules = [module for module in modules if module.path not in exports]
    seen = [one for one in seen if one.path not in exports]
    ran = {place.path for m in modules for place in m.places if place.path != m.path} - {
        m.path for m in modules if m.kind == "notebook"
    }
    programs = find_programs(seen, commands, ran, {file.path for file in found.files})
    stopped = _find_stopped(root, broken, programs, modules, local, commands)
    programs = tuple(program for program in programs if program.path not in stopped)
    modules = [module for module in modules if module.path not in stopped]
    seen = [one for one in seen if one.path not in stopped]
    if not programs:
        raise ReadError(
            f"{shown} holds no program.",
            where=shown,
            why=f"Its {len(modules)} modules only define things; none does something when it is run.",
            fix="Name the file that you run, or add a script that calls the code.",
        )
    unread = [
        OtherFile(path, (root / path).stat().st_size) for path in [*left_out, *broken, *stopped, *exports]
    ]
    files = tuple(sorted([*found.files, *unread], key=lambda file: file.path))
    sources = _sources(root, root.name, modules, seen, programs, files, texts)
    links = [Unread(Place(path), "the link points to itself") for path in found.broken_links]
    problems = [Unread(_place(path, error), f"{error.what} {error.why}") for path, error in broken.items()]
    problems += [
        Unread(Place(path), f"it needs {needed}, which cannot be read") for path, needed in stopped.items()
    ]
    return replace(sources, unread=(*problems, *links))


def _place(path: str, error: ReadError) -> Place:
    found = re.fullmatch(r".*?(?:#cell(\d+))?:(\d+)", error.where)
    if found is None:
        return Place(path)
    line = int(found[2])
    return Place(path, line, line, int(found[1]) if found[1] else None)


def _read_modules(
    root: Path, paths: Iterable[str], python2: bool
) -> tuple[list[SourceModule], dict[str, ReadError]]:
    """The modules that can be read, and the errors of the others."""
    modules: list[SourceModule] = []
    broken: dict[str, ReadError] = {}
    for path in paths:
        try:
            modules.append(_read_module(root, path, python2))
        except ReadError as error:
            broken[path] = error
    return modules, broken


def explain_python2(root: Path, first: Python2Error, paths: Sequence[str]) -> Python2Error:
    """The error of code that needs `--modernize`: every line that does, and what even that cannot read."""
    found: list[str] = []
    for path in paths:
        try:
            places = _read_module(root, path, python2=True).modernized
        except ReadError as error:
            found.append(f"{error.where}: not even with --modernize: {error.why}")
        else:
            found.append(_list_places(path, places))
    what = first.what if len(paths) == 1 else f"{len(paths)} files are Python 2 code."
    why = "\n         ".join([first.why, *found])
    return Python2Error(what, where=first.where, why=why, fix=first.fix)


def _list_places(path: str, places: Sequence[Place]) -> str:
    """`a.py: lines 3, 7-9` of one file, in a notebook `a.ipynb: cell 2 lines 1, 4`."""
    parts = []
    for cell in dict.fromkeys(place.cell for place in places):
        lines = sorted({place.line for place in places if place.cell == cell})
        runs = [list(run) for _, run in groupby(enumerate(lines), lambda each: each[1] - each[0])]
        shown = [f"{a[0][1]}-{a[-1][1]}" if len(a) > 1 else f"{a[0][1]}" for a in runs]
        parts.append(("" if cell is None else f"cell {cell} ") + "lines " + ", ".join(shown))
    return f"{path}: " + "; ".join(parts)


def _read_module(root: Path, path: str, python2: bool) -> SourceModule:
    read = read_notebook if is_notebook(path) else read_script
    return read(root, path, python2=python2)


def _find_stopped(
    root: Path,
    broken: dict[str, ReadError],
    programs: Sequence[Program],
    modules: Sequence[SourceModule],
    local: LocalModules,
    commands: Sequence[Command],
) -> dict[str, str]:
    """The modules that cannot be run, since they need a file that cannot be read, and that file.

    When all that people run is so, or a file only has to be modernized, the conversion stops.
    """
    if not broken:
        return {}
    by_path = {module.path: module for module in modules}
    commanded = [command.path for command in commands]
    imported = {path: find_certain_imports(module, local) for path, module in by_path.items()}
    stopped: dict[str, str] = {}
    for module in modules:
        known = [module.path]
        for path in known:
            known += [each for each in imported.get(path, ()) if each not in known]
        needed = next((path for path in known if path in broken), "")
        if needed:
            stopped[module.path] = needed
    run = [program.path for program in programs]
    is_all = all(path in stopped for path in run)
    is_all |= bool(commanded) and all(path in {**broken, **stopped} for path in commanded)
    refused = [stopped[path] for path in run if path in stopped]
    refused += commanded if all(path in broken for path in commanded) else ()
    for path, error in broken.items():
        if path in refused or not programs:
            if isinstance(error, Python2Error):
                python2 = [each for each, one in broken.items() if isinstance(one, Python2Error)]
                raise explain_python2(root, error, python2)
            if is_all or not programs:
                raise error
    return stopped


def _read_file(file: Path, shown: str, python2: bool) -> Sources:
    """One file, the local modules that it needs, and what lies beside it, or where it reaches up to."""
    try:
        root = find_root(file, parse_python(_read_module(file.parent, file.name, python2).text))
    except Python2Error as error:
        raise explain_python2(file.parent, error, [file.name]) from error
    entry = file.relative_to(root).as_posix()
    found = walk(root, depth=_FILE_DEPTH, most=_FILE_ENTRIES)
    local = LocalModules(found.modules if entry in found.modules else (*found.modules, entry))
    modules: list[SourceModule] = []
    seen: list[Seen] = []
    pending = [entry]
    refused: dict[str, Python2Error] = {}
    for path in pending:
        try:
            module = at_home(_read_module(root, path, python2), [file.path for file in found.files])
        except Python2Error as error:
            refused[path] = error
            continue
        modules.append(module)
        seen.append(look_at(module, local))
        pending += [needed for needed in seen[-1].imports if needed not in pending]
    if refused:
        raise explain_python2(root, next(iter(refused.values())), list(refused))
    texts = _read_texts(root, found, ())
    own = [command for command in find_commands(texts, found.modules) if command.path == entry]
    name = find_program_names([entry])[entry]
    arguments, origin = (own[0].arguments, own[0].origin) if own else ((), "")
    helpers = [one for one in seen[1:] if one.path in seen[0].imports]
    folder = find_folder(seen[0], helpers, {each.path for each in found.files}, usual=dirname(entry))
    program = Program(name, entry, arguments, origin, folder)
    sources = _sources(root, file.stem, modules, seen, (program,), found.files, texts)
    return replace(sources, whole_folder=False)


def _sources(
    root: Path,
    stem: str,
    modules: Sequence[SourceModule],
    seen: Sequence[Seen],
    programs: tuple[Program, ...],
    files: tuple[OtherFile, ...],
    texts: tuple[tuple[str, str], ...],
) -> Sources:
    taken = {name for one in seen for name in one.foreign}
    # A folder that the programs write into must not be the package.
    uses = (use for one in seen for use in one.uses if use.mode != "named" or "/" in use.pattern)
    taken |= {use.pattern.split("/")[0] for use in uses}
    taken |= {
        path.split("/")[0] for path in (*(f.path for f in files), *(p.folder for p in programs)) if path
    }
    return Sources(
        name=find_name(stem, taken),
        root=str(root),
        modules=tuple(sorted(modules, key=lambda module: module.path)),
        programs=programs,
        files=files,
        texts=texts,
    )


def _read_texts(root: Path, found: Walk, also: Collection[str]) -> tuple[tuple[str, str], ...]:
    texts = []
    sizes = {file.path: file.size for file in found.files}
    setup = [path for path in also if basename(path) == "setup.py"]
    for path in sorted([*sizes, *setup]):
        if _is_text(path, sizes.get(path, 0)):
            try:
                texts.append((path, (root / path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")))
            except (OSError, UnicodeDecodeError):
                continue
    return tuple(texts)


def _is_text(path: str, size: int) -> bool:
    name = basename(path)
    if _LOCKS.match(name):
        return size < _MAX_LOCK_BYTES
    wanted = _TEXTS.match(name) or is_requirements(path) or is_constraints(path)
    return bool(wanted) and size < _MAX_TEXT_BYTES
