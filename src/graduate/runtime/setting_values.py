"""The values of settings, from the texts of files, variables and the command line.

Written without importing a validation library up front, so that looking at a finished pipeline stays fast:
pydantic is imported only when a value has to be converted.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import re
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from .problems import Problem

if TYPE_CHECKING:
    from .configuration import Option

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()


def copied(default: Any) -> Any:
    """A default that may be changed in place without changing the next reader's."""
    import copy

    return copy.deepcopy(default) if isinstance(default, (list, dict, set)) else default


def parse_yaml(text: str, where: str) -> Any:
    """YAML with numbers as people write them: `1e-3` is a number, as it is in Python."""
    yaml: Any = importlib.import_module("yaml")
    # A class of its own, so that the number format below changes nobody else's loader.
    loader: Any = type("Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
    number = re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$")
    loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789."))
    try:
        return yaml.load(text, loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        raise Problem(
            "The settings are not valid YAML.",
            where=place,
            why=str(error).split("\n")[0],
            fix="correct this line",
        ) from None


def convert(each: Option, value: Any, where: str) -> Any:
    """A value as the research program would have had it, or a clear error."""
    kind = each.annotation
    if value == "null" and each.default is None and each.choices is not None and value not in each.choices:
        return None
    if isinstance(value, str) and not _takes_text(kind):
        value = parse_yaml(value, where)
        if isinstance(value, str) and is_container(kind):
            # `(0.9, 0.99)` as Python has it, which YAML takes for text.
            with contextlib.suppress(ValueError, SyntaxError):
                value = ast.literal_eval(value)
    if value is None and each.default is None:
        return None
    if kind is not Any and type(value) is not kind:
        value = _validated(each, kind, value, where)
    _check_choice(each, value, where)
    return value


def _check_choice(each: Option, value: Any, where: str) -> None:
    items = value if isinstance(value, list) and each.nargs is not None else [value]
    for item in items:
        if each.choices is not None and item not in each.choices and item != each.default:
            raise Problem(
                f"{each.shown(item)} is not a possible value of the setting {each.name!r}.",
                where=where,
                why="it must be one of " + ", ".join(map(repr, each.choices)),
                fix="choose one of these",
            )


def _takes_text(kind: Any) -> bool:
    """Whether text is (also) a fitting value as it stands."""
    if kind is Any:
        return False
    parts = get_args(kind) if get_origin(kind) is not None and not is_container(kind) else (kind,)
    return any(part in (str, Path) or get_origin(part) is typing.Literal for part in parts) or (
        get_origin(kind) is typing.Literal
    )


def is_container(kind: Any) -> bool:
    return get_origin(kind) in (list, tuple, set, frozenset, dict)


def _validated(each: Option, kind: Any, value: Any, where: str) -> Any:
    import pydantic

    if kind is int and isinstance(value, bool):
        return value
    try:
        return pydantic.TypeAdapter(kind, config={"arbitrary_types_allowed": True}).validate_python(value)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise Problem(
            f"{each.shown(value)} is not a valid value of the setting {each.name!r}.",
            where=where,
            why=f"{first['msg']} (expected {getattr(kind, '__name__', kind)})",
            fix=f"give a value like {each.default!r}"
            if each.default is not REQUIRED
            else "correct the value",
        ) from None
    except pydantic.errors.PydanticUserError:
        return value


def for_hydra(value: Any) -> str:
    """A value as hydra's grammar has it."""
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_./][\w./:-]*", value):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(for_hydra, value))}]"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)
