"""The body of a loop as a function of its item, compiled from the text of its module."""

from __future__ import annotations

import ast
import copy
import dis
import importlib
import types
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from .parallel_wire import Unusable
from .paths import PACKAGE_FOLDER


@cache
def _find_loop(module: str, place: tuple[int, int]) -> tuple[str, ast.For]:
    """The file of a module, and the loop in it whose iterable stands at (line, column)."""
    path = PACKAGE_FOLDER.joinpath(*module.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.For) and (node.iter.lineno, node.iter.col_offset) == place:
            return str(path), node
    raise Unusable("its text has changed")


class _WithReturns(ast.NodeTransformer):
    """`continue` ends a turn that is a function."""

    def visit_Continue(self, node: ast.Continue) -> ast.stmt:
        return ast.copy_location(ast.Return(), node)

    def visit_For(self, node: ast.For) -> ast.stmt:
        node.orelse = [self.visit(each) for each in node.orelse]
        return node

    def visit_While(self, node: ast.While) -> ast.stmt:
        node.orelse = [self.visit(each) for each in node.orelse]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        return node


def compile_turn(module: str, place: tuple[int, int], names: tuple[str, ...]) -> Callable[..., Any]:
    """One turn of a loop, as a function of the item and, by keyword, of names around the loop."""
    path, found = _find_loop(module, place)
    loop = copy.deepcopy(found)
    tree = ast.parse(f"def _turn(_item, *, {', '.join(names)}): pass" if names else "def _turn(_item): pass")
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    first = ast.copy_location(ast.Assign([loop.target], ast.Name("_item", ast.Load())), loop)
    function.body = [first, *(_WithReturns().visit(each) for each in loop.body)]
    code = compile(ast.fix_missing_locations(tree), path, "exec").co_consts[0]
    return types.FunctionType(code, vars(importlib.import_module(module)), "_turn")


def names_needed(module: str, place: tuple[int, int]) -> set[str]:
    """The names that a turn reads and does not assign."""
    return set(_global_names(compile_turn(module, place, ()).__code__))


def _global_names(code: types.CodeType) -> Iterator[str]:
    for each in dis.get_instructions(code):
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(each.argval)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _global_names(inner)
