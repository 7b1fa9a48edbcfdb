"""State that decorators keep beside the functions that they wrap: closed-over names, attributes of wrappers."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from graduate.syntax.nodes import dotted, list_nodes
from graduate.syntax.scopes import bound_names, walk_same_scope
from graduate.transform.local_modules import dotted_home
from graduate.transform.package_names import PackageNames

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def decorator_places(package: PackageNames, mutators: frozenset[str]) -> Iterator[str]:
    """`module:function[name]` for what a wrapper closes over and changes, `module:function.name` for its attributes.

    `mutators` are the methods that change what they belong to.
    """
    for module in package.modules.values():
        for name, node in module.definitions.items():
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                found = package.resolve(module, dotted(called))
                maker = found and found[0].definitions.get(found[1])
                if isinstance(maker, _Function):
                    held = _closed_over(maker, set(), set(), mutators)
                elif isinstance(maker, ast.ClassDef):
                    held = _kept_by_instance(maker, mutators)
                else:
                    continue
                yield from (f"{dotted_home(module.home)}:{name}{place}" for place in held)


def _closed_over(
    function: _Function, outer: set[str], wrappers: set[str], mutators: frozenset[str]
) -> Iterator[str]:
    """What a function changes of the names around it; of `wrappers`, the functions among these, their attributes."""
    nodes = [
        node
        for statement in function.body
        for node in ([statement] if isinstance(statement, _Function) else walk_same_scope(statement))
    ]
    inner = [node for node in nodes if isinstance(node, _Function)]
    rebound = {name for node in nodes if isinstance(node, ast.Nonlocal) for name in node.names}
    given = {argument.arg for argument in list_nodes(function.args) if isinstance(argument, ast.arg)}
    own = (given | bound_names(function.body)) - rebound
    yield from (f"[{name}]" for name in rebound & outer)
    for node in nodes:
        is_set = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        changed, _, attributes = (dotted(node) if is_set else _changed(node, mutators)).partition(".")
        if changed in wrappers - own and attributes:
            yield f".{attributes.partition('.')[0]}"
        elif changed in outer - own:
            yield f"[{changed}]"
    for each in inner:
        yield from _closed_over(each, outer | own, (wrappers - own) | {one.name for one in inner}, mutators)


def _kept_by_instance(made: ast.ClassDef, mutators: frozenset[str]) -> Iterator[str]:
    """The attributes that an instance changes in itself after it was made."""
    for method in made.body:
        if not isinstance(method, ast.FunctionDef) or method.name == "__init__" or not method.args.args:
            continue
        head = f"{method.args.args[0].arg}."
        for node in list_nodes(method):
            is_set = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            changed = dotted(node) if is_set else _changed(node, mutators)
            if changed.startswith(head) and changed.count(".") == 1:
                yield f".{changed.removeprefix(head)}"


def _changed(node: ast.AST, mutators: frozenset[str]) -> str:
    """The dotted name whose value a node changes in place: `x[i] = 1`, `x.append(1)`, `next(x)`."""
    target: ast.expr
    match node:
        case ast.Subscript(value=target, ctx=ast.Store() | ast.Del()):
            pass
        case ast.Call(func=ast.Attribute(value=target, attr=method)) if method in mutators:
            pass
        case ast.Call(func=ast.Name(id="next"), args=[target, *_]):
            pass
        case _:
            return ""
    while isinstance(target, ast.Subscript):
        target = target.value
    return dotted(target)
