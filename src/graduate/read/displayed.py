"""What a notebook shows after a cell: the value of its last expression, and the figures it drew."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from graduate.read.lines import Gathered, Line, join
from graduate.read.parsing import parse_python
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.text import Edit, SourceText

_COMMENT = re.compile(r"#[^\n]*")
_RETURNS_NONE = {
    *("print", "display", "setattr", "delattr", "exec", "help", "exit", "quit"),
    *(
        "plt.show",
        "plt.tight_layout",
        "plt.close",
        "plt.clf",
        "plt.cla",
        "plt.savefig",
        "plt.subplots_adjust",
    ),
    *("np.random.seed", "random.seed", "np.save", "np.savez", "np.savetxt", "np.set_printoptions"),
    *("torch.save", "warnings.filterwarnings", "warnings.simplefilter", "pd.set_option", "sns.set_style"),
    *("sns.set", "sns.set_theme", "sns.set_palette", "os.makedirs", "os.mkdir", "os.remove", "os.chdir"),
    *("shutil.rmtree", "time.sleep", "shell", "shell_cell", "pickle.dump", "json.dump", "sys.path.append"),
    *("sys.path.insert", "plt.style.use", "plt.rc", "plt.ion", "plt.ioff", "mpl.rc", "matplotlib.use"),
    *("dbutils.notebook.exit", "dbutils.library.restartPython", "dbutils.widgets.text", "displayHTML"),
    *("dbutils.widgets.dropdown", "dbutils.widgets.combobox", "dbutils.widgets.multiselect"),
    *("dbutils.widgets.remove", "dbutils.widgets.removeAll"),
}
_METHODS_RETURN_NONE = {
    "info",
    "savefig",
    "tight_layout",
    "seed",
    "to_excel",
    "to_parquet",
    "to_feather",
    "to_sql",
}
_WRITERS_RETURN_NONE = {"to_csv", "to_json", "to_html", "to_pickle"}
_DRAWING_MODULES = ("matplotlib", "seaborn", "pylab", "mpl_toolkits", "plotly", "bokeh", "altair")
_QUIET = re.compile(
    r"^(rc\w*|style|close|savefig|ioff|ion|switch_backend|use|set|set_\w+|get_cmap|cm|colormaps|color_palette|"
    r"axes_style|plotting_context|load_dataset|colors|ticker|get_\w+|io|clf|cla|reset_\w+|cycler|backends)$"
)
_DRAWING_METHODS = re.compile(
    r"^(plot|plot_\w+|\w+_plot|\w*plot|hist2?d?|boxplot|bar|barh|scatter|imshow|matshow|pie|pcolor\w*|contourf?|"
    r"fill_between\w*|errorbar|violinplot|stem|hexbin|heatmap|subplots?|add_subplot|draw\w*|show|display)$"
)
_DRAWING_NAMES = re.compile(r"plot|draw|show|figure|visuali[sz]e|hist", re.IGNORECASE)


def find_drawing_names(trees: Iterable[ast.Module]) -> frozenset[str]:
    """The names that draw when they are called or used: modules, imported functions, own functions."""
    trees = list(trees)
    names: set[str] = set()
    definitions: list[ast.FunctionDef | ast.ClassDef] = []
    for tree in trees:
        for node in list_nodes(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                definitions.append(node)
            elif isinstance(node, ast.Import):
                names.update(
                    (a.asname or a.name).partition(".")[0]
                    for a in node.names
                    if a.name.startswith(_DRAWING_MODULES)
                )
            elif isinstance(node, ast.ImportFrom):
                ours = (node.module or "").startswith(_DRAWING_MODULES)
                names.update(
                    a.asname or a.name
                    for a in node.names
                    if (ours and not _QUIET.match(a.name)) or _DRAWING_NAMES.search(a.name)
                )
    while more := [d for d in definitions if d.name not in names and _draws(d.body, names)]:
        names.update(d.name for d in more)
    return frozenset(names)


def _draws(body: Sequence[ast.stmt], names: Iterable[str]) -> bool:
    return any(_is_drawing(call.func, names) for node in body for call in _calls(node))


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (child for child in list_nodes(node) if isinstance(child, ast.Call))


def _is_drawing(function: ast.expr, names: Iterable[str]) -> bool:
    if isinstance(function, ast.Name):
        return function.id in names
    if not isinstance(function, ast.Attribute):
        return False
    chain: list[str] = []
    node: ast.expr = function
    while isinstance(node, ast.Attribute):
        chain.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id in names:
        return not any(_QUIET.match(part) for part in chain)
    return any(_DRAWING_METHODS.match(part) for part in chain[:2])


def has_drawing(tree: ast.Module, names: Iterable[str]) -> bool:
    """Whether running these statements may draw a figure; defining a function that draws does not."""
    body = [s for s in tree.body if not isinstance(s, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))]
    return _draws(body, names)


def find_silent_functions(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Functions, defined once and plainly, that return None, so that there is no value to show."""
    found: dict[str, bool] = {}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                silent = not node.decorator_list and not _gives_value(node) and node.name not in found
                found[node.name] = silent
            elif isinstance(node, ast.Assign):
                found.update((t.id, False) for t in node.targets if isinstance(t, ast.Name))
    return frozenset(name for name, silent in found.items() if silent)


def _gives_value(function: ast.FunctionDef) -> bool:
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if isinstance(node, ast.Return) and node.value is not None:
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))
    return False


def show_last_value(
    lines: list[Line], silent: Iterable[str], gathered: Gathered, recalled: Sequence[str] = ()
) -> tuple[list[Line], bool]:
    """The lines with their last expression as `display(…)`, and whether there was one to show.

    A semicolon at the end hides the value, as in IPython; so does a call that is known to return None. The names
    `recalled` are bound to the value.
    """
    text = join(lines)
    source = SourceText(gathered.path, text)
    last = parse_python(text).body[-1:]
    if not last or not isinstance(last[0], ast.Expr):
        return lines, False
    value = last[0].value
    if _is_none(value, silent):
        return lines, False
    start, end = source.start(last[0]), source.end(last[0])
    if ";" in _COMMENT.sub("", source.slice(end, len(source.data))):
        return lines, False
    opened = source.offset(value.lineno, value.col_offset)
    if recalled:
        edits = [
            Edit(start, start, f"display({' := ('.join(recalled)} := ("),
            Edit(end, end, ")" * (len(recalled) + 1)),
        ]
    elif opened > start:  # parentheses around the expression become those of the call
        edits = [Edit(start, start, "display")]
    elif isinstance(value, ast.Tuple) and source.data[start : start + 1] != b"(":
        edits = [Edit(start, start, "display(("), Edit(end, end, "))")]
    else:
        edits = [Edit(start, start, "display("), Edit(end, end, ")")]
    new = source.edited(0, len(source.data), edits).split("\n")
    gathered.helpers.add("display")
    return [line.with_text(one) for line, one in zip(lines, new, strict=True)], True


def _is_none(value: ast.expr, silent: Iterable[str]) -> bool:
    """Whether an expression is known to be None, so that nothing is shown."""
    if isinstance(value, ast.Constant):
        return value.value is None
    if not isinstance(value, ast.Call):
        return False
    if dotted(value.func) in {*_RETURNS_NONE, *silent}:
        return True
    if any(
        k.arg == "inplace" and isinstance(k.value, ast.Constant) and k.value.value for k in value.keywords
    ):
        return True
    method = value.func.attr if isinstance(value.func, ast.Attribute) else ""
    return method in _METHODS_RETURN_NONE or (method in _WRITERS_RETURN_NONE and bool(value.args))
