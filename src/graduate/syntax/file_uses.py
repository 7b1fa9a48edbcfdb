"""The file names that code holds as literals, and whether it reads or writes them.

Names are put together from literals, constants, `os.path.join`, `Path` with `/`, and f-strings; a part
that is not known is `*`, so `f"runs/{name}.csv"` is the pattern `runs/*.csv`.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graduate.syntax.nodes import dotted, list_nodes

Mode = Literal["read", "write", "named"]

_WRITES = re.compile(
    r"^(to_(?!numpy|list|dict|datetime|numeric|tensor|device|string|frame|records|crs|markdown|latex)\w+|save\w*|dump|"
    r"write\w*|im(?:save|write)|makedirs|mkdir|touch|FileHandler|SummaryWriter|CSVLogger|ModelCheckpoint|copyfile_to|"
    r"export\w*|sink_\w+|VideoWriter|TensorBoard|CheckpointManager|urlretrieve|download_file)$"
)
_READS = re.compile(
    r"^(read\w*|load\w*|open_dataset|imread|genfromtxt|fromfile|memmap|listdir|scandir|i?glob|rglob|iterdir|walk|"
    r"ImageFolder|DatasetFolder|exists|is_file|is_dir|isfile|isdir|stat|getsize|flow_from_directory|"
    r"image_dataset_from_directory|text_dataset_from_directory|scan_\w+|get_data|parse|restore|from_pretrained|"
    r"from_file|from_csv|from_json|load_from_checkpoint|TextLineDataset|TFRecordDataset|csv_reader|"
    r"DEFINE_config_file|run_path|spec_from_file_location|SourceFileLoader)$"
)
_OPENERS = {"open", "File", "ZipFile", "TarFile", "HDFStore", "connect", "fopen", "smart_open", "LmdbDataset"}
_JOINS = {"os.path.join", "path.join", "osp.join", "join", "posixpath.join"}
_PATHS = {"Path", "pathlib.Path", "PurePath", "PosixPath", "str", "os.fspath", "UPath"}
_SAME = {"os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser", "osp.abspath"}
_SAME_METHODS = {"resolve", "absolute", "expanduser", "as_posix", "strip", "format"}
_COMMANDS = re.compile(
    r"os\.(system|popen)|(subprocess\.|sp\.)?(run|call|check_call|check_output|Popen|getoutput|getstatusoutput)"
    r"|shell|shell_lines|shell_cell"
)
_SCRIPT = re.compile(r"(?<![\w./*-])[\w./-]+\.py(?![\w./*-])")
_WORKING = {"os.getcwd", "Path.cwd", "pathlib.Path.cwd", "os.curdir"}
_COMPOSED = (ast.Constant, ast.JoinedStr, ast.BinOp, ast.Call)
HERE = "\0file"
"""Stands for the folder of the module at the start of a path."""
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class FileUse:
    """A file name or pattern in code; `here` says that it is relative to the module's own folder."""

    pattern: str
    mode: Mode
    line: int
    here: bool = False


def find_file_uses(tree: ast.Module) -> tuple[FileUse, ...]:
    """All file names in a module, in the order of their lines."""
    nodes = list_nodes(tree)
    names = find_constants(nodes)
    known: dict[ast.AST, Mode] = {}
    uses: dict[FileUse, None] = {}
    for node in nodes:
        if isinstance(node, ast.Call):
            for argument, mode in _arguments(node):
                for part in list_nodes(argument):
                    known.setdefault(part, mode)
                for use in _uses(argument, mode, names):
                    uses[use] = None
            for script in _find_scripts(node, names):
                uses[FileUse(script, "read", node.lineno)] = None
    covered: set[ast.AST] = {
        n.value for n in nodes if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
    }
    for composed in nodes:
        if composed in covered or not isinstance(composed, _COMPOSED):
            continue
        if not isinstance(composed, ast.Constant) and evaluate_path(composed, names) is not None:
            covered.update(list_nodes(composed)[1:])
        for use in _uses(composed, known.get(composed, "named"), names):
            uses[use] = None
    return tuple(sorted(uses, key=lambda use: (use.line, use.pattern, use.mode)))


