"""The imports of a module: what each name is bound to."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from graduate.syntax.nodes import list_nodes


@dataclass(frozen=True, slots=True)
class Binding:
    """A name bound by an import. `qualified` is what it stands for (`matplotlib.pyplot`);
    `level` counts the dots of a relative import."""

    name: str
    qualified: str
    module: str
    member: str
    level: int


def bindings(node: ast.AST) -> list[Binding]:
    """What an import statement, or a compound statement with imports in it, binds."""
    found = []
    for child in list_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                if alias.asname:
                    found.append(Binding(alias.asname, alias.name, alias.name, "", 0))
                else:
                    top = alias.name.partition(".")[0]
                    found.append(Binding(top, top, alias.name, "", 0))
        elif isinstance(child, ast.ImportFrom):
            module = child.module or ""
            for alias in child.names:
                name = alias.asname or alias.name
                qualified = f"{module}.{alias.name}" if module else alias.name
                found.append(Binding(name, "." * child.level + qualified, module, alias.name, child.level))
    return found


def qualified_names(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Local name → qualified name, over all imports in `nodes`, nested ones included."""
    return {b.name: b.qualified for node in nodes for b in bindings(node) if b.name != "*"}


def qualify(dotted_name: str, imports: dict[str, str]) -> str:
    """`np.random.seed` → `numpy.random.seed`."""
    first, _, rest = dotted_name.partition(".")
    base = imports.get(first, first)
    return f"{base}.{rest}" if rest else base


def is_import_only(node: ast.stmt) -> bool:
    """Whether a statement does nothing but import, perhaps by conditions or with a fallback.

    `import x`; `try: import a; except ImportError: a = None`; `if TYPE_CHECKING: …`;
    `if sys.version_info …: import …`.
    """
    match node:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=[]):
            if not all(is_import_only(s) for s in body):
                return False
            fallbacks = [s for handler in handlers for s in handler.body]
            return all(is_import_only(s) or _is_fallback(s) for s in [*fallbacks, *orelse])
        case ast.If(body=body, orelse=orelse):
            if any(isinstance(n, ast.Call | ast.NamedExpr) for n in ast.walk(node.test)):
                return False
            return all(is_import_only(s) for s in [*body, *orelse])
        case _:
            return False


def _is_fallback(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass):
        return True
    return (
        isinstance(node, ast.Assign)
        and all(isinstance(t, ast.Name) for t in node.targets)
        and isinstance(node.value, ast.Constant)
    )
