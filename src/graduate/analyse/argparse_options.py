"""The command line of a program that uses argparse, understood without running it.

Everything that argparse does at run time and that cannot be read off the source (computed defaults, own
types, sub-parsers) is answered by `why_not`; then the program keeps its parser.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graduate.analyse.argparse_argument import (
    NotUnderstood,
    read_argument,
    render_default,
    widen_annotation,
)
from graduate.analyse.literals import Folded, fold_constant, infer_annotation
from graduate.analyse.roles import find_qualified_name
from graduate.model.facts import ArgparseFacts, Option
from graduate.model.source import Place
from graduate.syntax.nodes import list_nodes

PlaceOf = Callable[[ast.AST], Place]
Span = tuple[int, int, int, int]

BOOL_NOTE = "{name} has type=bool: as in argparse, every text but the empty one is True"

_PARSER_KEYWORDS = {"prog", "usage", "description", "epilog", "formatter_class", "add_help", "allow_abbrev"}
_GROUPS = {"add_argument_group", "add_mutually_exclusive_group"}


def find_argparse(
    body: Sequence[ast.stmt],
    definitions: Mapping[str, ast.FunctionDef],
    text: str,
    imports: Mapping[str, str],
    place: PlaceOf,
    module: Sequence[ast.stmt] = (),
) -> ArgparseFacts | None:
    """The parser built in a spine, or in a helper function; None when there is none.

    `module` are the top-level statements when the spine is the body of a function; their constants may be
    defaults.
    """
    constants = {**_find_constants(module), **_find_constants(body)}
    if _builds_parser(body, imports):
        return _Reader(imports, place, constants).read(body)
    for name, definition in definitions.items():
        if _builds_parser(definition.body, imports):
            local = {**constants, **_find_constants(definition.body)}
            facts = _Reader(imports, place, local).read(definition.body, function=name)
            return _find_call(facts, body, name)
    return None


def _builds_parser(body: Sequence[ast.stmt], imports: Mapping[str, str]) -> bool:
    return any(
        isinstance(node, ast.Call) and find_qualified_name(node.func, imports) == "argparse.ArgumentParser"
        for statement in body
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        for node in list_nodes(statement)
    )


def _find_constants(body: Sequence[ast.stmt]) -> dict[str, Folded]:
    """Names that a body binds once, to a value that is known."""
    bound: dict[str, int] = {}
    for statement in body:
        for node in list_nodes(statement):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                bound[node.id] = bound.get(node.id, 0) + 1
    constants: dict[str, Folded] = {}
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, folded = statement.targets[0].id, fold_constant(statement.value, constants)
            if bound[name] == 1 and folded is not None:
                constants[name] = folded
    return constants


def _find_call(facts: ArgparseFacts, body: Sequence[ast.stmt], function: str) -> ArgparseFacts:
    """Where the spine calls the helper function, and what it binds the result to."""
    for statement in body:
        for node in list_nodes(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
                namespace = _bound_name(statement) if getattr(statement, "value", None) is node else ""
                return replace(facts, namespace=namespace, call_line=statement.lineno)
    return replace(facts, namespace="", call_line=0)


def _bound_name(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return ""
    return target.id if isinstance(target, ast.Name) else ""


@dataclass
class _Reader:
    """Reads the statements of one body that concern a parser, in order."""

    imports: Mapping[str, str]
    place: PlaceOf
    constants: Mapping[str, Folded]
    parser: str = ""
    groups: set[str] = field(default_factory=set)
    options: dict[str, Option] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parse: ast.Call | None = None
    parse_statement: ast.stmt | None = None

    def read(self, body: Sequence[ast.stmt], function: str = "") -> ArgparseFacts:
        why_not = ""
        try:
            for statement in body:
                self._read_statement(statement)
            if self.parse is None:
                raise NotUnderstood("the parser is not asked to parse here", body[0])
        except NotUnderstood as reason:
            why_not = str(reason)
        at = self.parse
        return ArgparseFacts(
            options=tuple(self.options.values()),
            parser_statements=tuple(self.spans),
            parse_line=self.parse_statement.lineno if self.parse_statement is not None else 0,
            namespace=self._namespace(),
            function=function,
            why_not=why_not,
            parse_span=(at.lineno, at.col_offset, at.end_lineno or 0, at.end_col_offset or 0)
            if at
            else (0,) * 4,
            notes=tuple(self.notes),
        )

    def _namespace(self) -> str:
        statement = self.parse_statement
        if statement is None or getattr(statement, "value", None) is not self.parse:
            return ""
        return _bound_name(statement)

    def _read_statement(self, statement: ast.stmt) -> None:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)):
            if find_qualified_name(value.func, self.imports) == "argparse.ArgumentParser":
                return self._read_parser(statement, value)
            method = self._parser_method(value)
            if method in _GROUPS:
                return self._read_group(statement, value)
            if method == "add_argument" and isinstance(statement, ast.Expr):
                return self._read_argument(statement, value)
            if method == "set_defaults" and isinstance(statement, ast.Expr):
                return self._read_defaults(statement, value)
        return self._read_use(statement)

    def _parser_method(self, call: ast.Call) -> str:
        """The method that a call on the parser or one of its groups names, "" for other calls."""
        function = call.func
        if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
            return ""
        return function.attr if function.value.id in {self.parser, *self.groups} else ""

    def _read_parser(self, statement: ast.stmt, call: ast.Call) -> None:
        if self.parser:
            raise NotUnderstood("there is a second parser", statement)
        for keyword in call.keywords:
            if keyword.arg not in _PARSER_KEYWORDS:
                raise NotUnderstood(f"the parser has {keyword.arg or '**'}=", call)
        self.parser = _bound_name(statement)
        if not self.parser:
            raise NotUnderstood("the parser is not bound to a name", statement)
        self._built(statement)

    def _read_group(self, statement: ast.stmt, call: ast.Call) -> None:
        name = _bound_name(statement)
        if name:
            self.groups.add(name)
        self._built(statement)

    def _built(self, statement: ast.stmt) -> None:
        end = statement.end_lineno or statement.lineno, statement.end_col_offset or statement.col_offset
        self.spans.append((statement.lineno, statement.col_offset, *end))

    def _read_use(self, statement: ast.stmt) -> None:
        """A statement that may parse; any other use of the parser is not understood."""
        if not self.parser:
            if _builds_parser([statement], self.imports):
                raise NotUnderstood("the parser is built inside another statement", statement)
            return
        parses = [call for call in _calls(statement) if self._parser_method(call) == "parse_args"]
        uses = [
            node
            for node in list_nodes(statement)
            if isinstance(node, ast.Name) and node.id in {self.parser, *self.groups}
        ]
        if not uses:
            return
        if len(parses) != 1 or len(uses) != 1 or self.parse is not None:
            method = next(
                (self._parser_method(call) for call in _calls(statement) if self._parser_method(call)), ""
            )
            raise NotUnderstood(f"the parser is used in another way ({method or 'as a value'})", statement)
        if isinstance(statement, (ast.For, ast.While, ast.If, ast.Try, ast.With, ast.FunctionDef)):
            raise NotUnderstood("the command line is parsed inside another statement", statement)
        self._check_parse(parses[0])
        self.parse, self.parse_statement = parses[0], statement

    def _check_parse(self, call: ast.Call) -> None:
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if len(given) > 1 or any(keyword.arg != "args" for keyword in call.keywords):
            raise NotUnderstood("parse_args() is given a namespace", call)
        for argument in given:
            empty = isinstance(argument, (ast.List, ast.Tuple)) and not argument.elts
            command_line = ast.unparse(argument).endswith("sys.argv[1:]")
            nothing = isinstance(argument, ast.Constant) and argument.value in {None, ""}
            if not (empty or command_line or nothing):
                raise NotUnderstood("parse_args() is given arguments of its own", call)

    def _read_defaults(self, statement: ast.stmt, call: ast.Call) -> None:
        for keyword in call.keywords:
            folded = fold_constant(keyword.value, self.constants)
            if keyword.arg is None or folded is None:
                raise NotUnderstood("set_defaults() is given what only a run can tell", call)
            name, default = keyword.arg, render_default(folded)
            self.overrides[name] = default
            annotation = infer_annotation(folded.value) or "list[str]"
            known = self.options.get(name)
            if known is None:
                self.options[name] = Option(name, annotation, default, self.place(call), kind="argument")
            else:
                self.options[name] = replace(
                    known,
                    default=default,
                    required=False,
                    annotation=widen_annotation(known.annotation, folded),
                )
        self._built(statement)

    def _read_argument(self, statement: ast.stmt, call: ast.Call) -> None:
        option = read_argument(call, self.imports, self.constants, self.place(call))
        if option is None:
            self.notes.append(f"line {call.lineno}: the option that shows the version is left out")
            return self._built(statement)
        known = self.options.get(option.name)
        if known is not None and (known.flags or known.positional):
            raise NotUnderstood(f"two options share the name {option.name}", call)
        explicit = any(keyword.arg == "default" for keyword in call.keywords)
        if known is not None and not explicit:
            option = replace(option, default=known.default, required=False)
        if option.annotation == "bool" and option.action == "store":
            self.notes.append(BOOL_NOTE.format(name=option.name))
        self.options[option.name] = option
        return self._built(statement)


def _calls(statement: ast.stmt) -> Iterator[ast.Call]:
    return (node for node in list_nodes(statement) if isinstance(node, ast.Call))