def _find_scripts(call: ast.Call, names: Mapping[str, str]) -> Iterator[str]:
    """The Python files that a command starts: `os.system("python a.py 3")`, `run([sys.executable, "a.py"])`."""
    if not _COMMANDS.fullmatch(dotted(call.func)) or not call.args:
        return
    first = call.args[0]
    parts = first.elts if isinstance(first, (ast.List, ast.Tuple)) else [first]
    for text in filter(None, (evaluate_path(part, names) for part in parts)):
        yield from (_normalise(word) for word in _SCRIPT.findall(text))


def _uses(node: ast.expr, mode: Mode, names: Mapping[str, str]) -> Iterator[FileUse]:
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        for element in node.elts:
            yield from _uses(element, mode, names)
        return
    pattern = evaluate_path(node, names)
    if pattern is None or "://" in pattern or "\n" in pattern or len(pattern) > _LONGEST:
        return
    here = pattern.startswith(HERE)
    pattern = _normalise(pattern.removeprefix(HERE).lstrip("/") if here else pattern)
    if pattern:
        yield FileUse(pattern, mode, node.lineno, here)


def _normalise(pattern: str) -> str:
    """The pattern without `./`; "" when nothing of it is known."""
    return posixpath.normpath(pattern) if re.sub(r"[*/.?]", "", pattern) else ""


def _arguments(call: ast.Call) -> Iterator[tuple[ast.expr, Mode]]:
    """The arguments of a call that are file names by what the call does."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    mode: Mode
    if name in _OPENERS:
        mode = _open_mode(call)
    elif _WRITES.match(name):
        mode = "write"
    elif _READS.match(name):
        mode = "read"
    else:
        return
    is_path_method = isinstance(call.func, ast.Attribute) and (
        name
        in {
            "open",
            "exists",
            "is_file",
            "is_dir",
            "mkdir",
            "touch",
            "iterdir",
            "stat",
            "unlink",
            "rglob",
            "glob",
        }
        or name in {"read_text", "read_bytes", "write_text", "write_bytes"}
    )
    if is_path_method:
        assert isinstance(call.func, ast.Attribute)
        yield call.func.value, _open_mode(call, 0) if name == "open" else mode
    if not is_path_method or name in {"open", "exists", "glob"}:
        for argument in call.args:
            yield argument, mode
        for keyword in call.keywords:
            if keyword.arg not in {
                "mode",
                "sep",
                "encoding",
                "format",
                "columns",
                "index_col",
                "key",
                "engine",
            }:
                yield keyword.value, mode


def _open_mode(call: ast.Call, position: int = 1) -> Mode:
    given = [k.value for k in call.keywords if k.arg == "mode"] or call.args[position : position + 1]
    if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str):
        return "write" if set(given[0].value) & set("wax") else "read"
    return "read"


def find_constants(nodes: Sequence[ast.AST]) -> dict[str, str]:
    """Names, also attributes and parameter defaults, that stand for one text all through the module."""
    names: dict[str, str] = {}
    ambiguous: set[str] = set()
    for target, value in _bindings(nodes):
        text = evaluate_path(value, names)
        if text is None or (target in names and names[target] != text):
            ambiguous.add(target)
        elif target not in ambiguous:
            names[target] = text
    names |= {f"--{dest}": text for dest, text in _option_defaults(nodes)}
    return {name: text for name, text in names.items() if name not in ambiguous}


def _option_defaults(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, str]]:
    """Destination and default of options of a command line that stand for one text."""
    for node in nodes:
        if isinstance(node, ast.Call) and dotted(node.func).endswith("add_argument"):
            flags = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            given = {k.arg: k.value for k in node.keywords}
            text = evaluate_path(given["default"], {}) if "default" in given else None
            if flags and text is not None:
                yield max(flags, key=len).lstrip("-").replace("-", "_"), text


def _bindings(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    assignments = [n for n in nodes if isinstance(n, (ast.Assign, ast.AnnAssign, ast.FunctionDef))]
    for node in sorted(assignments, key=lambda n: n.lineno):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            yield from ((a.arg, d) for a, d in zip(arguments, node.args.defaults, strict=True))
        elif node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if name := dotted(target):
                    yield name, node.value


def evaluate_path(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """The text of an expression with `*` for unknown parts; None when it is no text at all."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id="__file__"):
            return f"{HERE}/*"
        case ast.Name() | ast.Attribute(attr="parent" | "parents"):
            return names.get(dotted(node)) or _parent(node, names)
        case ast.Attribute(attr=attribute):
            return names.get(dotted(node)) or names.get(f"--{attribute}")
        case ast.JoinedStr(values=values):
            return re.sub(r"\*+", "*", "".join(_part(value, names) for value in values))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            base, rest = evaluate_path(left, names), evaluate_path(right, names)
            return None if base is None and rest is None else _join(base or "*", rest or "*")
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            base, rest = evaluate_path(left, names), evaluate_path(right, names)
            return None if base is None and rest is None else (base or "*") + (rest or "*")
        case ast.BinOp(left=left, op=ast.Mod()):
            base = evaluate_path(left, names)
            return None if base is None else re.sub(r"%[-\d.]*[sdifgr]", "*", base)
        case ast.Subscript(
            value=ast.Attribute(attr="parents", value=base), slice=ast.Constant(value=int() as up)
        ):
            path = evaluate_path(base, names)
            for _ in range(up + 1 if path is not None else 0):
                path = _dirname(path or "")
            return path
        case ast.BoolOp(op=ast.Or(), values=[first, *_]):
            return evaluate_path(first, names)
        case ast.Call():
            return _evaluate_call(node, names)
    return None


