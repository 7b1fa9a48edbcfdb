"""What can become a setting: constants of the spine, fields of configuration classes, options of the command line.

A constant is a name bound once to a literal. `find_argparse` is in `argparse_options.py`; both are
offered from here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from graduate.analyse.argparse_options import find_argparse
from graduate.analyse.literals import Folded, fold_constant, infer_annotation
from graduate.model.facts import Option, OptionAction
from graduate.model.source import Place
from graduate.syntax.config_classes import find_config_fields
from graduate.syntax.environment import EnvironmentRead

__all__ = ["find_argparse", "find_class_fields", "find_constants"]

PlaceOf = Callable[[ast.AST], Place]

MAX_STRING = 200
_SCALARS = frozenset({"int", "float", "str", "bool"})
OPTIONAL_SCALAR = "float | int | str | None"
_SECRET = re.compile(r"password|passwd|secret|credential|(api|access|private|auth)_?key", re.I)
_MAYBE_SECRET = re.compile(r"(^|_)(token|key)$", re.I)
_SECRET_VALUE = re.compile(r"[\w./+=:-]{8,}")
_DIRECTIVE = re.compile(r"^#\s*(noqa|type:|pylint|pragma|fmt:|ruff:|mypy:|-\*-|!|%%|@title|@param)")


def find_constants(
    body: Sequence[ast.stmt], text: str, *, rebound: frozenset[str], place: PlaceOf
) -> tuple[Option, ...]:
    """The statements `NAME = literal` of a spine whose name is bound only there.

    `rebound` names what must stay as it is (bound again, deleted, declared global). `default` is the
    author's text of the value. Help is the author's comment behind it, else the one directly above.
    """
    lines = [line.encode() for line in text.split("\n")]
    found: list[Option] = []
    for statement in body:
        named = _assigned(statement)
        if named is None or named[0] in rebound or named[0].startswith("_"):
            continue
        name, value = named
        folded = fold_constant(value)
        annotation = None if folded is None else _annotation(name, folded)
        if folded is None or annotation is None:
            continue
        found.append(
            Option(
                name=name,
                annotation=annotation,
                default=_source(lines, value),
                place=place(statement),
                help=find_comment(lines, statement),
                secret=isinstance(folded.value, str) and is_secret(name, folded.value),
            )
        )
    return tuple(found)


def find_class_fields(body: Sequence[ast.stmt], text: str, place: PlaceOf) -> tuple[Option, ...]:
    """The fields of the configuration classes in `body` whose default is a literal. Their type is the declared one."""
    lines = [line.encode() for line in text.split("\n")]
    found: list[Option] = []
    for field in find_config_fields(body):
        folded = fold_constant(field.default)
        inferred = None if folded is None else _annotation(field.attribute.upper(), folded)
        if folded is None or inferred is None:
            continue
        declared = field.statement.annotation if isinstance(field.statement, ast.AnnAssign) else None
        found.append(
            Option(
                name=field.name,
                annotation=_declared_annotation(declared, folded.value is None) or inferred,
                default=_source(lines, field.default),
                place=place(field.statement),
                help=field.help or find_comment(lines, field.statement),
                secret=isinstance(folded.value, str) and is_secret(field.attribute, folded.value),
            )
        )
    return tuple(found)


def find_variables(reads: Sequence[EnvironmentRead], place: PlaceOf) -> tuple[Option, ...]:
    """The environment variables that code reads with one plain default, or with none."""
    found: list[Option] = []
    for name in dict.fromkeys(read.name for read in reads):
        own = [read for read in reads if read.name == name]
        folded = Folded(None) if own[0].default is None else fold_constant(own[0].default)
        kind = None if folded is None else infer_annotation(folded.value)
        if folded is None or kind not in (*_SCALARS, "None") or "\n" in str(folded.value):
            continue
        if len({None if read.default is None else ast.dump(read.default) for read in own}) > 1:
            continue
        found.append(
            Option(
                name=name,
                annotation={"str": "str", "None": "str | None"}.get(kind, f"{kind} | str"),
                default=repr(folded.value),
                place=place(own[0].call),
                kind="environment",
                help=f"the environment variable {name}",
                secret=bool(_SECRET.search(name) or _MAYBE_SECRET.search(name)),
                keys=(name,),
            )
        )
    return tuple(found)


def as_passed(field: Option, library: str) -> Option:
    """A field of a class that a library reads the command line into, as the flag that it has there."""
    _, _, attribute = field.name.rpartition(".")
    is_tyro = library == "tyro"
    spelling = attribute.replace("_", "-") if is_tyro else attribute
    flag, action = f"--{spelling}", "store"
    if field.annotation == "bool" and is_tyro:
        is_on = field.default == "True"
        flag, action = (f"--no-{spelling}", "store_false") if is_on else (flag, "store_true")
    return replace(field, name=attribute, kind="argument", flags=(flag,), action=cast(OptionAction, action))


def _declared_annotation(node: ast.expr | None, is_none: bool) -> str | None:
    """`int`, `Optional[float]`, `str | None` as the settings spell them; None for what they do not take."""
    text = "" if node is None else ast.unparse(node).strip("'\"").replace("typing.", "")
    inner = re.fullmatch(r"Optional\[(\w+)\]|(\w+) \| None|(\w+)", text)
    if inner is None:
        return None
    kind = next(part for part in inner.groups() if part)
    if kind not in _SCALARS:
        return None
    return kind if kind == text and not is_none else f"{kind} | None"


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return None
    return (target.id, value) if isinstance(target, ast.Name) else None


def _annotation(name: str, folded: Folded) -> str | None:
    """The type of a constant as source, None when it is no setting."""
    if folded.value is None:
        return OPTIONAL_SCALAR
    if isinstance(folded.value, str) and (len(folded.value) > MAX_STRING or "\n" in folded.value):
        return None
    if isinstance(folded.value, (tuple, list)) and not name.isupper():
        return None
    return infer_annotation(folded.value)


def _source(lines: Sequence[bytes], value: ast.expr) -> str:
    """The author's text of a value that stands in one line; of others, the same value on one line."""
    if value.end_lineno != value.lineno:
        return ast.unparse(value)
    return lines[value.lineno - 1][value.col_offset : value.end_col_offset].decode()


def is_secret(name: str, value: str) -> bool:
    """By the name; a `token` or `key` only when the value could be one (`PAD_TOKEN = "<pad>"` is none)."""
    if _SECRET.search(name):
        return bool(value)
    return bool(_MAYBE_SECRET.search(name) and _SECRET_VALUE.fullmatch(value))


def find_comment(lines: Sequence[bytes], statement: ast.stmt) -> str:
    """The author's words on a statement: the comment behind it, else the comment lines directly above.

    Comments above a block of several statements are a heading of the block, and not about its first one.
    """
    last = statement.end_lineno or statement.lineno
    behind = lines[last - 1][statement.end_col_offset or 0 :].strip().decode()
    if behind.startswith("#"):
        return "" if _DIRECTIVE.match(behind) else behind.lstrip("# ").strip()
    below = lines[last].strip() if last < len(lines) else b""
    if below and not below.startswith(b"#"):
        return ""
    above: list[str] = []
    number = statement.lineno - 2
    while number >= 0 and lines[number].strip().startswith(b"#"):
        above.insert(0, lines[number].strip().decode())
        number -= 1
    if any(_DIRECTIVE.match(line) for line in above):
        return ""
    return " ".join(line.strip("#-=* \t") for line in above).strip()
