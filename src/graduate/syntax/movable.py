"""Which definitions of a program's spine can move to a module, where they are made when the module is imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graduate.syntax.imports import qualify
from graduate.syntax.local_imports import LIBRARIES
from graduate.syntax.nodes import dotted
from graduate.syntax.scopes import Names, Scope, walk_same_scope
from graduate.syntax.spine import SpineStatement

DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
PLAIN_DECORATORS = frozenset(
    {"no_grad", "inference_mode", "enable_grad", "wraps", "dataclass", "total_ordering"}
)
_WRAPPERS = PLAIN_DECORATORS | {
    "abstractmethod", "asynccontextmanager", "autocast", "beartype", "cache", "cached", "checkpoint", "compile",
    "contextmanager", "custom_bwd", "custom_fwd", "custom_jvp", "custom_vjp", "define", "deprecated", "final", "frozen",
    "function", "guvectorize", "ignore", "jaxtyped", "jit", "lru_cache", "main", "njit", "overload", "override", "pmap",
    "profile", "property", "rank_zero_only", "remat", "retry", "runtime_checkable", "s", "script", "singledispatch",
    "stencil", "typechecked", "unique", "vectorize", "vmap",
}  # fmt: skip
"""Decorators, by the last part of their names, that give another function or class and keep neither."""
_ACTS = frozenset({"print", "input", "open", "next", "exec", "eval", "globals", "setattr"})
_DRAWS = (
    "random.",
    "numpy.random.",
    "torch.rand",
    "torch.normal",
    "torch.bernoulli",
    "torch.manual_seed",
    "time.",
)
_READS = ("read", "load", "download", "exists", "isfile", "isdir", "listdir", "glob", "getsize")
_STATES = frozenset({"stat", "lstat"})
_RUNS = frozenset({"interact", "interact_manual"})
"""Decorators that call what they decorate at once, and show it."""
_PLACE = "its place in the program"
_MAKES_GENERATOR = frozenset({"default_rng", "RandomState", "Generator", "Random", "SeedSequence", "PCG64"})


@dataclass(eq=False, slots=True)
class Definition:
    """A function or class of the spine that can move to a module of its own."""

    name: str
    node: DefinitionNode
    statement: SpineStatement

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)


def find_movable(
    names: Names,
    statements: list[SpineStatement],
    ids: set[int],
    stores: dict[str, int],
    known: set[str],
    imports: dict[str, str],
) -> dict[str, Definition]:
    """The definitions that need nothing but `known` names, builtins and each other when they are defined.

    `ids` are those of the spine's scopes, `stores` says how often each of its names is bound, `imports` what
    imported names stand for.
    """
    candidates: dict[str, Definition] = {}
    for statement in statements:
        node = statement.node
        if isinstance(node, DefinitionNode) and stores.get(node.name) == 1:
            candidates[node.name] = Definition(node.name, node, statement)
    for name, definition in list(candidates.items()):
        read = {
            o.name
            for o in names.within(definition.statement.start, definition.statement.end)
            if id(o.scope) in ids
        }
        if not _keeps_signature(definition.node) and any(
            n in stores for n in read - known - candidates.keys()
        ):
            del candidates[name]
    classes = {name: d.node for name, d in candidates.items() if isinstance(d.node, ast.ClassDef)}
    needs = {name: _needed_at_definition(names, d, ids, stores) for name, d in candidates.items()}
    used = {name: _names_used(names, d, ids, stores) for name, d in candidates.items()}
    acting = {name for name, d in candidates.items() if any(_acts(each, imports) for each in _calls(d.node))}
    for name, definition in candidates.items():
        called = _called_at_definition(definition.node) | class_hooks(definition.node, classes)
        factories = _factories(definition.node) & candidates.keys()
        inner = set().union(*(_names_used(names, candidates[f], ids, stores, inner=True) for f in factories))
        reached = inner | _reach((called | inner) & used.keys(), used)
        called |= set().union(*(_calls_within(candidates[f].node) for f in factories))
        if reached & acting or any(_acts(each, imports) for each in called):
            needs[name].add(_PLACE)
        before = [s.node for s in statements if s.end <= definition.statement.start]
        if any(_may_have_changed(n, imports, before) for n in needs[name] & imports.keys()):
            needs[name].add(_PLACE)
        needs[name] |= reached
    while True:
        stuck = [n for n in candidates if not needs[n] <= known | candidates.keys()]
        if not stuck:
            return candidates
        for name in stuck:
            del candidates[name]


def _needed_at_definition(
    names: Names, definition: Definition, ids: set[int], stores: dict[str, int]
) -> set[str]:
    statement = definition.statement
    inside = names.scopes[definition.node]
    needed = set()
    for o in names.within(statement.start, statement.end):
        if id(o.scope) not in ids or o.use != "load" or o.name == definition.name:
            continue
        if _is_deferred(o.at, inside):
            continue
        # A name that the spine never binds comes from a star import, or fails as it did before.
        if o.name in stores:
            needed.add(o.name)
    return needed


def _is_deferred(at: Scope, definition: Scope) -> bool:
    """Whether code in scope `at` runs only when something defined by `definition` is called."""
    scope: Scope | None = at
    while scope is not None and scope.is_within(definition):
        if scope.kind == "function":
            return True
        scope = scope.parent
    return False


def _keeps_signature(node: DefinitionNode) -> bool:
    """Whether no decorator minds a further parameter or a global that lives elsewhere (compilers do)."""
    for decorator in node.decorator_list:
        name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if name.rpartition(".")[2] not in PLAIN_DECORATORS:
            return False
    return True


def keepers(node: DefinitionNode) -> list[str]:
    """The decorators that may keep what they decorate, so that something finds it whose code does not name it."""
    names = (dotted(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list)
    return [name for name in names if name.rpartition(".")[2] not in _WRAPPERS]


def _called_at_definition(node: DefinitionNode) -> set[str]:
    """What is called when a definition is made: decorators, defaults, what stands in the body of a class."""
    found: set[str] = set()
    for part in _made_at_definition(node):
        found.update(dotted(child.func) for child in ast.walk(part) if isinstance(child, ast.Call))
    found.update(dotted(d) for each in _definitions(node) for d in each.decorator_list)
    return {each for each in found if each}


def class_hooks(node: ast.stmt, classes: Mapping[str, ast.ClassDef]) -> set[str]:
    """The classes whose code runs when a class is made: its metaclass, and those it is derived from that have an
    `__init_subclass__`. `classes` are those that it may be derived from."""
    found: set[str] = set()
    seen = [node]
    for each in seen:
        if not isinstance(each, ast.ClassDef):
            continue
        found.update(dotted(k.value) for k in each.keywords if k.arg == "metaclass")
        names = {child.name for child in each.body if isinstance(child, ast.FunctionDef)}
        if each is not node and "__init_subclass__" in names:
            found.add(each.name)
        bases = (classes.get(dotted(base)) for base in each.bases)
        seen += [base for base in bases if base is not None and base not in seen]
    return found


def _definitions(node: DefinitionNode) -> Iterator[DefinitionNode]:
    yield node
    for child in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(child, DefinitionNode):
            yield from _definitions(child)


def _made_at_definition(node: DefinitionNode) -> Iterator[ast.AST]:
    yield from node.decorator_list
    if not isinstance(node, ast.ClassDef):
        yield from node.args.defaults
        yield from (each for each in node.args.kw_defaults if each is not None)
        return
    yield from (each for each in node.bases if not isinstance(each, ast.Name | ast.Attribute))
    for child in node.body:
        if isinstance(child, DefinitionNode):
            yield from _made_at_definition(child)
        else:
            yield child


def _may_have_changed(name: str, imports: Mapping[str, str], before: Sequence[ast.stmt]) -> bool:
    """Whether statements may have changed what an imported name holds: `cfg`, after `cfg.update(…)`, `merge(cfg)`."""
    top = imports[name].partition(".")[0]
    if top in LIBRARIES or top in sys.stdlib_module_names:
        return False
    home = imports[name].rpartition(".")[0] or imports[name]
    beside = {each for each, origin in imports.items() if f"{origin}.".startswith(f"{home}.")}
    for node in (part for s in before if not isinstance(s, DefinitionNode) for part in walk_same_scope(s)):
        match node:
            case ast.Call():
                given = [node.func, *node.args, *(each.value for each in node.keywords)]
                if any(dotted(each).partition(".")[0] in beside for each in given):
                    return True
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                if dotted(node.value).partition(".")[0] in beside:
                    return True
    return False


def _factories(node: DefinitionNode) -> set[str]:
    """What is called to make a decorator: `register` in `@register("name")`. What it returns is called too."""
    calls = (
        each for part in _definitions(node) for each in part.decorator_list if isinstance(each, ast.Call)
    )
    return {dotted(each.func) for each in calls}


def _names_used(
    names: Names, definition: Definition, ids: set[int], stores: Mapping[str, int], *, inner: bool = False
) -> set[str]:
    """The names of the spine that a definition uses when it is called, but not what functions within it use; with
    `inner` what the functions directly within it use."""
    inside = names.within(definition.statement.start, definition.statement.end)
    own = names.scopes[definition.node]
    return {
        o.name
        for o in inside
        if id(o.scope) in ids
        and o.name in stores
        and o.name != definition.name
        and (definition.is_class or _called_by(o.at, own, inner))
    }


def _called_by(at: Scope, own: Scope, inner: bool) -> bool:
    """Whether code in scope `at` belongs to a function, or with `inner` to one directly within it."""
    function = at.function
    if inner:
        return function is not own and function.parent is not None and function.parent.function is own
    return function is own


def _calls(node: DefinitionNode) -> set[str]:
    """What is called when a definition is called, but not by functions within it."""
    inner = walk_same_scope if not isinstance(node, ast.ClassDef) else ast.walk
    return {dotted(n.func) for each in node.body for n in inner(each) if isinstance(n, ast.Call)}


def _calls_within(node: DefinitionNode) -> set[str]:
    """What is called by the functions directly within a function."""
    inner = (each for statement in node.body for each in walk_same_scope(statement))
    return {name for each in inner if isinstance(each, DefinitionNode) for name in _calls(each)}


def _reach(start: set[str], used: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    stack = list(start)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(used.get(name, ()))
    return found


def _acts(called: str, imports: dict[str, str]) -> bool:
    """Whether a call must happen where it stands: it prints, draws a random number, reads a file or a clock."""
    name = qualify(called, imports)
    last = name.rpartition(".")[2]
    draws = name.startswith(_DRAWS) and last not in _MAKES_GENERATOR
    return name in _ACTS or draws or last.startswith(_READS) or last in _STATES | _RUNS
