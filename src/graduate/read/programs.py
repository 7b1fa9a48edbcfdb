"""Which modules people run, with which arguments, and in which order."""

from __future__ import annotations

import ast
import heapq
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from posixpath import basename, dirname, join, normpath, splitext

from graduate.model.source import ModuleKind, Program, SourceModule
from graduate.read.commands import Command, is_rule, list_folders
from graduate.read.parsing import parse_python
from graduate.read.raw_cells import is_notebook
from graduate.syntax.file_uses import FileUse, find_file_uses
from graduate.syntax.imports import is_import_only
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import list_nodes
from graduate.syntax.spine import is_main_guard

_NOT_RUN = re.compile(
    r"(^|/)(test_[^/]*|conftest|setup|versioneer|noxfile|fabfile|tasks|__init__|_version)\.py$"
    r"|(^|/)(tests?|docs?|\.?ci)/"
)
_RUN_BY_NAME = re.compile(
    r"^(main|run|train|training|finetune|pretrain|fit|eval|evaluate|evaluation|predict|prediction|infer|inference|"
    r"sample|generate|demo|benchmark|preprocess|prepare|download|experiment|simulate|search|sweep|app|cli|\d+)(_|$|\d)"
    r"|_(main|train|eval|demo|cli|experiment|inference)$"
)
_SAME_SHARE = 0.7
_OPTION_PARSERS = {
    "argparse",
    "click",
    "fire",
    "typer",
    "hydra",
    "absl",
    "docopt",
    "optparse",
    "tyro",
    "simple_parsing",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What matters of a module for the choice of programs."""

    path: str
    kind: ModuleKind
    imports: tuple[str, ...]
    foreign: frozenset[str]
    uses: tuple[FileUse, ...]
    guarded: bool
    drives: bool
    calls: bool
    relative: bool = False

    @property
    def parses_options(self) -> bool:
        return bool(self.foreign & _OPTION_PARSERS)


def look_at(module: SourceModule, local: LocalModules) -> Seen:
    tree = parse_python(module.text)
    imports, foreign = local.find_imports(module.path, module.text, tree)
    return Seen(
        path=module.path,
        kind=module.kind,
        imports=imports,
        foreign=foreign,
        uses=find_file_uses(tree),
        guarded=any(is_main_guard(node) for node in tree.body),
        drives=module.kind == "notebook" or any(_drives(node) for node in tree.body),
        calls=any(_calls(node) for node in tree.body),
        relative=any(isinstance(node, ast.ImportFrom) and node.level > 0 for node in list_nodes(tree)),
    )


def find_certain_imports(module: SourceModule, local: LocalModules) -> tuple[str, ...]:
    """The local modules that a module imports in any case: not those that a function imports on a condition."""
    return local.find_imports(module.path, module.text, _without_choices(parse_python(module.text)))[0]


def _without_choices(tree: ast.Module) -> ast.Module:
    """The tree, without what functions do on a condition."""

    class Pruner(ast.NodeTransformer):
        inside = False

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            before, self.inside = self.inside, True
            self.generic_visit(node)
            self.inside = before
            return node

        def visit_If(self, node: ast.If) -> ast.AST:
            return ast.copy_location(ast.Pass(), node) if self.inside else self.generic_visit(node)

    pruned: ast.Module = Pruner().visit(tree)
    return pruned


def _drives(node: ast.stmt) -> bool:
    """Whether a top-level statement does something: not an import, a definition, a constant or a docstring."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or is_import_only(node):
        return False
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return False
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return False
    if isinstance(node, ast.Try):
        return any(_drives(each) for each in node.body)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = ast.unparse(node.value.func)
        return not re.match(
            r"(sys\.path|warnings|logging|os\.environ|matplotlib\.use|plt\.(style|rc))", called
        )
    return not is_main_guard(node) and not isinstance(node, (ast.If, ast.Pass))


def _calls(node: ast.stmt) -> bool:
    """Whether a top-level statement calls something, as those of a program do and those of many modules."""
    is_definition = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    return not is_definition and any(isinstance(each, ast.Call) for each in list_nodes(node))


def find_programs(
    seen: Sequence[Seen], commands: Sequence[Command], ran: Collection[str] = (), files: Collection[str] = ()
) -> tuple[Program, ...]:
    """The programs in the order in which they run.

    `ran` names the modules that notebooks run themselves, `files` what there is to be read.
    """
    ran = {*ran, *_run_by_others(seen)}
    by_path = {one.path: one for one in seen}
    given: dict[str, Command] = {}
    for command in commands:
        if command.path in by_path and basename(command.path) != "setup.py":
            given.setdefault(command.path, command)
    imported = {path for one in seen for path in one.imports}
    chosen = [one for one in seen if one.path in given or (one.path not in ran and _is_run(one, imported))]
    if not chosen:
        chosen = [one for one in seen if one.guarded and not _NOT_RUN.search(one.path)]
    if not chosen:
        alone = (one for one in seen if one.path not in imported and one.path not in ran)
        chosen = [one for one in alone if one.calls and not _NOT_RUN.search(one.path)]
    in_order = [path for path, command in given.items() if not is_rule(command.origin)]
    ordered = _order(chosen, list(given), in_order)
    names = find_program_names([one.path for one in ordered])
    programs = []
    for one in ordered:
        found = given.get(one.path)
        if found is None:
            helpers = [by_path[path] for path in one.imports if path in by_path]
            programs.append(Program(names[one.path], one.path, folder=find_folder(one, helpers, files)))
        else:
            programs.append(Program(names[one.path], one.path, found.arguments, found.origin, found.folder))
    return tuple(programs)


def find_folder(one: Seen, helpers: Sequence[Seen], files: Collection[str], usual: str = "") -> str:
    """Where a program is run that no command tells of: a notebook in its own folder, a script where its files are.

    One that imports relatively is run from the root, as a module; one without files where it is `usual`.
    """
    own = dirname(one.path)
    if one.kind == "notebook" or not own:
        return own
    if one.relative:
        return ""
    known = {*files, *(folder for path in files for folder in list_folders(path))}
    named = {use.pattern.partition("*")[0] for each in (one, *helpers) for use in each.uses if not use.here}
    named |= {folder for name in named if (folder := dirname(name))}
    found = {base: sum(normpath(join(base, name)) in known for name in named) for base in ("", own)}
    return usual if found[own] == found[""] else max(found, key=found.__getitem__)


def find_exports(modules: Sequence[SourceModule], seen: Sequence[Seen]) -> frozenset[str]:
    """Scripts and texts that repeat the Jupyter notebook of the same name beside them, and that nothing imports."""
    imported = {path for one in seen for path in one.imports}
    notebooks = {splitext(m.path)[0]: set(_code_lines(m.text)) for m in modules if _is_jupyter(m)}
    found = set()
    for module in modules:
        stem = splitext(module.path)[0]
        if _is_jupyter(module) or stem not in notebooks or module.path in imported:
            continue
        lines = _code_lines(module.text)
        shared = sum(line in notebooks[stem] for line in lines)
        if shared >= _SAME_SHARE * len(lines):
            found.add(module.path)
    return frozenset(found)


def _is_jupyter(module: SourceModule) -> bool:
    return module.path.endswith(".ipynb")


def _code_lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _run_by_others(seen: Sequence[Seen]) -> set[str]:
    """Modules that another module names as a file: it executes them, or starts them itself."""
    paths = {one.path for one in seen}
    found = set()
    for one in seen:
        for use in one.uses:
            if use.pattern.endswith(".py"):
                found |= {p for p in (join(dirname(one.path), use.pattern), use.pattern) if p in paths} - {
                    one.path
                }
    return found


def _is_run(one: Seen, imported: Collection[str]) -> bool:
    if is_notebook(one.path):
        return True
    if _NOT_RUN.search(one.path):
        return False
    if one.path not in imported:
        return one.guarded or one.drives
    stem = splitext(basename(one.path))[0].lower()
    # A guard in a module that others import is a self-test, unless it takes options or has a program's name.
    return one.guarded and (one.parses_options or _RUN_BY_NAME.search(stem) is not None)


def find_program_names(paths: Iterable[str]) -> dict[str, str]:
    """A short name for each program, unique: its file's stem, with the folder's name where stems clash."""
    paths = list(paths)
    names: dict[str, str] = {}
    for path in paths:
        stem = splitext(basename(path))[0]
        own = dirname(path) if stem == "__main__" else splitext(path)[0]
        same = [p for p in paths if splitext(basename(p))[0] == stem]
        parts = own.split("/")
        depth = 1 if len(same) == 1 else len(parts)
        name = re.sub(r"\W+", "_", "_".join(parts[-depth:])).strip("_").lower() or "program"
        shorter = re.sub(r"^[\d_]+", "", name)
        if not shorter:
            name = f"program_{name}"
        elif shorter not in names.values():
            name = shorter
        elif name[0].isdigit():
            name = f"program_{name}"
        while name in names.values():
            name += f"_{splitext(path)[1].lstrip('.')}"
        names[path] = name
    return names


_STAGES = tuple(
    re.compile(rf"(?<![a-z])(?:{words})(?![a-z])")
    for words in (
        "download|fetch|scrape|crawl|collect",
        "prepare|prep|preprocess|preprocessing|clean|split|tokenize|extract|convert|"
        "(?:make|build|create|generate|gen|get|load|process)_?(?:data|dataset|datasets)",
        "pretrain|pretraining",
        "train|training|fit|finetune|learn",
        "eval|evaluate|evaluation|test|validate|predict|prediction|infer|inference|score",
        "plot|plots|plotting|visualize|visualise|figure|figures|report|summarize",
    )
)
_TRAINING = 3


def _order(chosen: Sequence[Seen], commanded: Sequence[str], in_order: Collection[str]) -> list[Seen]:
    """Commands in their order, then numbered names, then by what names say (training goes before evaluation), then by
    name; who reads a file goes after who writes it.

    The order of commands is certain for those `in_order`, and for others only a guess.
    """
    ranked = sorted(chosen, key=lambda one: _rank(one.path, commanded))
    after: dict[str, set[str]] = {one.path: set() for one in ranked}
    chain = [one.path for one in ranked if one.path in in_order]
    chains = [chain]
    for folder in dict.fromkeys(dirname(one.path) for one in ranked):
        numbered = [o.path for o in ranked if dirname(o.path) == folder and find_number(o.path) is not None]
        chains.append([path for path in numbered if path not in commanded])
    for one_chain in chains:
        for before, later in pairwise(one_chain):
            after[later].add(before)
    written = {one.path: _written(one) for one in ranked}
    read = {one.path: {use.pattern for use in one.uses if use.mode == "read"} for one in ranked}
    for writer, reader in product(written, written):
        # Who writes a file that it also reads keeps it for itself.
        feeds = written[writer] & read[reader] - written[reader] if written[writer] else ()
        if writer != reader and feeds and not _reaches(reader, writer, after):
            after[reader].add(writer)
    return _sort([one.path for one in ranked], after, {one.path: one for one in ranked})


def _rank(path: str, commanded: Sequence[str]) -> tuple[int, int, str, int, int, list[tuple[int, int, str]]]:
    if path in commanded:
        return 0, commanded.index(path), "", 0, 0, []
    number, name = find_number(path), basename(path)
    return 1 if number is not None else 2, 0, dirname(path), number or 0, _stage(name), natural(name)


def _stage(name: str) -> int:
    """Where in a study a program stands by its name; one that does not say it stands where training does."""
    stem = splitext(name)[0].lower()
    found = {match.start(): n for n, stage in enumerate(_STAGES) for match in stage.finditer(stem)}
    return found[min(found)] if found else _TRAINING


def find_number(path: str) -> int | None:
    """The number that a file name starts with (`01_clean.ipynb`, `2. Model.ipynb`, `step3_fit.py`)."""
    match = re.match(
        r"(?:step|part|chapter|ch|lesson|lab|exercise|notebook|nb|stage)?[ _-]?(\d+)", basename(path), re.I
    )
    return int(match[1]) if match else None


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key by which `part2` comes before `part10`."""
    parts = re.split(r"(\d+)", text.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def _written(one: Seen) -> set[str]:
    """The files, by literal names, that a program writes."""
    return {use.pattern for use in one.uses if use.mode == "write" and "." in basename(use.pattern)}


def _reaches(start: str, goal: str, after: Mapping[str, set[str]]) -> bool:
    """Whether `goal` must already come after `start`."""
    pending, known = [goal], {goal}
    while pending:
        for before in after[pending.pop()] - known:
            known.add(before)
            pending.append(before)
    return start in known


def _sort(paths: Sequence[str], after: Mapping[str, set[str]], by_path: Mapping[str, Seen]) -> list[Seen]:
    """A topological order that keeps the given one wherever it may."""
    position = {path: number for number, path in enumerate(paths)}
    waiting = {path: set(after[path]) for path in paths}
    ready = [position[path] for path in paths if not waiting[path]]
    heapq.heapify(ready)
    result = []
    while ready:
        path = paths[heapq.heappop(ready)]
        result.append(by_path[path])
        for later in paths:
            if path in waiting[later]:
                waiting[later].discard(path)
                if not waiting[later]:
                    heapq.heappush(ready, position[later])
    return result
