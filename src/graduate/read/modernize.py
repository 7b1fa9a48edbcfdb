"""Python 2 as Python 3: the fixers of fissix (2to3, kept alive), and what they leave to the reader.

fissix changes what Python 3 cannot read or has under other names. That `/` of whole numbers rounded down and
`round` went away from zero it does not see: such text runs in Python 3 and computes other numbers. Where it
cannot be told that one side is a float, a small function does what Python 2 did.
"""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from typing import TYPE_CHECKING

from graduate.model.source import Place
from graduate.read.lines import Gathered, Line, join
from graduate.read.parsing import is_python, parse_python
from graduate.syntax.imports import qualify
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.text import Edit, SourceText, string_lines

if TYPE_CHECKING:
    from fissix.refactor import RefactoringTool

HELPERS = {
    "_python2_divide": '''\
def _python2_divide(a, b):
    """a / b as Python 2 has it: of whole numbers, rounded down."""
    kinds = [getattr(getattr(side, "dtype", None), "kind", "i" if isinstance(side, int) else "f") for side in (a, b)]
    return a // b if all(kind in "iub" for kind in kinds) else a / b
''',
    "_python2_divide_in_place": '''\
def _python2_divide_in_place(a, b):
    """The new value of `a` after a /= b as Python 2 has it: of whole numbers, rounded down."""
    kinds = [getattr(getattr(side, "dtype", None), "kind", "i" if isinstance(side, int) else "f") for side in (a, b)]
    if all(kind in "iub" for kind in kinds):
        a //= b
    else:
        a /= b
    return a
''',
    "_python2_round": '''\
def _python2_round(number, digits=0):
    """The float nearest to `number` with so many digits; halves go away from zero, as in Python 2."""
    from decimal import ROUND_HALF_UP, Context, Decimal

    if number != number or number in (float("inf"), float("-inf")):
        return float(number)
    exact = Decimal(float(number))
    return float(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, Context(prec=800)))
''',
}
_IPYTHON_LINE = re.compile(r"\s*([%!?]{1,2}\w|\w+\s*=\s*[%!]\w|[\w.]+\?+\s*$)")
_CODE_MAGIC = re.compile(r"\s*%%(time|timeit|capture|prun)\b")
_RUN = re.compile(r"^if\s+__name__\s*==", re.MULTILINE)
_DIVISION = re.compile(r"^from __future__ import\s+(\([^)]*|[^\n(#]*)\bdivision\b", re.MULTILINE)
_MARK = "#graduate:"
_DIVISIONS = {"__div__": "__truediv__", "__rdiv__": "__rtruediv__", "__idiv__": "__itruediv__"}
_PYTHON3_NODES = (
    *(ast.JoinedStr, ast.AnnAssign, ast.Nonlocal, ast.AsyncFunctionDef, ast.Await, ast.NamedExpr),
    *(ast.YieldFrom, ast.Match),
)
_FLOATS = {"float", "math.sqrt", "math.exp", "math.log", "math.pow", "math.sin", "math.cos", "time.time"} | {
    f"numpy.{name}" for name in ("sqrt", "exp", "log", "mean", "std", "var", "float32", "float64")
}


@cache
def _load_fissix(true_division: bool, in_package: bool) -> RefactoringTool:
    from fissix.refactor import RefactoringTool, get_fixers_from_package

    logging.getLogger("fissix").setLevel(logging.ERROR)
    logging.getLogger("RefactoringTool").setLevel(logging.ERROR)
    # What is run as a program finds the files beside it by `import x`, also in a package. With `division`, the import
    # that says so stays too, for those who run the text in Python 2.
    left = {*(() if in_package else ("import",)), *(("future",) if true_division else ())}
    fixers = get_fixers_from_package("fissix.fixes")
    return RefactoringTool([name for name in fixers if name.rpartition("fix_")[2] not in left])


