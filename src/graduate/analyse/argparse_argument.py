"""One option of an argparse parser: what a call of `add_argument` declares, read off its source."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass

from graduate.analyse.literals import Folded, fold_constant, infer_annotation
from graduate.analyse.roles import find_qualified_name
from graduate.model.facts import Option, OptionAction
from graduate.model.source import Place

_TYPES = {"int": int, "float": float, "str": str, "bool": bool}
_ACTIONS: dict[str, OptionAction] = {
    "store": "store",
    "store_true": "store_true",
    "store_false": "store_false",
    "count": "count",
    "append": "append",
}
_KEYWORDS = {"action", "nargs", "const", "default", "type", "choices", "required", "help", "metavar", "dest"}
_MAX_CHOICES = 100


class NotUnderstood(Exception):
    """Something that only a run could tell."""

    def __init__(self, reason: str, node: ast.AST) -> None:
        super().__init__(f"line {getattr(node, 'lineno', 0)}: {reason}")


def read_argument(
    call: ast.Call, imports: Mapping[str, str], constants: Mapping[str, Folded], place: Place
) -> Option | None:
    """The option that one `add_argument` call declares; None for the one that shows the version.

    Raises NotUnderstood for what only a run could tell.
    """
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if not set(keywords) <= _KEYWORDS:
        unknown = next(str(name) for name in keywords if name not in _KEYWORDS)
        raise NotUnderstood(f"add_argument() has {unknown.replace('None', '**')}=", call)
    flags = _read_flags(call, constants)
    action = _read_action(keywords.get("action"), call)
    if action is None:
        return None
    positional = not flags[0].startswith("-")
    name = _read_name(flags, keywords.get("dest"), call)
    if "const" in keywords:
        raise NotUnderstood("add_argument() has const=", call)
    kind = _read_type(keywords.get("type"), imports, call)
    nargs = _read_nargs(keywords.get("nargs"), call)
    default = _read_default(
        keywords.get("default"), action, kind, positional and nargs == "'*'", constants, imports, call
    )
    required = _read_flag(keywords.get("required"), call) or (positional and nargs not in {"'?'", "'*'"})
    base = _base_annotation(kind, action, nargs)
    return Option(
        name=name,
        annotation=base if required else widen_annotation(base, default),
        default="" if required else render_default(default),
        place=place,
        kind="argument",
        help=_read_help(keywords.get("help")),
        flags=() if positional else flags,
        action=action,
        nargs=nargs,
        choices=_read_choices(keywords.get("choices"), constants, call),
        positional=positional,
        required=required,
    )


@dataclass(frozen=True, slots=True)
class Source:
    """A default that is no literal, as source (`Path('out')`), with its type."""

    text: str
    annotation: str


def _read_flags(call: ast.Call, constants: Mapping[str, Folded]) -> tuple[str, ...]:
    flags: list[str] = []
    for argument in call.args:
        folded = fold_constant(argument, constants)
        if folded is None or not isinstance(folded.value, str) or not folded.value:
            raise NotUnderstood("the name of an option is computed", call)
        flags.append(folded.value)
    if not flags:
        raise NotUnderstood("an option has no name", call)
    return tuple(flags)


def _read_name(flags: tuple[str, ...], dest: ast.expr | None, call: ast.Call) -> str:
    if dest is not None:
        folded = fold_constant(dest)
        name = folded.value if folded is not None else None
    elif flags[0].startswith("-"):
        long = next((flag for flag in flags if flag.startswith("--")), flags[0])
        name = long.lstrip("-").replace("-", "_")
    else:
        name = flags[0]
    if not isinstance(name, str) or not name.isidentifier():
        raise NotUnderstood(f"the option's name {name!r} is no identifier", call)
    return name


def _read_action(node: ast.expr | None, call: ast.Call) -> OptionAction | None:
    if node is None:
        return "store"
    action = node.value if isinstance(node, ast.Constant) else None
    if action == "version":
        return None
    if not isinstance(action, str) or action not in _ACTIONS:
        raise NotUnderstood(f"the action {ast.unparse(node)} is not one that settings have", call)
    return _ACTIONS[action]


def _read_type(node: ast.expr | None, imports: Mapping[str, str], call: ast.Call) -> str:
    """`int`, `float`, `str`, `bool` or `Path`; "" when the option has no type."""
    if node is None:
        return ""
    if isinstance(node, ast.Name) and node.id in _TYPES and node.id not in imports:
        return node.id
    if find_qualified_name(node, imports) == "pathlib.Path":
        return "Path"
    raise NotUnderstood(f"type={ast.unparse(node)} is a function of its own", call)


def _read_nargs(node: ast.expr | None, call: ast.Call) -> str | None:
    if node is None:
        return None
    folded = fold_constant(node)
    if folded is not None and (isinstance(folded.value, int) or folded.value in {"?", "*", "+"}):
        return repr(folded.value)
    raise NotUnderstood(f"nargs={ast.unparse(node)}", call)


def _read_flag(node: ast.expr | None, call: ast.Call) -> bool:
    if node is None:
        return False
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    raise NotUnderstood(f"required={ast.unparse(node)} is computed", call)


def _read_help(node: ast.expr | None) -> str:
    folded = None if node is None else fold_constant(node)
    return folded.value if folded is not None and isinstance(folded.value, str) else ""


def _read_choices(node: ast.expr | None, constants: Mapping[str, Folded], call: ast.Call) -> tuple[str, ...]:
    if node is None:
        return ()
    if isinstance(node, ast.Set):
        node = ast.List(elts=node.elts)
    folded = fold_constant(node, constants)
    if folded is not None and isinstance(folded.value, (tuple, list)):
        return tuple(repr(choice) for choice in folded.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        bounds = [fold_constant(argument, constants) for argument in node.args]
        numbers = [bound.value for bound in bounds if bound is not None and isinstance(bound.value, int)]
        if numbers and len(numbers) == len(node.args) and len(range(*numbers)) <= _MAX_CHOICES:
            return tuple(repr(number) for number in range(*numbers))
    raise NotUnderstood(f"choices={ast.unparse(node)} are computed", call)


def _read_default(
    node: ast.expr | None,
    action: OptionAction,
    kind: str,
    many: bool,
    constants: Mapping[str, Folded],
    imports: Mapping[str, str],
    call: ast.Call,
) -> Folded | Source:
    if node is None:
        if action in {"store_true", "store_false"}:
            return Folded(action == "store_false")
        return Folded([] if many else None)
    folded = fold_constant(node, constants)
    if folded is None:
        return _read_constructed(node, imports, call)
    if not isinstance(folded.value, str) or not kind:
        return folded
    if kind == "Path":
        return Source(f"Path({folded.value!r})", "Path")
    # argparse converts a default that is a text, and only that, by the option's type.
    try:
        return Folded(_TYPES[kind](folded.value))
    except ValueError:
        raise NotUnderstood(f"the default {folded.value!r} is no {kind}", call) from None


def _read_constructed(node: ast.expr, imports: Mapping[str, str], call: ast.Call) -> Source:
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        argument = fold_constant(node.args[0])
        if argument is not None and isinstance(argument.value, str):
            if find_qualified_name(node.func, imports) == "pathlib.Path":
                return Source(f"Path({argument.value!r})", "Path")
            if isinstance(node.func, ast.Name) and node.func.id == "float":
                return Source(f"float({argument.value!r})", "float")
    raise NotUnderstood(f"default={ast.unparse(node)} is computed", call)


def render_default(default: Folded | Source) -> str:
    if isinstance(default, Source):
        return default.text
    if isinstance(default.value, float) and not math.isfinite(default.value):
        return f"float({str(default.value)!r})"
    return repr(default.value)


def _base_annotation(kind: str, action: OptionAction, nargs: str | None) -> str:
    if action in {"store_true", "store_false"}:
        return "bool"
    if action == "count":
        return "int"
    base = kind or "str"
    if nargs not in {None, "'?'"}:
        base = f"list[{base}]"
    return f"list[{base}]" if action == "append" else base


def widen_annotation(base: str, default: Folded | Source) -> str:
    """The type of an option with the type of its default, which argparse takes as it is."""
    if isinstance(default, Source):
        own: str | None = default.annotation
    else:
        own = infer_annotation(default.value)
    parts = base.split(" | ")
    if own is None or own in parts:
        return base
    if own == "None":
        return f"{base} | None"
    if (own, base) == ("int", "float") or own.replace("int", "float") == base:
        return base
    return f"{own} | {base}"
