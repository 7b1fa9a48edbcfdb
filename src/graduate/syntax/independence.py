"""Whether the turns of a loop need nothing of each other: what a turn reads, changes and calls, callees included.

Each value has a level: how much of it other turns may know. What cannot be told counts as shared, and what may change
something shared ends the search with its place and reason.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from graduate.syntax import known_calls
from graduate.syntax.code import Code, Function, ModuleCode
from graduate.syntax.nodes import dotted
from graduate.syntax.scopes import bound_names


class Level(IntEnum):
    """PLAIN cannot change; NEW was made in this turn with all that it holds; HOLDS was made in it, but may hold what
    others know; SHARED may be known to others."""

    PLAIN = 0
    NEW = 1
    HOLDS = 2
    SHARED = 3


PLAIN, NEW, HOLDS, SHARED = Level
ADDING = frozenset({"append", "extend", "add"})
"""Methods by which turns may add to what the loop fills; beside them, `x[key] = value`."""
_TEXTS = frozenset(
    {
        *(
            "lower",
            "upper",
            "strip",
            "lstrip",
            "rstrip",
            "split",
            "rsplit",
            "join",
            "format",
            "encode",
            "decode",
        ),
        *(
            "zfill",
            "startswith",
            "endswith",
            "title",
            "splitlines",
            "partition",
            "rpartition",
            "as_posix",
            "exists",
        ),
        *("is_file", "is_dir", "read_text", "read_bytes", "isoformat", "strftime", "with_suffix", "joinpath"),
    }
)
"""Methods of texts and paths, whose results are new."""


class Carries(Exception):
    """Why the turns of a loop may need something of each other, and where."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.line = line
        self.why = why


@dataclass(eq=False)
class Judge:
    """Looks at loops of one program. What it found out about functions is kept."""

    code: Code
    results: dict[tuple[int, tuple[Level, ...]], Level | None] = field(default_factory=dict)
    read: set[tuple[str, str]] = field(default_factory=set)
    """(Module, name) of the global variables that functions read."""

    def check_loop(
        self, module: ModuleCode, loop: ast.For, outer: Iterable[str], targets: Iterable[str]
    ) -> None:
        """Raise `Carries` when a turn may need something of another one. `outer` are the names of the function around
        the loop, `targets` the expressions that the turns may add to."""
        self.read = set()
        self.results = {}
        stored = bound_names([ast.For(loop.target, ast.Constant(None), loop.body, [])])
        turn = Turn(self, module, stored, frozenset(outer) - stored, frozenset(targets), is_loop=True)
        turn.assign(loop.target, turn.element(turn.items_of(loop.iter)))
        turn.run(loop.body)
        for method in self.code.operators:
            self.call(method, tuple(SHARED for _ in method.parameters), loop, module.path)
        clash = sorted(name for path, name in self.read if path == module.path and name in stored)
        roots = {each.partition(".")[0] for each in targets}
        clash += sorted(name for path, name in self.read if path == module.path and name in roots)
        if clash:
            raise Carries(module.path, loop.lineno, f"a function that it calls reads {clash[0]}")

    def call(self, function: Function, levels: tuple[Level, ...], node: ast.AST, path: str) -> Level:
        """The level of what a function gives for arguments of these levels, one for each parameter."""
        key = id(function.node), levels
        if key in self.results:
            found = self.results[key]
            if found is None:
                raise Carries(path, getattr(node, "lineno", 1), f"{function.name} calls itself")
            return found
        if why := function.why_not:
            raise Carries(function.module.path, function.node.lineno, f"{function.name} {why}")
        self.results[key] = None
        arguments = function.node.args
        names = {*function.parameters, *(a.arg for a in (arguments.vararg, arguments.kwarg) if a)}
        turn = Turn(self, function.module, bound_names(function.node.body) | names, frozenset(), frozenset())
        turn.levels = dict.fromkeys(names, SHARED) | dict(zip(function.parameters, levels, strict=True))
        turn.run(function.node.body)
        is_made = function.name.endswith("__init__") and bool(function.parameters)
        given = turn.levels[function.parameters[0]] if is_made else turn.returned
        self.results[key] = given
        return given


