"""Settings that are values of the research code's own configuration files: `config = with_settings(yaml.safe_load, f)`.

The file is loaded as it stands. A setting that was given, or is not what the file held at conversion, is put in.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .configuration import Option, ProjectSettings, loaded
from .paths import PROJECT_ROOT
from .problems import Problem
from .setting_values import parse_yaml


def with_settings(load: Callable[..., Any], source: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`load(source, …)`, with the settings that stand for values of this file: an open file, a path, or its text."""
    found = load(source, *args, **kwargs)
    settings = loaded()
    if settings is not None:
        owner = getattr(load, "__self__", None)
        fills_owner = found is None or isinstance(owner, configparser.RawConfigParser)
        target = owner if fills_owner else found
        for option in _find_options(settings, source):
            assert option.within is not None
            value = settings.read(option.name)
            if settings.was_given(option.name):
                _put(target, option.within[1:], value, option)
    return found


def _find_options(settings: ProjectSettings, source: Any) -> Iterator[Option]:
    """The settings that are values of the file that a program loads."""
    options = [option for option in settings.options() if option.within is not None]
    files = {option.within[0] for option in options if option.within is not None}
    meant = {file for file in files if _is_meant(PROJECT_ROOT / file, source)}
    yield from (option for option in options if option.within is not None and option.within[0] in meant)


def _is_meant(file: Path, source: Any) -> bool:
    name = getattr(source, "name", source)
    if isinstance(source, (list, tuple)):
        return any(_is_meant(file, each) for each in source)
    try:
        if isinstance(name, (str, os.PathLike)) and Path(name).samefile(file):
            return True
    except (OSError, ValueError):
        pass
    if isinstance(source, (str, bytes)):
        text = source if isinstance(source, bytes) else source.encode()
        return file.is_file() and text.strip() == file.read_bytes().replace(b"\r\n", b"\n").strip()
    return False


def _put(node: Any, keys: tuple[str, ...], value: Any, option: Option) -> None:
    """Set a value deep in what was loaded: in mappings, or in the objects that a hook made of them."""
    try:
        for key in keys[:-1]:
            node = node[key] if hasattr(node, "__getitem__") else getattr(node, key)
        is_mapping = hasattr(node, "__getitem__")
        old = node.get(keys[-1]) if is_mapping else getattr(node, keys[-1], None)
        if isinstance(node, configparser.SectionProxy):
            value = str(value)
        elif isinstance(value, str) and isinstance(old, (int, float)):
            # The loader takes `1e-3` for a number, where YAML has text.
            value = parse_yaml(value, f"the setting {option.name}")
        elif isinstance(value, list) and isinstance(old, tuple):
            value = tuple(value)
        if is_mapping:
            node[keys[-1]] = value
        else:
            setattr(node, keys[-1], value)
    except (KeyError, AttributeError, TypeError, configparser.Error) as error:
        assert option.within is not None
        raise Problem(
            f"The setting {option.name!r} has no place in {option.within[0]}.",
            where=option.within[0],
            why=f"the file has no {'.'.join(keys[:-1]) or 'values'} any more ({type(error).__name__}: {error})",
            fix="put the part back into the file, or do not set this",
        ) from None
