"""Hazards: what can make a converted program differ, each with a stable code and an explain page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graduate.model.facts import Hazard
from graduate.model.source import SourceModule, Sources
from graduate.syntax.imports import bindings, qualify
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.program import ProgramSyntax
from graduate.syntax.scopes import walk_same_scope


@dataclass(frozen=True, slots=True)
class Explanation:
    """The page that `graduate explain CODE` shows."""

    code: str
    name: str
    page: str


EXPLANATIONS: dict[str, Explanation] = {
    e.code: e
    for e in (
        Explanation(
            "G101",
            "dynamic-names",
            "The program reaches its variables by `exec`, `eval`, `globals()` or, outside of functions, `locals()`. "
            "Where a name is used cannot be told from the text, so the program runs as it stands, as one step "
            "(`wrapped`). Where names are only looked up (`eval(args.model)`, `globals()[name]`, `name in globals()`), "
            "a dictionary of the names that can be meant takes the place of the call; write one for the others to have "
            "the program taken apart.",
        ),
        Explanation(
            "G102",
            "star-import",
            "`from module import *` binds names that the text does not show. The import is copied to every module "
            "that uses a name that nothing else binds. Those of the project's own modules and of the standard library "
            "are spelt out. Where a variable has a value before such an import, which may give it another, or where it "
            "stands on a condition, the program runs as it stands.",
        ),
        Explanation(
            "G103",
            "closed-main",
            "The body of `main()` could not take the place of its call, so the call stays one statement: the "
            "program has one step, and its loops are resumable as far as they stand in functions.",
        ),
        Explanation(
            "G104",
            "hidden-global",
            "A function assigns a global variable, or a method reads one. It cannot be passed as a parameter "
            "safely, so it lives on the project's `context` object.",
        ),
        Explanation(
            "G105",
            "value-not-storable",
            "A value cannot be stored between steps (an open file, a generator). The steps around it are merged.",
        ),
        Explanation(
            "G106",
            "loop-not-resumable",
            "A long loop cannot be continued from its middle; after an interruption its step starts again.",
        ),
        Explanation(
            "G107",
            "own-command-line",
            "The command line of the program is not understood as a whole. The program keeps its parser: the setting "
            "`arguments` holds the text of the line, and the options that are declared with a flag are settings whose "
            "values are put on it when they are not the default.",
        ),
        Explanation(
            "G108",
            "imports-entry",
            "Another module imports the entry module. Both would have their own copy of it, so the program runs "
            "as it stands.",
        ),
        Explanation(
            "G109",
            "cell-order",
            "The cells of a notebook were last run in another order than the one in which they stand. They run from "
            "top to bottom, as `Run All` would run them; only where a cell would use a name before it has a value, and "
            "the order of the execution counts has no such cell, they run in that order.",
        ),
        Explanation(
            "G110",
            "left-out",
            "A file could not be read (it is no valid Python 3, or a broken link), so it is left out, and with it what "
            "imports it, which could not run. Correct it to have them converted, or remove it to be rid of this "
            "message.",
        ),
        Explanation(
            "G111",
            "expected-error",
            "A cell shows an error on purpose: it has the tag `raises-exception`, or its stored output is an error and "
            "other cells were run after it. The program prints the error and goes on, as the notebook did; names keep "
            "the values that they have when the error comes. Remove the cell, or clear its output, where that is not "
            "meant.",
        ),
        Explanation(
            "G112",
            "workspace",
            "The program lists a folder in which the project has files of its own (its top folder, `data`), or reads a "
            "file that is called like one of them (README.md, pyproject.toml). The list would be another, and the "
            "wrong file would be read. So the programs run in data/workspace, where only what the research folder "
            "holds stands; what they write is found there.",
        ),
        Explanation(
            "G113",
            "modernized",
            "The code is Python 2 and was read as the Python 3 that means the same (`--modernize`): the fixers of "
            "2to3, and for `/` of whole numbers and `round` functions that do what Python 2 did. `verify` compares the "
            "project with this Python 3 code, since there is no Python 2 to run the original. What it cannot keep: "
            "`random.choice`, `shuffle`, `sample` and `randint` draw other numbers from the same seed in Python 3, "
            "floats print with all their digits, sets and dictionaries have another order, and text is not bytes: "
            "`open` needs `'rb'` where the file is a pickle, and no `'b'` where it is CSV.",
        ),
        Explanation(
            "G114",
            "own-file",
            "The research code reads a file that has the name of one of the project's own (README.md, Makefile, "
            "pyproject.toml). The project's file stands there, so that one is read. Rename the file in the research "
            "code, and where it is read, to have it in the project.",
        ),
        Explanation(
            "G115",
            "own-module",
            "The program looks at its own module: `sys.modules[__name__]`, `each.__module__ == __name__`, "
            "`import __main__`, `unittest.main()`, or the result of `doctest.testmod()`. What is in that module would "
            "be another thing once the code is spread over the package, so the program runs as it stands, as one step "
            "(`wrapped`). A `doctest.testmod()` whose result nobody looks at does not count: there the docstrings are "
            "not tried any more.",
        ),
        Explanation(
            "G116",
            "async-name",
            "The code uses `async` as a name, which Python 3.7 made a keyword. It is read under another name: "
            "PyTorch's argument (`tensor.cuda(async=True)`) is `non_blocking` now, any other is `async_`. No "
            "Python that is still supported runs the original, so `verify` compares the project with the code so read.",
        ),
        Explanation(
            "G117",
            "turns-in-order",
            "A loop reads or writes files, or computes for long, in each turn, but its turns cannot run in several "
            "processes (`PARALLEL_WORKERS=4`, docs/parallel.md): one may need what another one did, draws random "
            "numbers from a generator that all share, or calls something of which that is not known. The loop runs as "
            "it stands.",
        ),
        Explanation(
            "G118",
            "library-setting",
            "A function, or a statement inside of another, sets something in a library for the whole process, and the "
            "pipeline does not know how to read it there. When a step is skipped that has set it, a later step that "
            "needs it does not find it; within a step, and in a run that is not interrupted, it is there. Statements "
            "that stand for themselves are repeated, and what NumPy, pandas, Matplotlib, PyTorch, scikit-learn, JAX, "
            "Keras, loggers and the environment hold is stored with each step. Set it by a statement of its own.",
        ),
        Explanation(
            "G119",
            "late-import",
            "A module of the project is imported after a statement has changed what that module looks at when it is "
            "imported: an object of another module, or the environment. Imports go to the top of the modules that use "
            "them, which would be before the change, so the program runs as it stands, as one step (`wrapped`). Import "
            "it before the change, or let a function of it look.",
        ),
        Explanation(
            "G120",
            "requirements-contradict",
            "Two files ask for versions of one distribution of which none is both. The file nearer to the top of the "
            "source folder is obeyed; of files in one folder a requirements file comes first, then pyproject.toml, "
            "setup.cfg, setup.py, Pipfile, conda environments, install commands, constraints. Correct or remove the "
            "one that is out of date.",
        ),
    )
}

Cost = Literal["none", "loops", "steps", "wrapped"]


def hazard(
    code: str, message: str, module: SourceModule, line: int, cost: Cost = "none", end_line: int | None = None
) -> Hazard:
    return Hazard(code, message, module.place(line, end_line), cost)


def find_unread(sources: Sources) -> list[Hazard]:
    """The hazards of the files that could not be read."""
    return [Hazard("G110", each.why, each.place) for each in sources.unread]


def find_modernized(sources: Sources) -> list[Hazard]:
    """The hazards of the files that were for a Python of before."""
    python2, renamed = "lines of Python 2 that are read as Python 3", "lines in which async is a name"
    return [
        Hazard(code, f"{what}: {len(set(places))}", places[0])
        for m in sources.modules
        for code, what, places in (("G113", python2, m.modernized), ("G116", renamed, m.renamed))
        if places
    ]


def _first_bound_before(syntax: ProgramSyntax, end: int) -> str:
    names = (
        o.name
        for o in syntax.spine_occurrences
        if o.start < end and o.use == "store" and o.form != "import" and not o.name.startswith("_")
    )
    return next(names, "")


def _find_own_module_uses(syntax: ProgramSyntax) -> Iterator[ast.stmt | ast.expr]:
    """Where a program looks at the module that it is itself."""
    nodes = list_nodes(syntax.source.tree)
    unheeded = {node.value for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Import() if any(alias.name == "__main__" for alias in node.names):
                yield node
            case ast.ImportFrom(module="__main__", level=0):
                yield node
            case ast.Subscript(slice=ast.Name(id="__name__") | ast.Constant(value="__main__")):
                if qualify(dotted(node.value), syntax.qualified) == "sys.modules":
                    yield node
            case ast.Compare(left=left, comparators=others) if _asks_for_module([left, *others]):
                yield node
            case ast.Call(args=[]):
                name = qualify(dotted(node.func), syntax.qualified)
                tests_itself = name == "doctest.testmod" and (node not in unheeded or node.keywords)
                if name == "unittest.main" or tests_itself:
                    yield node


def _asks_for_module(sides: list[ast.expr]) -> bool:
    """Whether something's `__module__` is compared with the name of the program's own."""
    own = (each for each in sides if isinstance(each, ast.Name | ast.Constant))
    names = {each.id if isinstance(each, ast.Name) else each.value for each in own}
    asks = any(isinstance(each, ast.Attribute) and each.attr == "__module__" for each in sides)
    return asks and not names.isdisjoint({"__name__", "__main__"})


def find_hazards(module: SourceModule, syntax: ProgramSyntax) -> list[Hazard]:
    """The hazards of an entry module that can be seen before planning."""
    found = [hazard("G109", module.order, module, 1)] if module.order else []
    found += [
        Hazard("G111", "the notebook goes on after the error of this cell", each)
        for each in module.expected_errors
    ]
    call = syntax.dynamic_names()
    if call is not None:
        name = call.func.id if isinstance(call.func, ast.Name) else "exec"
        found.append(hazard("G101", f"{name}() reaches names dynamically", module, call.lineno, "wrapped"))
    own = next(_find_own_module_uses(syntax), None)
    if own is not None:
        what = f"{ast.unparse(own)} looks at the program's own module"
        found.append(hazard("G115", what, module, own.lineno, "wrapped"))
    for statement in syntax.stars:
        star = next(b.module for b in bindings(statement.node) if b.name == "*")
        bound = _first_bound_before(syntax, statement.start)
        what = f"from {star} import *" + (f" may bind {bound} anew" if bound else "")
        cost: Cost = "wrapped" if bound else "none"
        found.append(hazard("G102", what, module, statement.node.lineno, cost))
    for statement in syntax.statements:
        for node in walk_same_scope(statement.node):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                what = f"{ast.unparse(node)} stands among other statements"
                found.append(hazard("G102", what, module, node.lineno, "wrapped"))
    if syntax.spine.why_closed:
        line = syntax.spine.guard.lineno if syntax.spine.guard is not None else 1
        found.append(hazard("G103", syntax.spine.why_closed, module, line))
    for o in syntax.spine_occurrences:
        if o.form == "global":
            line = syntax.source.line(o.start)
            found.append(hazard("G104", f"a function assigns the global {o.name}", module, line))
    return found
