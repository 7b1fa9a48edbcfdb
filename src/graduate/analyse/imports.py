"""The imports of modules from elsewhere, wherever they stand in the code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graduate.model.source import Place, Sources
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import list_nodes, parse

_NAMESPACES = {"google", "google.cloud", "nvidia", "azure", "mpl_toolkits"}
_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception"}
_FEW = 5
_EXITS = {"exit", "quit", "_exit", "abort"}


@dataclass(frozen=True, slots=True)
class Import:
    """An import of a module from elsewhere; `fallback_of` are the modules that are tried before it.

    An `optional` one may fail: the code catches its ImportError and goes on.
    """

    module: str
    place: Place
    optional: bool
    fallback_of: tuple[str, ...] = ()

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def find_imports(sources: Sources) -> Iterator[Import]:
    """Every import that is neither of a local module nor of the standard library, in functions and branches too."""
    local = LocalModules(tuple(module.path for module in sources.modules))
    for module in sources.modules:
        tree = parse(module.text)
        _, foreign = local.find_imports(module.path, module.text, tree)
        for name, line, optional, before in _walk_imports(tree):
            found = Import(name, module.place(line), optional, before)
            if found.top in foreign and found.top not in sys.stdlib_module_names:
                yield found


def _walk_imports(tree: ast.Module) -> Iterator[tuple[str, int, bool, tuple[str, ...]]]:
    tried: dict[ast.AST, tuple[str, ...]] = {}
    nodes = list_nodes(tree)
    for node in nodes:
        if isinstance(node, ast.Try):
            handlers = [handler for handler in node.handlers if catches_import(handler.type)]
            if not handlers or any(_gives_up(handler.body) for handler in handlers) or _is_broad(node):
                continue
            body = list_nodes(*node.body)
            names = tuple(name for part in body for name in _names(part))
            tried.update((part, ()) for part in body)
            for handler in node.handlers:
                tried.update((part, names) for part in list_nodes(handler))
        elif isinstance(node, ast.With) and any(_suppresses(item.context_expr) for item in node.items):
            tried.update((part, ()) for part in list_nodes(*node.body))
    for node in nodes:
        for name in _names(node):
            yield name, node.lineno, node in tried, tried.get(node, ())  # type: ignore[attr-defined]


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        namespace = node.module in _NAMESPACES
        return [f"{node.module}.{a.name}" for a in node.names] if namespace else [node.module]
    if isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"} and node.args:
        first = node.args[0]
        text = first.value if isinstance(first, ast.Constant) else None
        return [text] if isinstance(text, str) and text and not text.startswith(".") else []
    return []


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def catches_import(caught: ast.expr | None) -> bool:
    """Whether an `except` of this type catches that a module is not there."""
    names = [caught] if not isinstance(caught, ast.Tuple) else caught.elts
    return caught is None or any(getattr(name, "id", "") in _CAUGHT for name in names)


def _is_broad(node: ast.Try) -> bool:
    """Whether a `try` is about more than an import: one that catches every error of a long piece of code."""
    named = any(
        "Import" in ast.unparse(h.type) or "Module" in ast.unparse(h.type) for h in node.handlers if h.type
    )
    return not named and len(node.body) > _FEW


def _suppresses(context: ast.expr) -> bool:
    """`with suppress(ImportError):`."""
    return (
        isinstance(context, ast.Call)
        and _called(context) == "suppress"
        and any(catches_import(argument) for argument in context.args)
    )


def _gives_up(body: Sequence[ast.stmt]) -> bool:
    """Whether a handler ends the program: then what it catches was needed after all."""
    return any(
        isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _called(node) in _EXITS)
        for statement in body
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef))
        for node in list_nodes(statement)
    )
