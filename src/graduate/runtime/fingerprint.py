"""The code that a step runs, as hashes: a comment or a blank line changes nothing, a statement does.

Names are followed statically inside the package. What cannot be told is counted in, so a change is
never missed for a name that code spells out.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .objects import digest

RUNTIME_MODULES = frozenset(
    {
        "agreement", "as_program", "attempt", "autocast", "background", "batch_rows", "checkpoint",
        "children", "cluster", "code_hashes", "colab", "command", "command_line", "config_files",
        "configuration", "contents", "context", "context_source", "copied", "copies", "data_checks",
        "databricks", "dispatch", "distributed", "doctor", "draws", "ends", "exporter", "failure",
        "figure_backend", "figures", "files", "fingerprint", "fit", "fit_block", "fit_keras",
        "fit_lightgbm", "fit_lightning", "fit_parts", "fit_skorch", "fit_transformers", "fit_xgboost",
        "former_names", "handles", "iterators", "journal", "launch", "library_logging", "library_options",
        "library_state", "live", "live_keras", "loader_passes", "loading", "lock", "log", "loop_files",
        "loop_pickle", "loop_run", "mirror", "model_input", "model_record", "model_request", "module_state",
        "names", "notebook", "objects", "open_files", "open_loops", "optional", "output", "pace",
        "parallel", "parallel_files", "parallel_joblib", "parallel_ray", "parallel_text", "parallel_turn",
        "parallel_wire", "paths", "pickle_keras", "pickling", "positions", "precision", "problems",
        "process", "progress", "random_state", "rebuild", "redaction", "resume", "retries", "row_attention",
        "row_entrances", "row_facts", "row_gradients", "row_layers", "row_loader", "row_losses",
        "row_random", "row_rules", "row_shapes", "runner", "running", "saved", "saving", "services",
        "serving", "set_order", "setting_sources", "setting_values", "signals", "snapshot", "spawned",
        "state", "status", "step_run", "steps", "store", "sweep", "sweep_file", "sweep_report",
        "sweep_trial", "syntax", "trial", "twisters", "upkeep", "validity", "workers", "world", "written",
    }
)  # fmt: skip
"""The files beside this one that are the machinery: their changes make no result stale. Others are the author's."""

_SETTINGS_NAMES = frozenset({"settings", "Settings"})
BODY = "<module>"


def normalised(node: ast.AST) -> str:
    """The syntax tree as text, without positions and docstrings."""
    for child in ast.walk(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)):
            first = child.body[0] if child.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                child.body = child.body[1:] or [ast.Pass()]
    return ast.dump(node, annotate_fields=False)


@dataclass
class Module:
    """One parsed file of the package: its definitions, its other statements, and what names mean in it."""

    name: str
    tree: ast.Module
    is_package: bool
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    body: list[ast.stmt] = field(default_factory=list)

    def __post_init__(self) -> None:
        for statement in self.tree.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.definitions.setdefault(statement.name, []).append(statement)
            else:
                self.body.append(statement)

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """What the names imported at the top level mean: (module, name or "")."""
        return imported_names(self.body, self)

    def absolute(self, node: ast.ImportFrom) -> str:
        """The dotted module that a `from … import` names."""
        if not node.level:
            return node.module or ""
        parts = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        parts = parts[: len(parts) - (node.level - 1)]
        return ".".join([*parts, node.module] if node.module else parts)


