"""Values that can be known without running anything: literals, and simple arithmetic of them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Scalar = int | float | str | bool | None

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_MAX_EXPONENT = 512
_NO_NAMES: Mapping[str, Folded] = {}


@dataclass(frozen=True, slots=True)
class Folded:
    """The value of an expression: a scalar, or a tuple or list of scalars."""

    value: Scalar | tuple[Scalar, ...] | list[Scalar]


def fold_constant(node: ast.expr, names: Mapping[str, Folded] = _NO_NAMES) -> Folded | None:
    """The value of a literal or of arithmetic on numbers; None when it is not known.

    `names` gives the values of names that may stand in it. Adding strings is folded too.
    """
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Constant):
        value = node.value
        return Folded(value) if value is None or isinstance(value, (int, float, str)) else None
    if isinstance(node, (ast.Tuple, ast.List)):
        scalars: list[Scalar] = []
        for element in node.elts:
            folded = fold_constant(element, names)
            if folded is None or isinstance(folded.value, (tuple, list)):
                return None
            scalars.append(folded.value)
        return Folded(tuple(scalars) if isinstance(node, ast.Tuple) else scalars)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        number = _number(fold_constant(node.operand, names))
        if number is None:
            return None
        return Folded(-number if isinstance(node.op, ast.USub) else number)
    if isinstance(node, ast.BinOp):
        return _fold_binary(node, names)
    match node:
        case ast.Call(func=ast.Name(id="int" | "float" as kind), args=[argument], keywords=[]):
            number = _number(fold_constant(argument, names))
            try:
                return None if number is None else Folded(int(number) if kind == "int" else float(number))
            except (ArithmeticError, ValueError):
                return None
    return None


def _fold_binary(node: ast.BinOp, names: Mapping[str, Folded]) -> Folded | None:
    left, right = fold_constant(node.left, names), fold_constant(node.right, names)
    if left is None or right is None or type(node.op) not in _BINARY:
        return None
    if isinstance(left.value, str) and isinstance(right.value, str) and isinstance(node.op, ast.Add):
        return Folded(left.value + right.value)
    base, exponent = _number(left), _number(right)
    if base is None or exponent is None:
        return None
    if isinstance(node.op, ast.Pow) and abs(exponent) > _MAX_EXPONENT:
        return None
    try:
        value = _BINARY[type(node.op)](base, exponent)
    except (ArithmeticError, ValueError):
        return None
    return Folded(value) if isinstance(value, (int, float)) else None


def _number(folded: Folded | None) -> int | float | None:
    if folded is None or isinstance(folded.value, bool) or not isinstance(folded.value, (int, float)):
        return None
    return folded.value


def infer_annotation(value: object) -> str | None:
    """The type of a folded value as Python source; None for an empty tuple or list."""
    if value is None:
        return "None"
    if isinstance(value, (bool, int, float, str)):
        return type(value).__name__
    if isinstance(value, (list, tuple)) and value:
        inner = _union(value)
        return f"list[{inner}]" if isinstance(value, list) else f"tuple[{inner}, ...]"
    return None


def _union(values: Iterable[object]) -> str:
    return " | ".join(dict.fromkeys(str(infer_annotation(value)) for value in values))
