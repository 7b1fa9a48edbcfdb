"""The spine of a program: the statements that drive it, in the order in which they run.

It is the top level of the entry module, with the body of `if __name__ == "__main__":` in its place
and the body of `main()` in the place of the one call of it, when that is safe.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from graduate.syntax.nodes import dotted
from graduate.syntax.scopes import Names, Scope, walk_same_scope
from graduate.syntax.text import SourceText, statement_span


@dataclass(eq=False, slots=True)
class SpineStatement:
    """One statement of the spine; `start`..`end` are the bytes that move, comments included.

    A `synthetic` one stands for a parameter of `main` that gets its argument or for the value that `main`
    returns: its node is an assignment or expression made of parts of the source.
    """

    node: ast.stmt
    start: int
    end: int
    in_main: bool = False
    synthetic: bool = False


@dataclass(eq=False, slots=True)
class Spine:
    """The spine, and the `main` function that was opened up (None: there is none, or `why_closed`)."""

    statements: list[SpineStatement]
    main: ast.FunctionDef | None = None
    why_closed: str = ""
    guard: ast.If | None = None
    scopes: list[Scope] = field(default_factory=list)


def is_main_guard(node: ast.AST) -> bool:
    """Whether a statement is `if __name__ == "__main__":` (either way round, no else)."""
    if not isinstance(node, ast.If) or node.orelse or not isinstance(node.test, ast.Compare):
        return False
    test = node.test
    if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = [test.left, test.comparators[0]]
    name = any(isinstance(s, ast.Name) and s.id == "__name__" for s in sides)
    return name and any(isinstance(s, ast.Constant) and s.value == "__main__" for s in sides)


def find_spine(source: SourceText, names: Names) -> Spine:
    """The spine of an entry module."""
    spine = Spine([], scopes=[names.module])
    flat: list[tuple[ast.stmt, int]] = []
    floor = 0
    for node in source.tree.body:
        if is_main_guard(node):
            assert isinstance(node, ast.If)
            spine.guard = node
            inner = source.line_start(source.line(source.end(node.test)) + 1)
            for child in node.body:
                flat.append((child, inner))
                inner = source.end(child)
        else:
            flat.append((node, floor))
        floor = source.end(node)
    functions = {n.name: n for n in source.tree.body if isinstance(n, ast.FunctionDef)}
    calls = [(node, _called_main(node, functions)) for node, _ in flat]
    opened = [(node, name) for node, name in calls if name]
    main = functions[opened[0][1]] if len(opened) == 1 else None
    if main is not None:
        is_last = flat[-1][0] is opened[0][0]
        spine.why_closed = _why_closed(source, names, main, opened[0][0], is_last)
        if spine.why_closed:
            main = None
    for node, start in flat:
        if main is not None and node is opened[0][0]:
            spine.statements.extend(_open_main(source, main, node))
            spine.scopes.append(names.scopes[main])
        elif node is not main:
            begin, end = statement_span(source, node, start)
            spine.statements.append(SpineStatement(node, begin, end))
    spine.main = main
    return spine


def _main_call(node: ast.stmt) -> ast.Call | None:
    """The call in `main()`, `x = main()`, `sys.exit(main())`, `raise SystemExit(main())`."""
    value: ast.expr | None = None
    if isinstance(node, ast.Expr | ast.Assign):
        value = node.value
    elif isinstance(node, ast.Raise):
        value = node.exc
    if isinstance(value, ast.Call) and dotted(value.func) in {"sys.exit", "exit", "SystemExit"}:
        value = value.args[0] if len(value.args) == 1 else None
    return value if isinstance(value, ast.Call) else None


def _called_main(node: ast.stmt, functions: dict[str, ast.FunctionDef]) -> str:
    call = _main_call(node)
    if call is None or not isinstance(call.func, ast.Name):
        return ""
    name = call.func.id
    if name not in functions:
        return ""
    return name if name.lower() in {"main", "_main", "run", "run_main", "main_function"} else ""


def _returns(main: ast.FunctionDef) -> list[ast.Return]:
    return [n for statement in main.body for n in walk_same_scope(statement) if isinstance(n, ast.Return)]


def find_early_returns(main: ast.FunctionDef) -> list[ast.Return]:
    """The returns of `main` before its last statement that stand in nothing but conditions, and return nothing."""
    found: list[ast.Return] = []
    bodies: list[list[ast.stmt]] = [main.body]
    while bodies:
        for statement in bodies.pop():
            if isinstance(statement, ast.If):
                bodies += [statement.body, statement.orelse]
            elif isinstance(statement, ast.Return) and _is_success(statement.value):
                found.append(statement)
    return [each for each in found if each is not main.body[-1]]


def _why_closed(
    source: SourceText, names: Names, main: ast.FunctionDef, call_statement: ast.stmt, is_last: bool
) -> str:
    """Why the body of `main` cannot take the place of its call; "" when it can.

    Where the call is the last statement (`is_last`), to return early from `main` is to end the program.
    """
    arguments = main.args
    uses = [o for o in names.occurrences if o.scope is names.module and o.name == main.name]
    if len(uses) > 2:
        return f"{main.name}() is used in more than one place"
    if main.decorator_list:
        return f"{main.name}() has a decorator"
    if arguments.vararg or arguments.kwarg:
        return f"{main.name}() takes *args or **kwargs"
    for node in walk_same_scope(ast.Module(main.body, [])):
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await):
            return f"{main.name}() is a generator or coroutine"
    returns = _returns(main)
    early = find_early_returns(main) if is_last and not isinstance(call_statement, ast.Assign) else []
    if any(r is not main.body[-1] and r not in early for r in returns):
        return f"{main.name}() returns in its middle"
    call = _main_call(call_statement)
    assert call is not None
    if isinstance(call_statement, ast.Assign) and not returns:
        return f"the value of {main.name}() is used, and it returns none"
    exits = not isinstance(call_statement, ast.Assign) and getattr(call_statement, "value", None) is not call
    if exits and any(not _is_success(r.value) for r in returns):
        return f"{main.name}() returns an exit status"
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return f"{main.name}() is called with * or **"
    local = names.scopes[main]
    passed = {p: v.id for p, v in _arguments(main, call) if isinstance(v, ast.Name)}
    clash = {
        o.name
        for o in names.occurrences
        if o.scope is names.module and o.name in local.bound and passed.get(o.name) != o.name
    }
    parameters = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    clash -= {name for name in clash - parameters if _is_over(source, names, name, call_statement)}
    if clash:
        return (
            f"{main.name}() has a local variable with the name of a global one ({', '.join(sorted(clash))})"
        )
    merged = {name for name, value in passed.items() if name == value}
    for name in merged:
        if sum(1 for o in names.occurrences if o.scope is local and o.name == name and o.use != "load") > 1:
            return f"{main.name}() assigns its parameter {name}"
    required = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    if required - {p for p, _ in _arguments(main, call)}:
        return f"{main.name}() is called without all its arguments"
    return ""


def _is_over(source: SourceText, names: Names, name: str, call_statement: ast.stmt) -> bool:
    """Whether a variable of the top level is read by no function, and by nothing behind the call of main."""
    end = source.end(call_statement)
    return all(
        o.form in ("name", "walrus") and o.at.function is names.module and (o.use != "load" or o.end <= end)
        for o in names.occurrences
        if o.scope is names.module and o.name == name
    )


def _arguments(main: ast.FunctionDef, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """The parameters of `main` with what each gets from the call or its default."""
    positional = [*main.args.posonlyargs, *main.args.args]
    given: dict[str, ast.expr] = {}
    defaults = main.args.defaults
    for argument, default in zip(positional[len(positional) - len(defaults) :], defaults, strict=True):
        given[argument.arg] = default
    for argument, keyword_default in zip(main.args.kwonlyargs, main.args.kw_defaults, strict=True):
        if keyword_default is not None:
            given[argument.arg] = keyword_default
    for argument, value in zip(positional, call.args, strict=False):
        given[argument.arg] = value
    for keyword in call.keywords:
        if keyword.arg is not None:
            given[keyword.arg] = keyword.value
    for argument in [*positional, *main.args.kwonlyargs]:
        if argument.arg in given:
            yield argument.arg, given[argument.arg]


def _open_main(
    source: SourceText, main: ast.FunctionDef, call_statement: ast.stmt
) -> Iterator[SpineStatement]:
    call = _main_call(call_statement)
    assert call is not None
    parameters = {a.arg: a for a in [*main.args.posonlyargs, *main.args.args, *main.args.kwonlyargs]}
    for name, value in _arguments(main, call):
        if isinstance(value, ast.Name) and value.id == name:
            continue
        argument = parameters[name]
        target = ast.Name(
            name,
            ast.Store(),
            lineno=argument.lineno,
            col_offset=argument.col_offset,
            end_lineno=argument.lineno,
            end_col_offset=source.name_end(name, source.start(argument)) - source.line_start(argument.lineno),
        )
        node = ast.copy_location(ast.Assign([target], value), value)
        yield SpineStatement(node, source.start(value), source.end(value), in_main=True, synthetic=True)
    body = main.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        body = body[1:]
    floor = source.line_start(source.line(source.start(body[0]))) if body else 0
    if body:
        # Comments between the head of main and its first statement belong to that statement.
        floor = min(floor, source.line_start(main.lineno + 1))
        first_line = source.line(source.start(main.body[0]))
        if body is not main.body:
            floor = source.end(main.body[0])
        else:
            floor = source.line_start(first_line)
            while floor > 0 and source.data[
                source.line_start(source.line(floor) - 1) : floor
            ].lstrip().startswith(b"#"):
                floor = source.line_start(source.line(floor) - 1)
    for statement in body:
        if isinstance(statement, ast.Return):
            if not _is_success(statement.value):
                yield _returned(source, statement, call_statement)
            continue
        start, end = statement_span(source, statement, floor)
        floor = source.end(statement)
        yield SpineStatement(statement, start, end, in_main=True)


def _is_success(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value in (0, None))


def _returned(source: SourceText, statement: ast.Return, call_statement: ast.stmt) -> SpineStatement:
    """What stands for `return value`: the value, or the assignment of it where main() was called."""
    value = statement.value
    assert value is not None
    node: ast.stmt = ast.Expr(value)
    if isinstance(call_statement, ast.Assign):
        node = ast.Assign(call_statement.targets, value)
    node = ast.copy_location(node, value)
    return SpineStatement(node, source.start(value), source.end(value), in_main=True, synthetic=True)
