"""What libraries hold for the whole process: how numbers are printed, options, styles, loggers, the environment.

A process that goes on after a restart does not run the code again that has set it, so what a step changed is stored
with the step. Only libraries that are loaded are asked. Random generators are not among it: see `random_state`.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from typing import Any

from . import library_logging
from .library_options import HOLDERS, Values

Content = dict[str, Values]
"""For each library that is loaded, the value of each of its options."""
Changes = dict[str, dict[str, bytes]]
"""The same of those that changed, each value pickled by itself."""


class LibraryState:
    """What libraries hold, beside what they held when this was made."""

    def __init__(self) -> None:
        library_logging.watch()
        self.before = read()

    def changes(self, package: str = "") -> Changes:
        """What is different now. A value that cannot be stored is left out."""
        from . import pickling

        found: Changes = {}
        for name, values in read().items():
            base = self.before[name] if name in self.before else _fresh(name)
            for key, value in values.items():
                if key not in base or not _same(base[key], value):
                    with contextlib.suppress(Exception):
                        packed = pickling.pack(value, package)
                        if not packed.buffers:
                            found.setdefault(name, {})[key] = bytes(packed.data)
        return found

    def put_back(self, changes: Changes) -> None:
        """Have what was held when `changes` were read, in a process that began alike."""
        undone: Content = {}
        for name, values in read().items():
            base = self.before[name] if name in self.before else _fresh(name)
            kept = changes.get(name, {})
            undone[name] = {k: base[k] for k in values if k in base and k not in kept}
        _write(undone)
        write(changes)


def read() -> Content:
    """What is held now."""
    return {name: _read(name) for name in HOLDERS if name in sys.modules}


def write(changes: Changes) -> None:
    """Put changes in force, in a process that does not run what made them. Libraries are loaded for it."""
    content: Content = {}
    for name, values in changes.items():
        for key, data in values.items():
            with contextlib.suppress(Exception):  # a class that has gone, a library that is another version
                content.setdefault(name, {})[key] = pickle.loads(data)
    _write(content)


def _write(content: Content) -> None:
    for name, values in content.items():
        holder = HOLDERS[name]
        module = _module(name)
        now = _read(name)
        for key, value in values.items():
            if module is not None and (key not in now or not _same(now[key], value)):
                with contextlib.suppress(Exception):
                    holder.write(module, key, value)


def _module(name: str) -> Any:
    import importlib

    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


def _read(name: str) -> Values:
    try:
        return HOLDERS[name].read(sys.modules[name])
    except Exception:  # another version of the library: what it holds is not known
        return {}


def _fresh(name: str) -> Values:
    try:
        return HOLDERS[name].fresh(sys.modules[name])
    except Exception:
        return {}


def _same(one: Any, other: Any) -> bool:
    try:
        return one is other or (type(one) is type(other) and bool(one == other))
    except Exception:  # what cannot be compared
        return False
