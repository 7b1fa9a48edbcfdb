"""Settings: a file (`configs/default.yaml`), then environment variables, then the command line, in rising order.

Written without importing a validation library up front, so that looking at a finished pipeline stays fast:
pydantic is imported only when a value has to be converted.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import importlib
import os
import re
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, dataclass_transform, get_args, get_origin

from .objects import digest
from .paths import PROJECT_ROOT
from .problems import Problem
from .redaction import is_secret

CONFIG_FILE = PROJECT_ROOT / "configs" / "default.yaml"
REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()

_command_line: list[str] = []
_loaded: list[ProjectSettings] = []
_given: set[str] = set()
"""The settings that the environment or the command line gave, perhaps their default."""
on_read: list[Callable[[str, str], None]] = []
"""Told the name and a text of the value at the first read of a setting since `tell_again`: steps depend on it."""


class Option:
    """One setting: the descriptor that reads it, and what its command line looks like.

    It has no `__set__`, so a value that `ProjectSettings.read` leaves in the instance is read without it.
    """

    def __init__(self, default: Any, details: dict[str, Any]) -> None:
        self.default = default
        self.help: str = details["help"]
        self.flags: tuple[str, ...] = tuple(details["flags"])
        self.action: str = details["action"]
        self.nargs: str | int | None = details["nargs"]
        self.choices: tuple[Any, ...] | None = tuple(details["choices"]) if details["choices"] else None
        self.positional: bool = details["positional"]
        self.required: bool = details["required"]
        self.secret: bool = details["secret"]
        self.within: tuple[str, ...] | None = details["within"]
        self.variable: str = details["variable"]
        self.name = ""
        self.annotation: Any = Any

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: ProjectSettings | None, owner: type | None = None) -> Any:
        if instance is None:
            # A setting may have the name of a method of the settings class, like `load`.
            method = vars(ProjectSettings).get(self.name)
            return self if method is None else method.__get__(None, owner)
        return instance.read(self.name)

    def arguments(self, flag: str, value: Any) -> list[str]:
        """What sets this value on a command line that has the option; hydra's have keys for flags."""
        if not flag.startswith("-"):
            return [f"{flag}={_for_hydra(value)}"]
        if self.action == "append":
            return [part for each in value[len(self.default or ()) :] for part in (flag, str(each))]
        if self.action == "count":
            return [flag] * (value - (self.default or 0))
        if self.action != "store":
            return [flag]
        if isinstance(value, list):
            return [flag, *map(str, value)]
        return [f"{flag}={value}"] if flag.startswith("--") else [flag, str(value)]

    def describe(self, value: Any) -> str:
        """The value as text that can be kept: a secret is only its hash."""
        text = repr(value)
        return f"secret {digest(text.encode())}" if self.is_secret(value) else text

    def is_secret(self, value: Any) -> bool:
        """Whether a value must not be written down: the setting is marked, or is called like a key."""
        return self.secret or is_secret(self.name, value)

    def shown(self, value: Any) -> str:
        """A value for a message."""
        return "(secret)" if self.is_secret(value) else repr(value)


def option(
    default: Any = REQUIRED,
    *,
    help: str = "",
    flags: Sequence[str] = (),
    action: str = "store",
    nargs: str | int | None = None,
    choices: Sequence[Any] | None = None,
    positional: bool = False,
    required: bool = False,
    secret: bool = False,
    within: tuple[str, ...] | None = None,
    variable: str = "",
) -> Any:
    """A setting with the value that the research code started with. The rest is as in argparse.

    `within` names the configuration file that holds the value, and the keys that lead to it there; `variable` the
    environment variable that the research code read.
    """
    return Option(REQUIRED if required else default, locals())


