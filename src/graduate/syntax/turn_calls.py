"""What a call in a turn of a loop gives, and whether it may change something that other turns know."""

from __future__ import annotations

import ast
import builtins

from graduate.syntax import known_calls
from graduate.syntax.code import Function
from graduate.syntax.nodes import dotted
from graduate.syntax.turn_values import HOLDS, NEW, PLAIN, SHARED, Level, Values

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


class Calls(Values):
    """The names of a body with their levels, and what expressions and calls give."""

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
