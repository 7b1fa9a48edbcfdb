"""Values that cannot be stored between steps, and figures that are still being drawn."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from graduate.syntax.imports import qualify
from graduate.syntax.movable import class_hooks
from graduate.syntax.nodes import dotted
from graduate.syntax.program import ProgramSyntax
from graduate.syntax.spine import SpineStatement

UNSTORABLE_CALLS = frozenset(
    {
        "open",
        "iter",
        "map",
        "filter",
        "zip",
        "enumerate",
        "reversed",
        "csv.reader",
        "csv.writer",
        "csv.DictReader",
        "csv.DictWriter",
        "gzip.open",
        "h5py.File",
        "sqlite3.connect",
        "socket.socket",
        "threading.Lock",
        "threading.Thread",
        "subprocess.Popen",
        "multiprocessing.Pool",
        "concurrent.futures.ThreadPoolExecutor",
        "concurrent.futures.ProcessPoolExecutor",
        "tqdm.tqdm",
        "tqdm.auto.tqdm",
        "tqdm.notebook.tqdm",
        "tqdm.trange",
        "torch.utils.tensorboard.SummaryWriter",
        "tensorboardX.SummaryWriter",
        "zipfile.ZipFile",
        "tarfile.open",
        "sqlalchemy.create_engine",
        "requests.Session",
        "tempfile.TemporaryDirectory",
        "tempfile.NamedTemporaryFile",
        "wandb.init",
        "mlflow.start_run",
    }
)
_COLLECTS = frozenset(
    {
        "toPandas",
        "collect",
        "count",
        "first",
        "take",
        "head",
        "tail",
        "columns",
        "dtypes",
        "schema",
        "evaluate",
    }
    | {
        "toLocalIterator",
        "toArray",
        "to_pandas",
        "to_numpy",
        "countApprox",
        "reduce",
        "collectAsMap",
        "stop",
        "version",
    }
)
"""Methods and attributes whose values are Python's own, not Spark's."""
NEW_FIGURE = frozenset({"figure", "subplots", "subplot_mosaic", "clf"})
FINISH_FIGURE = frozenset({"show", "close", "show_figures"})


def find_unstorable(syntax: ProgramSyntax) -> set[str]:
    """Names of the spine that may refer to a value that cannot be stored."""
    generators = {
        name
        for name, d in syntax.definitions.items()
        if not d.is_class and any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(d.node))
    }
    found: set[str] = set()
    for statement in syntax.statements:
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Assign) and _is_unstorable(node.value, syntax.qualified, generators):
                found |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    found |= {*_find_spark(syntax), *_find_registered(syntax)}
    return found & syntax.variables


def _find_registered(syntax: ProgramSyntax) -> set[str]:
    """Names of classes whose making runs code of the program (a metaclass's, `__init_subclass__`), of what that code
    uses, and of what is made of them: to read such a class from a file would run that code again."""
    classes = {s.node.name: s.node for s in syntax.statements if isinstance(s.node, ast.ClassDef)}
    classes |= {name: d.node for name, d in syntax.definitions.items() if isinstance(d.node, ast.ClassDef)}
    statements = {s.node.name: s for s in syntax.statements if isinstance(s.node, ast.ClassDef)}
    found: set[str] = set()
    for name, statement in statements.items():
        hooks = class_hooks(statement.node, classes) & classes.keys()
        found |= {name} if hooks else set()
        for hook in hooks:
            start, end = syntax.source.start(classes[hook]), syntax.source.end(classes[hook])
            used = (o for o in syntax.names.within(start, end) if syntax.is_spine_scope(o.scope))
            found |= {o.name for o in used if o.name in syntax.variables}
    for statement in syntax.statements if found else ():
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                maker = node.value.func
                while isinstance(maker, ast.Subscript | ast.Call):
                    maker = maker.value if isinstance(maker, ast.Subscript) else maker.func
                if isinstance(maker, ast.Name) and maker.id in found:
                    found |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return found


def _find_spark(syntax: ProgramSyntax) -> Iterator[str]:
    """Names of what lives in the process of Spark: the session, and what is made of it but not collected."""
    if not any(name.partition(".")[0] == "pyspark" for name in syntax.qualified.values()):
        return
    names: set[str] = set()
    for statement in syntax.statements:
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Assign) and _is_of_spark(node.value, names, syntax):
                names |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    yield from names


def _is_of_spark(value: ast.expr, names: set[str], syntax: ProgramSyntax) -> bool:
    if isinstance(value, (ast.List, ast.Tuple)):
        return any(_is_of_spark(each, names, syntax) for each in value.elts)
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in syntax.definitions
    ):
        given = [*value.args, *(k.value for k in value.keywords)]
        return any(_is_of_spark(each, names, syntax) for each in given)
    methods = set()
    while isinstance(value, (ast.Attribute, ast.Call, ast.Subscript, ast.BinOp, ast.Compare, ast.UnaryOp)):
        if isinstance(value, ast.Attribute):
            methods.add(value.attr)
        match value:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                value = inner
            case ast.BinOp(left=inner) | ast.Compare(left=inner) | ast.UnaryOp(operand=inner):
                value = inner
    if not isinstance(value, ast.Name) or methods & _COLLECTS:
        return False
    origin = syntax.qualified.get(value.id, "")
    return value.id in names or (origin.startswith("pyspark") and not origin.startswith("pyspark.sql.types"))


def _is_unstorable(value: ast.expr, imports: Mapping[str, str], generators: set[str]) -> bool:
    if isinstance(value, ast.GeneratorExp):
        return True
    if not isinstance(value, ast.Call):
        return False
    name = qualify(dotted(value.func), dict(imports))
    last = value.func.attr if isinstance(value.func, ast.Attribute) else ""
    return name in UNSTORABLE_CALLS or name in generators or last in {"cursor", "SummaryWriter"}


def find_figures(syntax: ProgramSyntax) -> Iterator[tuple[str, list[SpineStatement]]]:
    """Runs of spine statements that draw on the same pyplot figure, each with a name for it."""
    number, current = 0, list[SpineStatement]()
    interactive = False
    for statement in syntax.statements:
        drawn, new, finished = _pyplot_use(statement.node, syntax.qualified)
        interactive |= _turns_interactive(statement.node, syntax.qualified)
        finished &= not interactive
        if not drawn:
            continue
        if new and current:
            number += 1
            yield f"figure {number}", current
            current = []
        current.append(statement)
        if finished:
            number += 1
            yield f"figure {number}", current
            current = []
    if current:
        yield f"figure {number + 1}", current


def _pyplot_use(node: ast.stmt, imports: Mapping[str, str]) -> tuple[bool, bool, bool]:
    """(draws with pyplot, begins a new figure, finishes the figure)."""
    drawn = new = finished = False
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return False, False, False
    for child in ast.walk(node):
        if not isinstance(child, ast.Call):
            continue
        name = qualify(dotted(child.func), dict(imports))
        last = name.rpartition(".")[2]
        if name == "show_figures" or name.startswith(("matplotlib.pyplot.", "seaborn.", "pylab.")):
            drawn = True
            new |= last in NEW_FIGURE
            finished |= last in FINISH_FIGURE and not _stays_open(child)
        elif isinstance(child.func, ast.Attribute) and child.func.attr in {
            "plot",
            "hist",
            "boxplot",
            "scatter",
        }:
            drawn = True
    return drawn, new, finished


def _stays_open(call: ast.Call) -> bool:
    """Whether it is `show(block=False)`."""
    return any(
        isinstance(k.value, ast.Constant) and not k.value.value for k in call.keywords if k.arg == "block"
    )


def _turns_interactive(node: ast.stmt, imports: Mapping[str, str]) -> bool:
    """Whether figures may stay open from here on: `plt.ion()`."""
    calls = (child for child in ast.walk(node) if isinstance(child, ast.Call))
    return any(qualify(dotted(call.func), dict(imports)) == "matplotlib.pyplot.ion" for call in calls)
