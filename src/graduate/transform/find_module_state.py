"""Finds the state that the package's modules hold themselves, which a process that goes on has to put back.

Names are followed through imports within the package, values are not: where it cannot be told whether a value
changes, it counts as state, since storing what did not change does no harm.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from graduate.syntax.nodes import dotted, list_nodes, parse
from graduate.syntax.scopes import bound_names
from graduate.transform.decorator_state import decorator_places
from graduate.transform.local_modules import dotted_home
from graduate.transform.package_names import PackageModule, PackageNames, can_change

_MUTATORS = frozenset(
    {
        "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "fill",
        "insert", "intersection_update", "move_to_end", "pop",
        "popitem", "popleft", "put", "remove", "reverse", "rotate", "seed",
        "setdefault", "shuffle", "sort", "subtract", "symmetric_difference_update", "update",
    }
)  # fmt: skip
_ADVANCING = frozenset({"next", "heappush", "heappop", "heapq.heappush", "heapq.heappop", "random.shuffle"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def find_module_state(texts: Mapping[str, str]) -> tuple[str, ...]:
    """The places that hold state, as `utils/module_state.py` writes them; `texts` maps homes to modules."""
    package = PackageNames({home: PackageModule(home, parse(text)) for home, text in texts.items()})
    found: set[str] = set()
    for module in package.modules.values():
        finder = _Finder(package, module)
        finder.visit(module.tree)
        found |= finder.places
        package.class_wide |= finder.class_wide
        package.mutated |= finder.mutated
    for module in package.modules.values():
        found.update(package.class_places(module))
    found.update(decorator_places(package, _MUTATORS))
    return tuple(sorted(found))


class _Finder(ast.NodeVisitor):
    """Goes through one module with the names that are local where it is."""

    def __init__(self, package: PackageNames, module: PackageModule) -> None:
        self.package = package
        self.module = module
        self.places: set[str] = set()
        self.class_wide: set[tuple[str, str, str]] = set()
        self.within = ""
        self.mutated: set[str] = set()
        self.locals: list[set[str]] = []

    # What is local where.

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for each in [*node.decorator_list, *_default_values(node)]:
            self.visit(each)
        given = {a.arg for a in list_nodes(node.args) if isinstance(a, ast.arg)}
        declared = {n for g in list_nodes(node) if isinstance(g, ast.Global) for n in g.names}
        self.locals.append((given | bound_names(node.body)) - declared)
        if node in self.module.tree.body:
            self._defaults(node, node.name)
        for statement in node.body:
            self.visit(statement)
        self.locals.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self.within = self.within, node.name
        self.generic_visit(node)
        self.within = outer
        for method in node.body if node in self.module.tree.body else ():
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                self._defaults(method, f"{node.name}.{method.name}")

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.locals.append({a.arg for a in list_nodes(node.args) if isinstance(a, ast.arg)})
        self.generic_visit(node)
        self.locals.pop()

    def visit_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self._place(self.module, name)

    # What changes.

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._sets_attribute(node.value, node.attr)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._changes(node.value)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._changes(node.target)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = dotted(node.func)
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in _MUTATORS:
                self._changes(node.func.value)
            else:
                self._uses(node.func.value)
        elif isinstance(node.func, ast.Name):
            self._uses(node.func)
        if name in _ADVANCING and node.args:
            self._changes(node.args[0])
        if name in ("setattr", "delattr") and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            self._sets_attribute(node.args[0], str(node.args[1].value))
        self.generic_visit(node)

    def _sets_attribute(self, owner: ast.expr, attribute: str) -> None:
        """`owner.attribute` gets another value, or is removed."""
        if dotted(owner) in ("cls", "self.__class__") or _is_type_call(owner):
            self.class_wide.add((self.module.home, self.within, attribute))
        elif isinstance(owner, ast.Name):
            found = self._find(owner.id)
            if found is not None and found[1] in {"", *found[0].definitions}:
                module, name = found
                self._place(module, f"{name}.{attribute}" if name else attribute)
            else:
                self._changes(owner)
        else:
            self._changes(owner)

    def _changes(self, value: ast.expr) -> None:
        """A value is changed in place."""
        while isinstance(value, ast.Subscript):
            value = value.value
        if isinstance(value, ast.Attribute):
            self.mutated.add(value.attr)
            if isinstance(value.value, ast.Name):
                found = self._find(value.value.id)
                if found is not None and not found[1]:
                    self._place(found[0], value.attr)
                elif found is not None:
                    self._place(*found)
        elif isinstance(value, ast.Name):
            found = self._find(value.id)
            if found is not None and found[1] and (self.locals or found[0] is not self.module):
                self._place(*found)

    def _uses(self, value: ast.expr) -> None:
        """A value is called, or one of its methods: it may change by that when it is an object of some class."""
        if isinstance(value, ast.Name) and self.locals:
            found = self._find(value.id)
            origin = found and found[0].variables.get(found[1])
            if found is not None and isinstance(origin, ast.Call | ast.GeneratorExp) and can_change(origin):
                self._place(*found)
        elif isinstance(value, ast.Attribute):
            self.mutated.add(value.attr)

    def _find(self, name: str) -> tuple[PackageModule, str] | None:
        if any(name in each for each in self.locals):
            return None
        return self.package.resolve(self.module, name)

    def _place(self, module: PackageModule, path: str) -> None:
        if path.partition(".")[0] in {*module.variables, *module.definitions} or "." not in path:
            is_definition = "." not in path and path in module.definitions and module is self.module
            if not is_definition:
                self.places.add(f"{dotted_home(module.home)}:{path}")

    def _defaults(self, node: ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> None:
        for parameter, value in _defaults_of(node):
            if can_change(value) and _is_changed(parameter, node, isinstance(value, ast.Call)):
                self.places.add(f"{dotted_home(self.module.home)}:{path}({parameter})")


def _is_type_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "type"


def _default_values(node: _Function) -> list[ast.expr]:
    return [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]


def _defaults_of(node: _Function) -> Iterator[tuple[str, ast.expr]]:
    positional = [*node.args.posonlyargs, *node.args.args]
    at = len(positional) - len(node.args.defaults)
    yield from ((a.arg, d) for a, d in zip(positional[at:], node.args.defaults, strict=True))
    yield from (
        (a.arg, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None
    )


def _is_changed(name: str, node: ast.AST, is_object: bool) -> bool:
    """Whether a function may change what is the default of a parameter, or hands it to somebody who does."""
    for child in list_nodes(node):
        match child:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=found), attr=method)):
                if found == name and (is_object or method in _MUTATORS):
                    return True
            case ast.Call(func=ast.Name(id=found)) if found == name and is_object:
                return True
            case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()) if _root(value) == name:
                return True
            case ast.Attribute(value=ast.Name(id=found), ctx=ast.Store() | ast.Del()) if found == name:
                return True
            case ast.AugAssign(target=ast.Name(id=found)) if found == name:
                return True
            case ast.Return(value=ast.Name(id=found)) | ast.Assign(value=ast.Name(id=found)) if found == name:
                return True
    return False


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