def imported_names(nodes: list[ast.stmt], module: Module) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for top in nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.ImportFrom):
                home = module.absolute(node)
                for alias in node.names:
                    found[alias.asname or alias.name] = (home, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    found[name] = (alias.name if alias.asname else name, "")
    return found


class CodeIndex:
    """The package's code, parsed when asked for. `reach` gives what a definition can run."""

    def __init__(self, package: str, folder: Path) -> None:
        self.package = package
        self.folder = folder
        self._modules: dict[str, Module | None] = {}
        self._hashes: dict[tuple[str, str], str] = {}

    def module(self, name: str) -> Module | None:
        """The module of this dotted name, or None when it is not a file of the package."""
        if name not in self._modules:
            self._modules[name] = self._parse(name)
        return self._modules[name]

    def _parse(self, name: str) -> Module | None:
        if name != self.package and not name.startswith(self.package + "."):
            return None
        base = self.folder.joinpath(*name.split(".")[1:])
        for path, is_package in ((base / "__init__.py", True), (base.with_suffix(".py"), False)):
            if path.is_file() and not (path.parent.name == "utils" and path.stem in RUNTIME_MODULES):
                try:
                    tree = ast.parse(path.read_bytes())
                except SyntaxError:
                    return None
                return Module(name, tree, is_package)
        return None

    def reach(self, starts: list[tuple[str, str]]) -> dict[str, str]:
        """Hashes, by `module:name`, of every definition and module body that can run from `starts`."""
        result: dict[str, str] = {}
        queue = list(starts)
        seen = set(queue)
        while queue:
            home, name = queue.pop()
            module = self.module(home)
            if module is None:
                continue
            nodes = self._nodes(module, name)
            result[f"{home.partition('.')[2] or home}:{name}"] = self._hash(module, name, nodes)
            for target in self._targets(module, name, nodes):
                if target not in seen:
                    seen.add(target)
                    queue.append(target)
        return result

    def _nodes(self, module: Module, name: str) -> list[ast.stmt]:
        if name != BODY:
            return module.definitions.get(name, [])
        if module.name == f"{self.package}.pipeline":
            # The page that lists the steps; each step's own function is followed instead.
            return []
        return module.body

    def _hash(self, module: Module, name: str, nodes: list[ast.stmt]) -> str:
        key = (module.name, name)
        if key not in self._hashes:
            text = "\n".join(normalised(node) for node in nodes)
            self._hashes[key] = digest(text.encode())[:16]
        return self._hashes[key]

    def _targets(self, module: Module, name: str, nodes: list[ast.stmt]) -> set[tuple[str, str]]:
        """What these statements refer to inside the package."""
        local = imported_names(nodes, module)
        targets: set[tuple[str, str]] = {(module.name, BODY)} if name != BODY else set()
        for parent in _parents(module.name):
            targets.add((parent, BODY))
        for top in nodes:
            qualified = {id(node.value) for node in ast.walk(top) if isinstance(node, ast.Attribute)}
            for node in ast.walk(top):
                if isinstance(node, ast.Name):
                    found = self._named(module, local, node.id)
                    if id(node) not in qualified:
                        # A module that is passed around as a value: any of it may be used.
                        found |= {
                            each
                            for home, name in found
                            if name == BODY
                            for each in self._passed(home, node, local, module)
                        }
                    targets |= found
                elif isinstance(node, ast.Attribute):
                    targets |= self._attribute(module, local, node)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    targets |= self._text(node.value)
                elif isinstance(node, ast.Call) and _asks_by_name(node):
                    targets |= self._former_names
        for home, imported in local.values():
            targets |= self._resolve(home, imported, only_body=True)
        return targets

    @cached_property
    def _former_names(self) -> set[tuple[str, str]]:
        """All of the modules that code may ask for by a name that it makes up (`former_names.py`)."""
        top = self.module(self.package)
        tables = [
            node.value.args[1]
            for node in (top.body if top is not None else ())
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and len(node.value.args) == 2
        ]
        homes = [home for table in tables if isinstance(table, ast.Dict) for home in table.values]
        names = [f"{self.package}.{each.value!s}" for each in homes if isinstance(each, ast.Constant)]
        return {each for name in names for each in self._whole(name) if self.module(name) is not None}

    def _passed(
        self, home: str, node: ast.Name, local: dict[str, tuple[str, str]], module: Module
    ) -> set[tuple[str, str]]:
        origin = local.get(node.id) or module.imports.get(node.id)
        named = ".".join(part for part in origin or () if part)
        return self._whole(home) if named == home else set()

    def _named(self, module: Module, local: dict[str, tuple[str, str]], name: str) -> set[tuple[str, str]]:
        if name in local:
            return self._resolve(*local[name])
        if name in module.definitions:
            return {(module.name, name)}
        if name in module.imports:
            return self._resolve(*module.imports[name])
        return set()

    def _attribute(
        self, module: Module, local: dict[str, tuple[str, str]], node: ast.Attribute
    ) -> set[tuple[str, str]]:
        if isinstance(node.value, ast.Name):
            origin = local.get(node.value.id) or module.imports.get(node.value.id)
            if origin is not None:
                home = ".".join(part for part in origin if part)
                if self.module(home) is not None:
                    return self._resolve(home, node.attr)
        return set()

    def _text(self, text: str) -> set[tuple[str, str]]:
        """A module that is named by a string, as `import_module` takes it: in full, or from the package on."""
        if text.startswith(".") and text.replace(".", "").isidentifier():
            text = self.package + text
        if text.startswith(self.package + ".") and self.module(text) is not None:
            return self._whole(text)
        return set()

    def _resolve(self, home: str, name: str, *, only_body: bool = False) -> set[tuple[str, str]]:
        """The definition `name` of `home`, or the module of that name, or all of `home` when unsure."""
        if name and self.module(f"{home}.{name}") is not None:
            return {(f"{home}.{name}", BODY)}
        module = self.module(home)
        if module is None:
            return set()
        if home == f"{self.package}.config.settings" and (name in _SETTINGS_NAMES or only_body):
            return set()
        if name == "*":
            return self._whole(home)
        if only_body or not name:
            return {(home, BODY)}
        if name in module.definitions:
            return {(home, name), (home, BODY)}
        if name in module.imports:
            return {(home, BODY)} | self._resolve(*module.imports[name])
        return {(home, BODY)}

    def _whole(self, home: str) -> set[tuple[str, str]]:
        module = self.module(home)
        names = module.definitions if module is not None else ()
        return {(home, BODY)} | {(home, name) for name in names}


_ASKING = frozenset(
    {
        "CLI", "LightningCLI", "__import__", "call", "exec", "exec_module", "get_class", "get_method", "get_object",
        "import_module", "instantiate", "load", "loads", "locate", "parse_config_file",
        "parse_config_files_and_bindings", "patch", "read_pickle", "resolve_name", "run_module", "run_path",
        "unsafe_load",
    }
)  # fmt: skip


def _asks_by_name(call: ast.Call) -> bool:
    """Whether a call may import a module whose name is not in the code."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in _ASKING


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def environment(root: Path) -> dict[str, str]:
    """What every step depends on: the locked libraries and the version of Python."""
    lock = root / "requirements.lock"
    return {
        "requirements.lock": digest(lock.read_bytes()) if lock.is_file() else "",
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
