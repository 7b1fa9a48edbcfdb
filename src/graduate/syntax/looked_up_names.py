"""Names that a program looks up by text only when it runs: `eval(args.model)`, `globals()[f"df_{i}"]`.

Which they are is spelt out, as a dictionary of the names that the text can mean, so that the program can be taken apart
like any other. What writes names (`exec`, `globals()[name] = …`) stays as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graduate.model.source import SourceModule, Sources
from graduate.syntax.assignment import Forwards, State, Uses
from graduate.syntax.file_uses import evaluate_path
from graduate.syntax.flow import Flow
from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.program import ProgramSyntax, take_apart
from graduate.syntax.scopes import Scope
from graduate.syntax.text import Edit

LOOK_UP = "names_with_values"
_CALLS = re.compile(r"\b(eval|globals|locals|vars)\s*\(")
_TABLES = frozenset({"globals", "locals", "vars"})


def spell_out_lookups(sources: Sources) -> Sources:
    """The sources with such names spelt out in the programs that only look names up."""
    entries = {program.path for program in sources.programs}
    return replace(sources, modules=tuple(_spell_out(m) if m.path in entries else m for m in sources.modules))


def _spell_out(module: SourceModule) -> SourceModule:
    if not _CALLS.search(module.text):
        return module
    syntax = take_apart(module.path, module.text)
    if syntax.dynamic_names() is None or LOOK_UP in {o.name for o in syntax.names.occurrences}:
        return module
    edits = [edit for lookup in _find(syntax) for edit in _edits(syntax, lookup)]
    try:
        text = syntax.source.edited(0, len(syntax.source.data), edits)
    except ValueError:  # one inside of another
        return module
    if text == module.text or take_apart(module.path, text).dynamic_names() is not None:
        return module
    return replace(module, text=text)


@dataclass(frozen=True)
class _Lookup:
    """A call that gives names by their text: the table itself, or (`is_eval`) a text that is evaluated. `pattern` says
    what the text looks like, as far as it is known."""

    call: ast.Call
    scope: Scope
    is_eval: bool = False
    pattern: str = "*"


def _find(syntax: ProgramSyntax) -> Iterator[_Lookup]:
    """The lookups whose result is only read."""
    stack: list[tuple[ast.AST, Scope]] = [(syntax.source.tree, syntax.names.module)]
    while stack:
        node, scope = stack.pop()
        match node:
            case ast.Call(func=ast.Name(id="eval"), args=[text], keywords=[]) if not isinstance(
                text, ast.Starred
            ):
                yield _Lookup(node, scope, is_eval=True)
            case ast.Subscript(value=ast.Call() as table, slice=key, ctx=ast.Load()) if _is_table(
                table, syntax, scope
            ):
                yield _Lookup(table, scope, pattern=evaluate_path(key, {}) or "*")
            case ast.Compare(ops=[ast.In() | ast.NotIn()], left=key, comparators=[ast.Call() as table]) if (
                _is_table(table, syntax, scope)
            ):
                yield _Lookup(table, scope, pattern=evaluate_path(key, {}) or "*")
            case ast.Call(func=ast.Attribute(attr="get", value=ast.Call() as table), args=[key, *_]) if (
                _is_table(table, syntax, scope)
            ):
                yield _Lookup(table, scope, pattern=evaluate_path(key, {}) or "*")
            case ast.keyword(arg="globals", value=ast.Call() as table) if _is_table(table, syntax, scope):
                yield _Lookup(table, scope)
        inner = syntax.names.scopes.get(node, scope)
        stack += [(child, inner) for child in ast.iter_child_nodes(node)]


def _is_table(call: ast.Call, syntax: ProgramSyntax, scope: Scope) -> bool:
    """Whether a call gives the names of the program: `globals()`, and outside of functions `locals()` and `vars()`."""
    match call:
        case ast.Call(func=ast.Name(id=name), args=[], keywords=[]) if (
            name in _TABLES and call not in syntax.names.items
        ):
            return name == "globals" or syntax.is_spine_scope(scope.function)
    return False


def _edits(syntax: ProgramSyntax, lookup: _Lookup) -> Iterator[Edit]:
    source = syntax.source
    table = _table(syntax, lookup)
    if not lookup.is_eval:
        yield Edit(source.start(lookup.call), source.end(lookup.call), table)
        return
    text = lookup.call.args[0]
    yield Edit(source.end(text), source.end(lookup.call), f", {table})")


def _table(syntax: ProgramSyntax, lookup: _Lookup) -> str:
    """A dictionary of the names that the text can mean, as far as its beginning and end are known."""
    certain, possible = _known_at(syntax, lookup)
    hidden = _own(syntax)
    pattern = re.compile("\\w*".join(map(re.escape, lookup.pattern.split("*"))))
    chosen = sorted(
        n for n in certain | possible if pattern.fullmatch(n) and n[:2] != "__" and n not in hidden
    )
    sure = [f'"{name}": {name}' for name in chosen if name in certain]
    perhaps = [f'"{name}": lambda: {name}' for name in chosen if name not in certain]
    if not perhaps:
        return f"{{{', '.join(sure)}}}"
    values = f"{LOOK_UP}({{{', '.join(perhaps)}}})"
    return f"{{{', '.join([*sure, f'**{values}'])}}}" if sure else values


def _own(syntax: ProgramSyntax) -> set[str]:
    """What no text means: the opened main function, and the parser of the command line."""
    found = {syntax.spine.main.name} if syntax.spine.main is not None else set()
    for node in list_nodes(syntax.source.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function)):
                if dotted(function).rpartition(".")[2] == "ArgumentParser":
                    found.add(name)
    return found


class _Recorder(Forwards):
    """Notes what is certainly assigned where each statement begins."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow, Uses())
        self.at: dict[ast.stmt, State] = {}

    def step(self, node: ast.stmt, state: State) -> State:
        self.at[node] = state
        return super().step(node, state)