def _parent(node: ast.expr, names: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        base = evaluate_path(node.value, names)
        return None if base is None else _dirname(base)
    return None


def _evaluate_call(node: ast.Call, names: Mapping[str, str]) -> str | None:
    name = dotted(node.func)
    if name in _WORKING:
        return "."
    if name in _PATHS or name in _SAME:
        parts = [evaluate_path(argument, names) for argument in node.args]
        if not parts:
            return "."
        return None if parts[0] is None else _join(*(part or "*" for part in parts))
    if name in _JOINS and len(node.args) > 1:
        parts = [evaluate_path(argument, names) for argument in node.args]
        return None if all(part is None for part in parts) else _join(*(part or "*" for part in parts))
    if name in {"os.path.dirname", "osp.dirname", "dirname"} and node.args:
        base = evaluate_path(node.args[0], names)
        return None if base is None else _dirname(base)
    if not isinstance(node.func, ast.Attribute):
        return None
    method, base = node.func.attr, evaluate_path(node.func.value, names)
    if base is None:
        return None
    if method in _SAME_METHODS:
        return re.sub(r"\{[^{}]*\}", "*", base) if method == "format" else base
    if method in {"joinpath", "glob", "rglob"}:
        rest = [evaluate_path(argument, names) or "*" for argument in node.args]
        return _join(base, *(["**"] if method == "rglob" else []), *rest)
    if method in {"with_suffix", "with_name"} and node.args:
        last = evaluate_path(node.args[0], names) or "*"
        return (
            posixpath.splitext(base)[0] + last
            if method == "with_suffix"
            else _join(posixpath.dirname(base), last)
        )
    return None


def _dirname(path: str) -> str:
    if path == HERE or path.startswith(f"{HERE}/.."):
        return f"{path}/.."
    return posixpath.dirname(path) or "."


def _join(*parts: str) -> str:
    return posixpath.join(*parts)


def _part(node: ast.expr, names: Mapping[str, str]) -> str:
    if isinstance(node, ast.FormattedValue):
        return evaluate_path(node.value, names) or "*"
    return evaluate_path(node, names) or ""
