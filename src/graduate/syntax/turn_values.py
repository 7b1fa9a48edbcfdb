"""What an expression in a turn of a loop gives: how much of it other turns may know."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from enum import IntEnum
from typing import TYPE_CHECKING

from graduate.syntax.code import ModuleCode
from graduate.syntax.nodes import dotted

if TYPE_CHECKING:
    from graduate.syntax.independence import Judge


class Level(IntEnum):
    """PLAIN cannot change; NEW was made in this turn with all that it holds; HOLDS was made in it, but may hold what
    others know; SHARED may be known to others."""

    PLAIN = 0
    NEW = 1
    HOLDS = 2
    SHARED = 3


PLAIN, NEW, HOLDS, SHARED = Level


class Carries(Exception):
    """Why the turns of a loop may need something of each other, and where."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.line = line
        self.why = why


class Values(ABC):
    """The names of the body of a loop or a function, with their levels, and what expressions with them give."""

    def __init__(
        self,
        judge: Judge,
        module: ModuleCode,
        bound: set[str],
        outer: frozenset[str],
        targets: frozenset[str],
        *,
        is_loop: bool = False,
    ) -> None:
        self.judge = judge
        self.module = module
        self.bound = bound
        self.outer = outer
        self.targets = targets
        self.is_loop = is_loop
        self.levels: dict[str, Level] = {}
        self.returned = PLAIN

    def fail(self, node: ast.AST, why: str) -> Carries:
        return Carries(self.module.path, getattr(node, "lineno", 1), why)

    # -- expressions -------------------------------------------------------------------------

    def is_target(self, node: ast.expr) -> bool:
        return dotted(node) in self.targets and self.is_loop

    def element(self, level: Level) -> Level:
        """The level of a part."""
        return SHARED if level is HOLDS else level

    def items_of(self, iterable: ast.expr) -> Level:
        level = self.value(iterable)
        if level > NEW:
            for method in self.judge.code.methods.get("__iter__", ()):
                self.judge.call(method, (SHARED,), iterable, self.module.path)
        return level

    def value(self, node: ast.expr) -> Level:
        match node:
            case ast.Constant():
                return PLAIN
            case ast.Name(name):
                return self.name(node, name)
            case ast.Attribute(base, attribute):
                return self.attribute(node, base, attribute)
            case ast.Subscript(base, index):
                return self.item(node, base, index)
            case ast.Call():
                return self.call(node)
            case ast.JoinedStr() | ast.Compare():
                self.parts(node)
                return PLAIN if isinstance(node, ast.JoinedStr) else NEW
            case ast.BinOp() | ast.UnaryOp() | ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
                level = self.parts(node)
                is_plain = level is PLAIN and isinstance(node, ast.BinOp | ast.UnaryOp)
                return PLAIN if is_plain else NEW if level <= NEW else HOLDS
            case ast.BoolOp() | ast.IfExp() | ast.Starred() | ast.FormattedValue() | ast.Slice():
                return self.parts(node)
            case ast.NamedExpr(target, value):
                level = self.value(value)
                self.assign(target, level)
                return level
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self.comprehension(node)
            case ast.Lambda(arguments, body):
                for each in ast.walk(arguments):
                    if isinstance(each, ast.arg):
                        self.bound.add(each.arg)
                        self.raise_level(each.arg, SHARED)
                self.value(body)
                return PLAIN
            case ast.Yield(value) if not self.is_loop:
                self.returned = max(self.returned, HOLDS if value and self.value(value) > NEW else NEW)
                return NEW
            case _:
                raise self.fail(node, f"it has a {type(node).__name__.lower()} expression")

    def parts(self, node: ast.AST) -> Level:
        inner = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        return max((self.value(each) for each in inner), default=PLAIN)

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Level:
        for each in node.generators:
            for name in ast.walk(each.target):
                if isinstance(name, ast.Name):
                    self.bound.add(name.id)
            self.assign(each.target, self.element(self.items_of(each.iter)))
            for test in each.ifs:
                self.value(test)
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return HOLDS if max(self.value(each) for each in made) > NEW else NEW

    def name(self, node: ast.expr, name: str) -> Level:
        if self.is_target(node):
            raise self.fail(node, f"it looks at {name}, to which its turns add")
        if name in self.bound:
            return self.levels.get(name, PLAIN)
        if name in self.outer:
            return SHARED
        function = self.judge.code.function(self.module, name)
        if function is not None:
            self.judge.call(function, tuple(SHARED for _ in function.parameters), node, self.module.path)
            return SHARED
        self.judge.read.add((self.module.path, name))
        return PLAIN if name in self.module.constants or name in ("__name__", "__file__") else SHARED

    def attribute(self, node: ast.Attribute, base: ast.expr, attribute: str) -> Level:
        if self.is_target(node):
            raise self.fail(node, f"it looks at {ast.unparse(node)}, to which its turns add")
        if any(each.rpartition(".")[2] == attribute for each in self.judge_targets()):
            raise self.fail(node, f"it may look at .{attribute}, to which its turns add")
        level = self.value(base)
        code = self.judge.code
        if attribute in code.properties:
            for each in code.methods[attribute]:
                self.judge.call(each, tuple(SHARED for _ in each.parameters), node, self.module.path)
        known_to_all = attribute in code.class_attributes or attribute in code.properties
        return SHARED if known_to_all else self.element(level)

    def judge_targets(self) -> list[str]:
        """Targets that are attributes."""
        return [each for each in self.targets if "." in each]

    def item(self, node: ast.expr, base: ast.expr, index: ast.expr) -> Level:
        self.value(index)
        level = self.value(base)
        if level > NEW:
            for method in self.judge.code.methods.get("__getitem__", ()):
                self.judge.call(method, tuple(SHARED for _ in method.parameters), node, self.module.path)
        return self.element(level)

    @abstractmethod
    def call(self, node: ast.Call) -> Level:
        """The level of what a call gives."""

    # -- places ------------------------------------------------------------------------------

    def assign(self, target: ast.expr, level: Level) -> None:
        match target:
            case ast.Name(name):
                self.raise_level(name, level)
            case ast.Tuple(parts) | ast.List(parts):
                for part in parts:
                    self.assign(part, self.element(level))
            case ast.Starred(inner):
                self.assign(inner, level)
            case ast.Subscript(base, index) if self.is_target(base):
                self.value(index)
            case _:
                self.change(target, level)

    def change(self, place: ast.expr, level: Level = PLAIN) -> None:
        """An attribute or item is assigned or deleted: what it belongs to must be this turn's own."""
        assert isinstance(place, ast.Attribute | ast.Subscript)
        if self.value(place.value) is SHARED:
            raise self.fail(place, f"it changes {ast.unparse(place.value)}, which other turns may know")
        if isinstance(place, ast.Subscript):
            self.value(place.slice)
        self.put_into(place.value, level)

    def raise_level(self, name: str, level: Level) -> None:
        self.levels[name] = max(level, self.levels.get(name, PLAIN))

    def put_into(self, holder: ast.expr, level: Level) -> None:
        """Something of this level is put into what `holder` gives."""
        while isinstance(holder, ast.Attribute | ast.Subscript | ast.Starred):
            holder = holder.value
        if level > NEW and isinstance(holder, ast.Name) and holder.id in self.levels:
            self.raise_level(holder.id, HOLDS)
