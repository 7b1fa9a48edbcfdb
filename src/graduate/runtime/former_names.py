"""The package's modules under the names that they had in the research code, for names that are known only at run time:
in `importlib.import_module(name)`, in a configuration file, in a pickle.

The package's own `import` statements say where modules are now, and need nothing of this.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Mapping
from typing import Any


class FormerNames(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the module that a former name means, the same object as under its name of now."""

    def __init__(self, package: str, homes: Mapping[str, str]) -> None:
        self.package = package
        self.homes = homes
        self._specs: dict[str, Any] = {}

    def find_spec(
        self, fullname: str, path: Any = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        home = self.homes.get(fullname)
        if home is None:
            return None
        is_own = f"{fullname}.".startswith(f"{self.package}.")
        if is_own and importlib.machinery.PathFinder.find_spec(fullname, path) is not None:
            return None  # research code and package have the same name, and so have two modules in them
        return importlib.machinery.ModuleSpec(fullname, self, is_package=not home)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        home = self.homes[spec.name]
        if not home:
            return None  # a folder that was no package
        module = importlib.import_module(f"{self.package}.{home}")
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        # It has run, under its name of now. The import that led here has just given it another specification.
        spec: Any = module.__spec__
        module.__spec__ = self._specs.pop(spec.name, spec)
        if not hasattr(module, "__path__") and any(name.startswith(f"{spec.name}.") for name in self.homes):
            module.__path__ = []  # it was a package's, and its modules are elsewhere


def keep_former_names(package: str, homes: Mapping[str, str]) -> None:
    """From here on modules are found by their former names too, which `homes` maps to where they are in the package;
    the name of a folder that was no package is mapped to ""."""
    sys.meta_path.insert(0, FormerNames(package, homes))