class Turn:
    """The body of a loop or a function, with the levels of its own names."""

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

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Levels only rise, so this ends."""
        while True:
            before = dict(self.levels), self.returned
            self.block(body)
            if before == (self.levels, self.returned):
                return

    # -- statements --------------------------------------------------------------------------

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(ast.Call(ast.Attribute(target, method)) as call) if self.is_target(target):
                if method not in ADDING or call.keywords or len(call.args) != 1:
                    raise self.fail(node, f"{ast.unparse(target)}.{method}() is more than adding to it")
                self.value(call.args[0])
            case ast.Expr(value):
                self.value(value)
            case ast.Assign(targets, value):
                level = self.value(value)
                for target in targets:
                    self.assign(target, level)
            case ast.AnnAssign(target, _, value):
                if value is not None:
                    self.assign(target, self.value(value))
            case ast.AugAssign(target, _, value):
                self.augment(node, target, self.value(value))
            case ast.For(target, iterable, body, orelse):
                self.assign(target, self.element(self.items_of(iterable)))
                self.block([*body, *orelse])
            case ast.While(test, body, orelse) | ast.If(test, body, orelse):
                self.value(test)
                self.block([*body, *orelse])
            case ast.With(items, body):
                for item in items:
                    self.enter(item)
                self.block(body)
            case ast.Try(body, handlers, orelse, finalbody):
                self.block(body)
                for handler in handlers:
                    if handler.name:
                        self.raise_level(handler.name, NEW)
                    self.block(handler.body)
                self.block([*orelse, *finalbody])
            case ast.Return(value) if not self.is_loop:
                if value is not None:
                    self.returned = max(self.returned, self.value(value))
            case ast.Delete(targets):
                for each in targets:
                    if not isinstance(each, ast.Name):
                        self.change(each)
            case ast.Import() | ast.ImportFrom():
                self.bound -= {(a.asname or a.name).partition(".")[0] for a in node.names}
            case ast.Assert() | ast.Raise():
                self.parts(node)
            case ast.Pass() | ast.Continue() | ast.Break():
                pass
            case _:
                raise self.fail(node, f"it has a {type(node).__name__.lower()} statement")

    def enter(self, item: ast.withitem) -> None:
        level = self.value(item.context_expr)
        if level is SHARED:
            raise self.fail(
                item.context_expr, f"it enters {ast.unparse(item.context_expr)}, which all turns share"
            )
        if item.optional_vars is not None:
            self.assign(item.optional_vars, level)

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

    def augment(self, node: ast.AugAssign, target: ast.expr, level: Level) -> None:
        if not isinstance(target, ast.Name):
            self.change(target, level)
            return
        if self.levels.get(target.id, PLAIN) is SHARED:
            raise self.fail(node, f"{target.id} may be changed in place, and other turns may know it")
        self.raise_level(target.id, max(level, NEW) if level is not PLAIN else PLAIN)

    def raise_level(self, name: str, level: Level) -> None:
        self.levels[name] = max(level, self.levels.get(name, PLAIN))

    def put_into(self, holder: ast.expr, level: Level) -> None:
        """Something of this level is put into what `holder` gives."""
        while isinstance(holder, ast.Attribute | ast.Subscript | ast.Starred):
            holder = holder.value
        if level > NEW and isinstance(holder, ast.Name) and holder.id in self.levels:
            self.raise_level(holder.id, HOLDS)

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
        if attribute in self.judge.code.properties:
            raise self.fail(node, f".{attribute} is a property, which runs code")
        level = self.value(base)
        return SHARED if attribute in self.judge.code.class_attributes else self.element(level)

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

    # -- calls -------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Level:
        levels = [self.value(each) for each in node.args]
        named = {each.arg or "": self.value(each.value) for each in node.keywords}
        for name in ("out", "dst"):
            if named.get(name, PLAIN) is SHARED:
                raise self.fail(node, f"it writes into what {name}= gives, which other turns may know")
        name = dotted(node.func)
        root = name.partition(".")[0]
        most = max([*levels, *named.values()], default=PLAIN)
        if name and root not in self.bound and root not in self.outer:
            known = self.judge.code.resolve(self.module, name)
            if isinstance(known, Function):
                return self.call_function(known, node, levels, named)
            if isinstance(known, ast.ClassDef):
                return self.make(known, node, levels, named)
            if known:
                return self.call_library(known, node, levels, most)
            if name == root and hasattr(builtins, name):
                return self.call_builtin(name, node, levels, most)
        if isinstance(node.func, ast.Attribute):
            return self.call_method(node, node.func, levels, named, most)
        raise self.fail(node, f"what {ast.unparse(node.func)}() does cannot be told")

    def call_builtin(self, name: str, node: ast.Call, levels: list[Level], most: Level) -> Level:
        made = getattr(builtins, name)
        if known_calls.PLAIN_CALLS.match(name):
            return PLAIN
        if name in known_calls.NEW_HOLDERS or (isinstance(made, type) and issubclass(made, BaseException)):
            return NEW if most <= NEW else HOLDS
        if name not in known_calls.BUILTINS or name == "super":
            raise self.fail(node, f"what {name}() does cannot be told")
        if name == "next" and levels[:1] == [SHARED]:
            raise self.fail(node, f"it takes items from {ast.unparse(node.args[0])}, which all turns share")
        if name == "open":
            self.check_mode(node)
            return NEW
        return self.element(most)

    def check_mode(self, node: ast.Call) -> None:
        modes = [*node.args[1:2], *(each.value for each in node.keywords if each.arg == "mode")]
        for each in modes:
            if not isinstance(each, ast.Constant) or "a" in str(each.value):
                raise self.fail(node, "it adds to a file, to which other turns may add too")

    def call_library(self, name: str, node: ast.Call, levels: list[Level], most: Level) -> Level:
        if not known_calls.is_known(name):
            raise self.fail(node, f"what {name}() does from one turn to the next is not known")
        if known_calls.CHANGES.match(name):
            number = 1 if name.endswith((".dump", "copyfileobj")) else 0
            if levels[number : number + 1] != [] and levels[number] is SHARED:
                raise self.fail(
                    node, f"{name}() changes {ast.unparse(node.args[number])}, which all turns share"
                )
        if name.endswith(".open"):
            self.check_mode(node)
        if known_calls.PLAIN_CALLS.match(name):
            return PLAIN
        if not known_calls.ALIASES.match(name) or most <= NEW:
            return NEW
        return HOLDS if name == "numpy.array" else SHARED

    def call_method(
        self, node: ast.Call, called: ast.Attribute, levels: list[Level], named: dict[str, Level], most: Level
    ) -> Level:
        receiver, method = called.value, called.attr
        if any(each == dotted(receiver) for each in self.targets) and self.is_loop:
            raise self.fail(node, f"it looks at {ast.unparse(receiver)}, to which its turns add")
        level = self.value(receiver)
        text = f"{ast.unparse(receiver)}.{method}()"
        if known_calls.DRAWS.match(method):
            raise self.fail(node, f"{text} may draw random numbers")
        if known_calls.UNSEEN_WRITES.match(method):
            raise self.fail(node, f"{text} writes a file in a way that nobody sees")
        own = self.judge.code.methods.get(method, ())
        found = [self.call_function(each, node, [level, *levels], named) for each in own]
        if level is SHARED or "inplace" in named:
            is_own = bool(own) and self.judge.code.is_instance(self.module, receiver)
            if level is SHARED and ("inplace" in named or not (method in known_calls.READ_ONLY or is_own)):
                raise self.fail(
                    node, f"{text} may change {ast.unparse(receiver)}, which other turns may know"
                )
        self.put_into(receiver, most)
        if method in _TEXTS:
            return NEW
        if method == "copy" and level > NEW:
            return HOLDS
        return max([self.element(level), self.element(most), *found])

    def call_function(
        self, function: Function, node: ast.Call, levels: list[Level], named: dict[str, Level]
    ) -> Level:
        most = max([*levels, *named.values()], default=PLAIN)
        is_spread = "" in named or any(isinstance(each, ast.Starred) for each in node.args)
        given = {**dict(zip(function.parameters, levels, strict=False)), **named}
        rest = dict.fromkeys(function.parameters, SHARED) | dict.fromkeys(function.plain_defaults, PLAIN)
        found = tuple(SHARED if is_spread else given.get(each, rest[each]) for each in function.parameters)
        result = self.judge.call(function, found, node, self.module.path)
        for each in node.args:
            self.put_into(each, most)
        return result

    def make(self, made: ast.ClassDef, node: ast.Call, levels: list[Level], named: dict[str, Level]) -> Level:
        init = self.judge.code.initialiser(made)
        if isinstance(init, str):
            raise self.fail(node, f"what {made.name}() does cannot be told: {init}")
        most = max([*levels, *named.values()], default=PLAIN)
        level = NEW if most <= NEW else HOLDS
        return max(level, self.call_function(init, node, [NEW, *levels], named)) if init else level