def modernize(text: str, *, true_division: bool = False, file: str = "") -> str | None:
    """Python 2 text as Python 3 that means the same, without the `HELPERS` that it calls.

    The text itself where it only can be Python 3; None where it is neither. `true_division`: an earlier cell of its
    notebook imports `division` from `__future__`. `file` is where the text is read from: modules of a package import
    those beside them by `from . import`.
    """
    if _is_python3_only(text):
        return text
    from fissix.pgen2.parse import ParseError
    from fissix.pgen2.tokenize import TokenError

    divides = true_division or imports_division(text)
    source = _expand_tabs(text) + ("" if text.endswith("\n") else "\n")
    try:
        in_package = bool(file) and not _RUN.search(text)
        fixed = str(_load_fissix(divides, in_package).refactor_string(source, file or "text"))
    except (ParseError, TokenError, IndentationError, ValueError, RecursionError):
        return text if is_python(text) else None
    if not is_python(fixed):
        return text if is_python(text) else None
    fixed = _keep_arithmetic(fixed, divides)
    return fixed if text.endswith("\n") else fixed.removesuffix("\n")


def modernize_lines(
    lines: Sequence[Line], *, true_division: bool = False, file: str = ""
) -> tuple[list[Line], list[Place]] | None:
    """As `modernize`, with the author's place of each line, and the places of the lines that were changed."""
    old = [line.text for line in lines]
    fixed = modernize("\n".join(old), true_division=true_division, file=file)
    if fixed is None:
        return None
    new = fixed.split("\n")
    result: list[Line] = []
    changed: list[Place] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        last = min(max(i2 - 1, i1), len(lines) - 1)
        if tag != "equal":
            changed += [line.place for line in lines[min(i1, last) : last + 1]]
        result += [lines[min(i1 + k, last)].with_text(text) for k, text in enumerate(new[j1:j2])]
    return result, changed


def modernize_block(lines: Sequence[Line], gathered: Gathered, file: str = "") -> list[Line]:
    """The lines of a file or cell as Python 3; IPython's own, and all where fissix cannot read them, as they are."""
    is_cell = bool(lines) and lines[0].place.cell is not None
    kept = {n: line for n, line in enumerate(lines) if is_cell and _IPYTHON_LINE.match(line.text)}
    first = lines[min(kept)].text.lstrip() if kept else ""
    if first.startswith("%%") and not _CODE_MAGIC.match(first):
        return list(lines)
    masked = [_hide(line, n) if n in kept else line for n, line in enumerate(lines)]
    fixed = modernize_lines(masked, true_division=gathered.true_division, file=file)
    if fixed is None:
        return list(lines)
    gathered.true_division |= is_cell and imports_division(join(lines))
    gathered.modernized += fixed[1]
    return [kept[int(line.text.rpartition(_MARK)[2])] if _MARK in line.text else line for line in fixed[0]]


def _hide(line: Line, number: int) -> Line:
    """A statement that holds the place of a line that is no Python."""
    margin = line.text[: len(line.text) - len(line.text.lstrip())]
    return line.with_text(f"{margin}pass  {_MARK}{number}")


def find_helpers(lines: Sequence[Line]) -> list[Line]:
    """The definitions of the `HELPERS` that these lines call, at the place of the first of them."""
    text = join(lines)
    called = [name for name in HELPERS if f"{name}(" in text and f"def {name}(" not in text]
    return [lines[0].with_text(line) for name in called for line in ["", "", *HELPERS[name].split("\n")]]


def with_helpers(lines: Sequence[Line]) -> list[Line]:
    """The lines of a module with the functions that they call, below its docstring and its `__future__` imports."""
    called = find_helpers(lines)
    if not called:
        return list(lines)
    at = 0
    for statement in parse_python(join(lines)).body:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (is_docstring or is_future):
            break
        at = statement.end_lineno or 0
    return [*lines[:at], *called, *lines[at:]]


def _is_python3_only(text: str) -> bool:
    """Whether text is Python 3 that Python 2 does not read."""
    try:
        nodes = list_nodes(parse_python(text))
    except SyntaxError:
        return False
    return any(isinstance(node, _PYTHON3_NODES) or _is_python3_use(node) for node in nodes)


