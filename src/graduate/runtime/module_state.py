"""State that the package's modules hold themselves: globals, attributes of classes and functions, defaults.

A process that goes on after a restart imports the modules anew, so what was changed in them has to be put back.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

_ATOMS = (int, float, complex, bool, str, bytes, type(None), type)

Content = dict[str, dict[str, Any]]
"""For each module that was imported, the values of its places."""


class ModuleState:
    """The places in a package's modules whose values can change.

    A place is written `module:name`, `module:Class.attribute`, `module:function.attribute`,
    `module:function(parameter)` for the default of a parameter, or `module:function[name]` for what a decorated
    function closes over.
    """

    is_module_state = True

    def __init__(self, package: str | None, *places: str) -> None:
        self.package = package or ""
        self.places: dict[str, list[str]] = {}
        for place in places:
            module, _, path = place.partition(":")
            self.places.setdefault(module, []).append(path)

    def read(self) -> Content:
        """What is at the places now. A place with no value is left out, as is a module that nobody imported;
        an open file or a lock stays what the import makes of it."""
        from .handles import is_handle  # not at the top: a run with nothing to do need not load it

        found: Content = {}
        for name, paths in self.places.items():
            module = sys.modules.get(f"{self.package}.{name}")
            if module is not None:
                found[name] = {
                    path: value for path in paths for value in _read(module, path) if not is_handle(value)
                }
        return found

    def write(self, content: Content) -> None:
        """Put values back. Other names in the package for an object that is replaced are then names for the new one."""
        renewed: dict[int, tuple[Any, Any]] = {}
        for name, values in content.items():
            module = importlib.import_module(f"{self.package}.{name}")
            for path in self.places.get(name, ()):
                for old in _read(module, path):
                    if path in values and not isinstance(old, _ATOMS):
                        renewed[id(old)] = old, values[path]
                _write(module, path, values)
        self._rename(renewed)

    def _rename(self, renewed: dict[int, tuple[Any, Any]]) -> None:
        for name, module in list(sys.modules.items()):
            if name.startswith(f"{self.package}.") and renewed:
                for key, value in list(vars(module).items()):
                    old, new = renewed.get(id(value), (None, None))
                    if old is value and new is not old:
                        setattr(module, key, new)


def _owner(module: Any, path: str) -> tuple[Any, str]:
    owner = module
    *folders, last = path.split(".")
    for folder in folders:
        owner = vars(owner).get(folder)
        if owner is None:
            return None, last
    return owner, last


def _read(module: Any, path: str) -> Iterator[Any]:
    """The value at a place, or nothing."""
    function, _, parameter = path.partition("(")
    if path.endswith("]"):
        yield from (cell.cell_contents for cell in _cells(module, path))
        return
    owner, name = _owner(module, function)
    if owner is not None and name in vars(owner):
        if not parameter:
            yield vars(owner)[name]
        else:
            found = _parameters(vars(owner)[name])
            if parameter.rstrip(")") in found:
                yield found[parameter.rstrip(")")]


def _cells(module: Any, path: str) -> Iterator[types.CellType]:
    """What a function, or one of those that it wraps, closes over by this name, where that has a value."""
    function, _, name = path.removesuffix("]").partition("[")
    found = vars(module).get(function)
    while found is not None:
        names = getattr(getattr(found, "__code__", None), "co_freevars", ())
        if name in names and (cell := found.__closure__[names.index(name)]) != types.CellType():
            yield cell
            return
        found = getattr(found, "__wrapped__", None)


def _write(module: Any, path: str, values: dict[str, Any]) -> None:
    if path.endswith("]"):
        for cell in _cells(module, path):
            cell.cell_contents = values.get(path, cell.cell_contents)
        return
    function, _, parameter = path.partition("(")
    owner, name = _owner(module, function)
    if owner is None:
        return
    if parameter:
        if path in values and name in vars(owner):
            _set_default(_plain(vars(owner)[name]), parameter.rstrip(")"), values[path])
    elif path in values:
        setattr(owner, name, values[path])
    elif name in vars(owner):
        delattr(owner, name)


def _plain(function: Any) -> Any:
    """The function itself, below decorators that say what they wrap."""
    return inspect.unwrap(getattr(function, "__func__", function))


def _parameters(function: Any) -> dict[str, Any]:
    plain = _plain(function)
    positional = getattr(plain, "__defaults__", None) or ()
    code = getattr(plain, "__code__", None)
    if code is None:
        return {}
    names = code.co_varnames[: code.co_argcount][-len(positional) :] if positional else ()
    return {**dict(zip(names, positional, strict=True)), **(plain.__kwdefaults__ or {})}


def _set_default(function: Any, parameter: str, value: Any) -> None:
    positional = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount][-len(positional) :]
    if positional and parameter in names:
        at = names.index(parameter)
        function.__defaults__ = (*positional[:at], value, *positional[at + 1 :])
    elif parameter in (function.__kwdefaults__ or {}):
        function.__kwdefaults__[parameter] = value