@dataclass_transform(kw_only_default=True, field_specifiers=(option,))
class ProjectSettings:
    """The settings of one project. `Settings.load()` is lazy: sources are read at the first access."""

    _options: typing.ClassVar[dict[str, Option]] = {}

    def __init_subclass__(cls) -> None:
        cls._options = {**cls._options, **{k: v for k, v in vars(cls).items() if isinstance(v, Option)}}

    def __init__(self, **values: Any) -> None:
        """Settings with these values and defaults for the rest; no file or environment is looked at."""
        unknown = sorted(set(values) - set(self._options))
        if unknown:
            raise unknown_name(unknown[0], self._options, "the call", "a setting")
        self.__dict__["_values"] = {
            name: values.get(name, copied(each.default)) for name, each in self._options.items()
        }

    @classmethod
    def load(cls, file: str = "") -> Self:
        """The settings of this process. `file` is theirs where `configs/default.yaml` is the research code's own."""
        global CONFIG_FILE
        if file:
            CONFIG_FILE = PROJECT_ROOT / file
        settings = cls.__new__(cls)
        settings.__dict__["_values"] = None
        _loaded.append(settings)
        return settings

    def values(self) -> dict[str, Any]:
        """Every setting by name. Reading it this way is not recorded."""
        if self.__dict__["_values"] is None:
            self.__dict__["_values"] = _collect(type(self))
        found: dict[str, Any] = self.__dict__["_values"]
        return found

    def read(self, name: str) -> Any:
        """One setting, recorded as read by the step that runs. The next read of it costs no more than an attribute."""
        value = self.values()[name]
        if value is REQUIRED:
            raise missing(self._options[name])
        for tell in on_read:
            tell(name, self._text(name, value))
        if self is loaded():
            self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self.values()[name] = value
        self.__dict__.pop(name, None)

    def namespace(self, *names: str, **renamed: str) -> argparse.Namespace:
        """What `parser.parse_args()` returned: these settings (all, when none is named).

        `renamed` are attributes and the settings that they stand for.
        """
        chosen = {name: name for name in names} | renamed or {name: name for name in self._options}
        return argparse.Namespace(**{attribute: self.read(name) for attribute, name in chosen.items()})

    def given(self, flags: dict[str, str]) -> list[str]:
        """The command line that sets what was given; `flags` are the flags of the settings."""
        line: list[str] = []
        for flag, name in flags.items():
            option, value = self._options[name], self.read(name)
            if value != option.default or (option.action == "store" and self.was_given(name)):
                line += option.arguments(flag, value)
        return line

    def was_given(self, name: str) -> bool:
        """Whether a setting has another value than its default, or was given that one by name."""
        return bool(self.values()[name] != self._options[name].default) or name in _given

    def describe(self, name: str) -> str | None:
        """The text that a read of this setting would be recorded with; None when there is no such setting."""
        return self._text(name, self.values()[name]) if name in self._options else None

    def _text(self, name: str, value: Any) -> str:
        """A value as text. Where it is put over a file's or a command line's, it counts that it was given."""
        each = self._options[name]
        decides = each.within is not None or any(other.endswith("arguments") for other in self._options)
        is_given = decides and value == each.default and name in _given
        return each.describe(value) + (" (given)" if is_given else "")

    def describe_all(self) -> dict[str, str]:
        """Every setting as text, without secrets."""
        return {name: each.shown(self.values()[name]) for name, each in self._options.items()}

    def known(self) -> list[tuple[Option, Any]]:
        """Every setting with its value, as far as the sources have been read."""
        values = self.__dict__["_values"] or {}
        return [(each, values[name]) for name, each in self._options.items() if name in values]

    def check_required(self) -> None:
        """Raise a clear error when a setting that has no default was not given."""
        for name, value in self.values().items():
            if value is REQUIRED:
                raise missing(self._options[name])

    def options(self) -> tuple[Option, ...]:
        return tuple(self._options.values())

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={text}" for name, text in self.describe_all().items())
        return f"{type(self).__name__}({inside})"


def set_command_line(arguments: Sequence[str]) -> None:
    """The settings flags of this process; called before the first setting is read."""
    _command_line[:] = arguments
    for settings in _loaded:
        settings.__dict__["_values"] = None
    tell_again()


def tell_again() -> None:
    """From here on the next read of each setting is told to `on_read` again: another step begins."""
    for settings in _loaded:
        values = settings.__dict__["_values"]
        settings.__dict__.clear()
        settings.__dict__["_values"] = values