def _known_at(syntax: ProgramSyntax, lookup: _Lookup) -> tuple[set[str], set[str]]:
    """The names that certainly have a value where the lookup stands, and those that may have one."""
    outer = syntax.names.module.bound
    certain = set(syntax.definitions) | set(syntax.import_names)
    if syntax.is_spine_scope(lookup.scope.function):
        nodes = [statement.node for statement in syntax.spine.statements]
        found, possible = _assigned_at(syntax, lookup, syntax.flow(), nodes, frozenset())
        if _is_globals(lookup):
            found, possible = found & outer, possible & outer
        certain |= found
    else:
        possible = {o.name for o in syntax.spine_occurrences if o.use == "store"} & outer
    if lookup.is_eval and not syntax.is_spine_scope(lookup.scope):
        own, perhaps = _own_names(syntax, lookup)
        certain, possible = (certain - own - perhaps) | own, possible | own | perhaps
    return certain, possible


def _own_names(syntax: ProgramSyntax, lookup: _Lookup) -> tuple[set[str], set[str]]:
    """The same of the function or comprehension that the lookup stands in: its names, and those of others around it
    that it uses."""
    scope = lookup.scope
    first, last = syntax.source.start(scope.node), syntax.source.end(scope.node)
    used = (o for o in syntax.names.within(first, last) if o.use == "load" and scope.is_within(o.scope))
    captured = {o.name for o in used if not syntax.is_spine_scope(o.scope) and o.scope is not scope}
    if not isinstance(scope.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return set(scope.bound), captured
    arguments = (each for each in ast.walk(scope.node.args) if isinstance(each, ast.arg))
    given = frozenset(each.arg for each in arguments)
    flow = Flow(syntax.source, syntax.names, [scope])
    certain, possible = _assigned_at(syntax, lookup, flow, scope.node.body, given)
    return certain, captured | possible


def _is_globals(lookup: _Lookup) -> bool:
    return isinstance(lookup.call.func, ast.Name) and lookup.call.func.id == "globals"


def _assigned_at(
    syntax: ProgramSyntax, lookup: _Lookup, flow: Flow, nodes: Sequence[ast.stmt], given: frozenset[str]
) -> tuple[set[str], set[str]]:
    """The names of a scope that are certainly, and those that are perhaps, assigned where the lookup stands."""
    start, end, at = syntax.source.start, syntax.source.end, syntax.source.start(lookup.call)
    recorder = _Recorder(flow)
    recorder.run(nodes, given)
    around = sorted((n for n in recorder.at if start(n) <= at < end(n)), key=start)
    certain = recorder.at[around[-1]] if around else None
    loops = [end(n) for n in around if isinstance(n, ast.For | ast.While | ast.AsyncFor)]
    reach = max([start(around[-1]) if around else at, *loops])
    stored = {
        o.name
        for o in syntax.names.occurrences
        if id(o.scope) in flow.scopes and o.use == "store" and o.start < reach
    }
    return set(certain or ()), stored | set(certain or ())