def _is_python3_use(node: ast.AST) -> bool:
    match node:
        case ast.arguments(kwonlyargs=[_, *_]) | ast.arg(annotation=ast.expr()):
            return True
        case (
            ast.FunctionDef(returns=ast.expr()) | ast.BinOp(op=ast.MatMult()) | ast.ClassDef(keywords=[_, *_])
        ):
            return True
    return False


def imports_division(text: str) -> bool:
    """Whether Python 2 text divides as Python 3 does."""
    return _DIVISION.search(text) is not None


def _expand_tabs(text: str) -> str:
    """A tab at the start of a line went to the next multiple of eight columns, between spaces too."""
    if "\t" not in text:
        return text
    lines = text.split("\n")
    inside = string_lines(text)
    for number, line in enumerate(lines):
        margin = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in margin and number not in inside:
            lines[number] = margin.expandtabs(8) + line[len(margin) :]
    return "\n".join(lines)


def _keep_arithmetic(text: str, true_division: bool) -> str:
    source = SourceText("text", text)
    nodes = list_nodes(source.tree)
    imports = _find_imports(nodes)
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))} | imports.keys()
    edits: list[Edit] = []
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name in _DIVISIONS:
            start = source.data.index(node.name.encode(), source.offset(node.lineno, node.col_offset))
            edits.append(Edit(start, start + len(node.name), _DIVISIONS[node.name]))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "round":
            if not {"round", "*"} & bound:
                edits.append(Edit(source.start(node.func), source.end(node.func), "_python2_round"))
        elif true_division:
            continue
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            if not (_is_float(node.left, imports) or _is_float(node.right, imports)):
                edits += _call_divide(source, node)
        elif (
            isinstance(node, ast.AugAssign)
            and isinstance(node.op, ast.Div)
            and not _is_float(node.value, imports)
        ):
            edits += _call_divide_in_place(source, node)
    edits.sort(key=lambda edit: (edit.start, edit.end))
    return source.edited(0, len(source.data), edits)


def _call_divide(source: SourceText, node: ast.BinOp) -> list[Edit]:
    slash = _find_sign(source, source.end(node.left), source.start(node.right), b"/")
    if slash is None:
        return []
    start, end = source.start(node), source.end(node)
    before = slash - 1 if source.data[slash - 1 : slash] == b" " else slash
    comma = "," if source.data[slash + 1 : slash + 2].isspace() else ", "
    return [Edit(start, start, "_python2_divide("), Edit(before, slash + 1, comma), Edit(end, end, ")")]


def _call_divide_in_place(source: SourceText, node: ast.AugAssign) -> list[Edit]:
    sign = _find_sign(source, source.end(node.target), source.start(node.value), b"/=")
    if sign is None or any(isinstance(part, (ast.Call, ast.BinOp)) for part in ast.walk(node.target)):
        return []
    end = source.end(node)
    return [
        Edit(sign, sign + 2, f"= _python2_divide_in_place({source.source(node.target)},"),
        Edit(end, end, ")"),
    ]


def _find_sign(source: SourceText, start: int, end: int, sign: bytes) -> int | None:
    """Where an operator stands between its sides, where only white space and brackets stand beside it."""
    between = source.data[start:end]
    at = between.find(sign)
    return start + at if at >= 0 and not between.replace(sign, b"", 1).strip(b" \t\n\\()") else None


def _find_imports(nodes: Sequence[ast.AST]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update({a.asname: a.name for a in node.names if a.asname})
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
    return found


def _is_float(node: ast.expr, imports: dict[str, str]) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, (float, complex))
        case ast.UnaryOp(operand=operand):
            return _is_float(operand, imports)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            return _is_float(left, imports) or _is_float(right, imports)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _is_float(left, imports) or _is_float(right, imports)
        case ast.Call(func=func):
            return qualify(dotted(func), imports) in _FLOATS
    return False