def loaded() -> ProjectSettings | None:
    """The settings of this project, once `config/settings.py` has been imported."""
    return _loaded[-1] if _loaded else None


def copied(default: Any) -> Any:
    """A default that may be changed in place without changing the next reader's."""
    import copy

    return copy.deepcopy(default) if isinstance(default, (list, dict, set)) else default


def _for_hydra(value: Any) -> str:
    """A value as hydra's grammar has it."""
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_./][\w./:-]*", value):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_for_hydra, value))}]"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def missing(each: Option) -> Problem:
    how = each.name if each.positional else _long_flag(each)
    return Problem(
        f"The setting {each.name!r} has no value and no default.",
        where=str(CONFIG_FILE.relative_to(PROJECT_ROOT)),
        why=each.help or "the research program required it on its command line",
        fix=f'give {how} on the command line (make: ARGS="…") or write `{each.name}: …` into the file',
    )


def unknown_name(name: str, known: Any, where: str, kind: str) -> Problem:
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(sorted(known)[:20])
    return Problem(
        f"{name!r} is not {kind} of this project.", where=where, why="no setting has this name", fix=hint
    )


def _long_flag(each: Option) -> str:
    return next((flag for flag in each.flags if flag.startswith("--")), f"--{each.name.replace('_', '-')}")


def _collect(cls: type[ProjectSettings]) -> dict[str, Any]:
    """Every value from the highest source that gives it."""
    options = cls._options
    values = {name: copied(each.default) for name, each in options.items()}
    _given.clear()
    # A class of options is a key like any other, which its type does not say.
    hints = _annotations(typing.cast(Any, cls))
    for each in options.values():
        each.annotation = hints.get(each.name, Any)
    for name, value in _read_file(options).items():
        values[name] = _from_file(options[name], value)
    prefix = cls.__module__.partition(".")[0].upper()
    for name, each in options.items():
        for variable in filter(None, (each.variable, f"{prefix}_{name.upper()}")):
            text = os.environ.get(variable)
            if text is None and each.secret:
                text = _read_secret(variable + "_FILE")
            if text is not None:
                _given.add(name)
                values[name] = convert(each, text, f"environment variable {variable}")
    if _command_line:
        from .command_line import parse

        parsed = parse(options, _command_line)
        _given.update(parsed)
        values.update(parsed)
    for name, each in options.items():
        # Programs that this one starts, and libraries, see what was set otherwise too.
        if each.variable and values[name] is not None and values[name] != each.default:
            os.environ[each.variable] = str(values[name])
    return values


def _read_secret(variable: str) -> str | None:
    """The content of the file that a variable names, as containers get secrets; None when it names none."""
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise Problem(
            "A secret cannot be read.",
            where=f"environment variable {variable}",
            why=f"{path}: {error.strerror}",
            fix="write the value into this file",
        ) from None


@functools.cache
def _annotations(cls: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except Exception:
        return {}


def _read_file(options: dict[str, Option]) -> dict[str, Any]:
    if not CONFIG_FILE.exists():
        return {}
    where = str(CONFIG_FILE.relative_to(PROJECT_ROOT))
    found = parse_yaml(CONFIG_FILE.read_text(encoding="utf-8"), where)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Problem(
            "The settings file is not a mapping.", where=where, fix="write one `name: value` per line"
        )
    for name in found:
        if name not in options:
            raise unknown_name(str(name), options, where, "a setting")
    return found


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


def _from_file(each: Option, value: Any) -> Any:
    default = each.default
    if type(value) is type(default) and value == default:
        return copied(default)
    if (
        isinstance(default, (tuple, set, frozenset))
        and isinstance(value, list)
        and type(default)(value) == default
    ):
        return default
    return convert(each, value, f"{CONFIG_FILE.relative_to(PROJECT_ROOT)}: {each.name}")


def convert(each: Option, value: Any, where: str) -> Any:
    """A value as the research program would have had it, or a clear error."""
    kind = each.annotation
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
