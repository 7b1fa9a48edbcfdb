"""Settings: a file (`configs/default.yaml`), then environment variables, then the command line, in rising order."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, dataclass_transform

from .objects import digest
from .paths import PROJECT_ROOT
from .redaction import is_secret
from .setting_sources import collect, missing, unknown_name
from .setting_values import REQUIRED, copied, for_hydra

if TYPE_CHECKING:
    import argparse

CONFIG_FILE = PROJECT_ROOT / "configs" / "default.yaml"

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
            return [f"{flag}={for_hydra(value)}"]
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
            self.__dict__["_values"], given = collect(type(self), self._options, CONFIG_FILE, _command_line)
            _given.clear()
            _given.update(given)
        found: dict[str, Any] = self.__dict__["_values"]
        return found

    def read(self, name: str) -> Any:
        """One setting, recorded as read by the step that runs. The next read of it costs no more than an attribute."""
        value = self.values()[name]
        if value is REQUIRED:
            raise missing(self._options[name], CONFIG_FILE)
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
        import argparse  # not at the top: a run with nothing to do need not load it

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
                raise missing(self._options[name], CONFIG_FILE)

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


def command_line() -> list[str]:
    """The settings flags of this process."""
    return list(_command_line)


def tell_again() -> None:
    """From here on the next read of each setting is told to `on_read` again: another step begins."""
    for settings in _loaded:
        values = settings.__dict__["_values"]
        settings.__dict__.clear()
        settings.__dict__["_values"] = values


def loaded() -> ProjectSettings | None:
    """The settings of this project, once `config/settings.py` has been imported."""
    return _loaded[-1] if _loaded else None
