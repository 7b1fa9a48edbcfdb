"""The code of a program as a whole: which function, class or library a name means in each of its modules."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from graduate.syntax.imports import Binding, bindings, qualify
from graduate.syntax.nodes import dotted, list_nodes

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_HARMLESS_DECORATORS = frozenset(
    {"staticmethod", "classmethod", "property", "functools.lru_cache", "functools.cache"}
)
_OPERATORS = frozenset(
    {
        *(
            "__len__",
            "__bool__",
            "__eq__",
            "__ne__",
            "__lt__",
            "__le__",
            "__gt__",
            "__ge__",
            "__hash__",
            "__str__",
        ),
        *(
            "__repr__",
            "__format__",
            "__contains__",
            "__add__",
            "__radd__",
            "__sub__",
            "__rsub__",
            "__mul__",
            "__rmul__",
        ),
        *("__truediv__", "__matmul__", "__neg__", "__getattr__", "__getattribute__", "__enter__", "__exit__"),
    }
)
"""Methods that run without being called by their names, but for those for items and iteration."""
_PLAIN_BASES = frozenset(
    {"object", "Exception", "ValueError", "RuntimeError", "NamedTuple", "typing.NamedTuple"}
)


@dataclass(frozen=True, eq=False)
class Function:
    """A function or method. `parameters` are its names in order, without `*` and `**`."""

    name: str
    module: ModuleCode
    node: FunctionNode

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        arguments = self.node.args
        return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))

    @cached_property
    def plain_defaults(self) -> frozenset[str]:
        """The parameters whose default cannot change."""
        arguments = self.node.args
        by_place = [*arguments.posonlyargs, *arguments.args]
        given = [*zip(by_place[len(by_place) - len(arguments.defaults) :], arguments.defaults, strict=True)]
        given += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d]
        return frozenset(a.arg for a, default in given if isinstance(default, ast.Constant))

    @cached_property
    def why_not(self) -> str:
        """Why nothing can be told about it; "" when it can."""
        if isinstance(self.node, ast.AsyncFunctionDef):
            return "is a coroutine"
        for each in self.node.decorator_list:
            name = dotted(each.func if isinstance(each, ast.Call) else each)
            if qualify(name, self.module.imports) not in _HARMLESS_DECORATORS:
                return f"is decorated by {ast.unparse(each)}"
        return ""


@dataclass(eq=False)
class ModuleCode:
    """One module, and what the names of its top level are."""

    path: str
    tree: ast.Module

    @cached_property
    def bindings(self) -> dict[str, Binding]:
        return {b.name: b for b in bindings(self.tree) if b.name != "*"}

    @cached_property
    def imports(self) -> dict[str, str]:
        return {name: b.qualified for name, b in self.bindings.items()}

    @cached_property
    def functions(self) -> dict[str, Function]:
        nodes = [n for n in self.tree.body if isinstance(n, FunctionNode)]
        return {n.name: Function(n.name, self, n) for n in nodes}

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        return {n.name: n for n in self.tree.body if isinstance(n, ast.ClassDef)}

    @cached_property
    def assigned(self) -> dict[str, list[ast.expr | None]]:
        """For each name that is assigned anywhere in the module the values, None for what is no plain assignment."""
        found: dict[str, list[ast.expr | None]] = {}
        plain: set[int] = set()
        for node in list_nodes(self.tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(node.value)
                        plain.add(id(target))
        for node in list_nodes(self.tree):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and id(node) not in plain:
                found.setdefault(node.id, []).append(None)
            elif isinstance(node, ast.arg):
                found.setdefault(node.arg, []).append(None)
            elif isinstance(node, FunctionNode | ast.ClassDef):
                found.setdefault(node.name, []).append(None)
        return found

    @cached_property
    def constants(self) -> frozenset[str]:
        """Names that are always the same number or text."""
        return frozenset(
            n for n, v in self.assigned.items() if len(v) == 1 and isinstance(v[0], ast.Constant)
        )


@dataclass(eq=False)
class Code:
    """The modules of a program by their paths. `find` gives the path of the local module that a dotted name means in
    a file, or None."""

    modules: Mapping[str, ModuleCode]
    find: Callable[[str, str, int], str | None] = field(default=lambda dotted, importer, level: None)
    heavy: dict[ast.AST, bool] = field(default_factory=dict)
    """Functions of which it is known whether they read or write files, or compute for long."""
    _resolved: dict[tuple[str, str], Function | ast.ClassDef | str] = field(default_factory=dict)

    def resolve(self, module: ModuleCode, name: str) -> Function | ast.ClassDef | str:
        """What a chain of names means at the top level of a module: a function, a class, the qualified name of a
        member of a library, or "" for anything else."""
        key = module.path, name
        if key not in self._resolved:
            self._resolved[key] = (
                ""  # while it is looked for: modules that import a name from each other define none
            )
            self._resolved[key] = self._resolve(module, name)
        return self._resolved[key]

    def _resolve(self, module: ModuleCode, name: str) -> Function | ast.ClassDef | str:
        first, _, rest = name.partition(".")
        bound = module.bindings.get(first)
        is_own = first in module.functions or first in module.classes
        if is_own and len(module.assigned.get(first, ())) == 1 and bound is None and not rest:
            return module.functions.get(first) or module.classes[first]
        if bound is None or is_own or first in module.assigned:
            return ""
        member = self._local(module, bound, rest)
        return member if member is not None else qualify(name, module.imports)

    def _local(self, module: ModuleCode, bound: Binding, rest: str) -> Function | ast.ClassDef | str | None:
        """The member of a local module that an imported name means; None when it is a library's."""
        dotted_name = bound.qualified.lstrip(".")
        whole = self.find(f"{dotted_name}.{rest}".rstrip("."), module.path, bound.level)
        if whole is not None:
            return ""  # a module itself
        chain = f"{dotted_name}.{rest}".strip(".")
        home, _, member = chain.rpartition(".")
        found = self.find(home, module.path, bound.level) if home or bound.level else None
        if found is None:
            is_local = bound.level or self.find(dotted_name.partition(".")[0], module.path, 0) is not None
            return "" if is_local else None
        return self.resolve(self.modules[found], member) if found in self.modules else ""

    def function(self, module: ModuleCode, name: str) -> Function | None:
        found = self.resolve(module, name)
        return found if isinstance(found, Function) else None

    @cached_property
    def _classes(self) -> list[tuple[ModuleCode, ast.ClassDef]]:
        return [
            (module, node)
            for module in self.modules.values()
            for node in list_nodes(module.tree)
            if isinstance(node, ast.ClassDef)
        ]

    @cached_property
    def methods(self) -> dict[str, list[Function]]:
        """The methods of all classes, by name."""
        found: dict[str, list[Function]] = {}
        for module, node in self._classes:
            for each in node.body:
                if isinstance(each, FunctionNode):
                    made = Function(f"{node.name}.{each.name}", module, each)
                    found.setdefault(each.name, []).append(made)
        return found

    @cached_property
    def operators(self) -> list[Function]:
        return [each for name in sorted(_OPERATORS) for each in self.methods.get(name, ())]

    @cached_property
    def properties(self) -> frozenset[str]:
        """Attributes that run code."""
        return frozenset(
            name
            for name, found in self.methods.items()
            for each in found
            for decorator in each.node.decorator_list
            if "property" in ast.unparse(decorator) or ".setter" in ast.unparse(decorator)
        )

    @cached_property
    def class_attributes(self) -> frozenset[str]:
        """Attributes that classes have themselves, so that all their objects share them."""
        return frozenset(
            name.id
            for _, node in self._classes
            for statement in node.body
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None
            for name in ast.walk(statement)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        )

    def initialiser(self, made: ast.ClassDef) -> Function | str | None:
        """What runs when an object of a class is made: None for nothing, or why that cannot be told."""
        home = next(module for module, node in self._classes if node is made)
        for each in ("__new__", "__post_init__", "__setattr__"):
            if any(isinstance(n, FunctionNode) and n.name == each for n in made.body):
                return f"it has {each}"
        if made.keywords:
            return "it has a metaclass"
        own = next((n for n in made.body if isinstance(n, FunctionNode) and n.name == "__init__"), None)
        if own is not None:
            return Function(f"{made.name}.__init__", home, own)
        for base in made.bases:
            found = self.resolve(home, dotted(base))
            if isinstance(found, ast.ClassDef):
                return self.initialiser(found)
            if (found or dotted(base)) not in _PLAIN_BASES:
                return f"it begins with what {ast.unparse(base)} does"
        return None

    def is_instance(self, module: ModuleCode, node: ast.expr) -> bool:
        """Whether an expression surely is an object of one of the program's own classes: `self`, or a name that
        nothing but calls of such a class are assigned to."""
        if not isinstance(node, ast.Name):
            return False
        values = module.assigned.get(node.id, [])
        if node.id == "self":
            return True
        calls = [each for each in values if isinstance(each, ast.Call)]
        return (
            bool(values)
            and len(calls) == len(values)
            and all(isinstance(self.resolve(module, dotted(each.func)), ast.ClassDef) for each in calls)
        )
