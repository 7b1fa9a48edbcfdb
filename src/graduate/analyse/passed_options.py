"""Options that are handed on: declared for a command line that is not understood as a whole, each with its flag.

The program keeps its parser, of whatever library. An option is known by where it is declared, in the entry module or
in one that it imports; its value, when it is not the default, is put on the command line that the program gets.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from graduate.analyse.argparse_argument import NotUnderstood, read_argument
from graduate.analyse.literals import fold_constant, infer_annotation
from graduate.analyse.roles import find_qualified_name
from graduate.model.facts import Option
from graduate.model.source import Place, Sources
from graduate.syntax.imports import qualified_names
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import list_nodes, parse
from graduate.syntax.spine import is_main_guard

PlaceOf = Callable[[ast.AST], Place]

_ABSL = {
    "DEFINE_integer": "int",
    "DEFINE_float": "float",
    "DEFINE_string": "str",
    "DEFINE_bool": "bool",
    "DEFINE_boolean": "bool",
    "DEFINE_enum": "str",
}
_COMMAND = {"command", "callback"}
_TYPES = {"int", "float", "str"}


@dataclass(frozen=True)
class _Module:
    """The options of one module by the top-level definition that declares them ("" for those that stand in none), the
    local modules that it imports, and the names of definitions of its own and of others that its code mentions."""

    options: dict[str, tuple[Option, ...]]
    guarded: tuple[Option, ...]
    imported: tuple[str, ...]
    mentioned: frozenset[str]
    reached: frozenset[str]


class DeclaredOptions:
    """The options that the modules of a project declare; each module is read once."""

    def __init__(self, sources: Sources) -> None:
        self._modules = {module.path: module for module in sources.modules}
        self._local = LocalModules(tuple(self._modules))
        self._read: dict[str, _Module] = {}

    def find(self, entry: str) -> tuple[Option, ...]:
        """Those of an entry module and of all that it imports, each name once.

        A function of another module counts when something mentions it: one that only that module's own `if __name__ ==
        "__main__"` calls is another program's.
        """
        paths = [entry]
        for path in paths:
            imported = self._look_at(path).imported
            paths += [each for each in imported if each in self._modules and each not in paths]
        modules = [self._look_at(path) for path in paths]
        reached = frozenset[str]().union(*(module.reached for module in modules))
        found: dict[str, Option] = {}
        for module in modules:
            known = reached | module.mentioned
            groups = [
                o for name, o in module.options.items() if module is modules[0] or not name or name in known
            ]
            for option in [*chain(*groups), *(module.guarded if module is modules[0] else ())]:
                found.setdefault(option.name, option)
        return tuple(found.values())

    def _look_at(self, path: str) -> _Module:
        if path not in self._read:
            module = self._modules[path]
            tree = parse(module.text)

            def place(node: ast.AST) -> Place:
                return module.place(getattr(node, "lineno", 1), getattr(node, "end_lineno", None))

            nodes = list_nodes(tree)
            imports = qualified_names(tree.body)
            fired = {name for node in nodes if isinstance(node, ast.Call) for name in _fired(node, imports)}
            options: dict[str, tuple[Option, ...]] = {}
            guarded: tuple[Option, ...] = ()
            mentioned: set[str] = set()
            for top in tree.body:
                declared = _find(list_nodes(top), imports, place, fired)
                own = top.name if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef) else ""
                if is_main_guard(top):
                    guarded += declared
                    continue
                options[own] = options.get(own, ()) + declared
                named = {node.id for node in list_nodes(top) if isinstance(node, ast.Name)}
                mentioned |= named - {own}
                if isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef) and top.decorator_list:
                    mentioned.add(own)
            reached = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
            reached |= {a.name for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names}
            star = any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in nodes)
            reached |= {node.id for node in nodes if isinstance(node, ast.Name)} if star else set()
            self._read[path] = _Module(
                options,
                guarded,
                self._local.find_imports(path, module.text, tree)[0],
                frozenset(mentioned),
                frozenset(reached),
            )
        return self._read[path]


def _find(
    nodes: Sequence[ast.AST], imports: Mapping[str, str], place: PlaceOf, fired: set[str]
) -> tuple[Option, ...]:
    """The options that nodes declare. What cannot be read off is left to the text of the line."""
    return tuple(each for node in nodes for each in _read(node, imports, place, fired) if each.flags)


def _read(node: ast.AST, imports: Mapping[str, str], place: PlaceOf, fired: set[str]) -> Iterator[Option]:
    if isinstance(node, ast.FunctionDef):
        if node.name in fired:
            yield from _read_parameters(node, place, "_")
        elif any(_is_typer_command(each, imports) for each in node.decorator_list):
            yield from _read_parameters(node, place, "-")
        return
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in {"add_argument", "add_option"} or find_qualified_name(node.func, imports) == "click.option":
        option = _read_declaration(node, imports, place(node))
    elif name in _ABSL:
        option = _read_absl(node, _ABSL[name], place(node))
    else:
        option = None
    if option is not None:
        yield option


def _read_declaration(call: ast.Call, imports: Mapping[str, str], place: Place) -> Option | None:
    """An option of argparse, optparse or click; with text for its value where its type is its own."""
    keywords = {k.arg: k.value for k in call.keywords if k.arg}
    flag = keywords.pop("is_flag", None)
    if isinstance(flag, ast.Constant) and flag.value:
        keywords["action"] = ast.Constant("store_true")
    names = [_text(argument) for argument in call.args]
    flags = [name for name in names if name.startswith("-") and "/" not in name]
    if not flags or "" in names:
        return None
    dest = [name for name in names if name.isidentifier()]
    if dest:
        keywords["dest"] = ast.Constant(dest[0])
    kept = ("action", "nargs", "default", "type", "choices", "help", "dest")
    plain = ("action", "nargs", "help", "dest")
    for chosen in (kept, plain):
        simple = [ast.keyword(name, keywords[name]) for name in chosen if name in keywords]
        declared = ast.copy_location(
            ast.Call(call.func, [ast.Constant(flag) for flag in flags], simple), call
        )
        try:
            option = read_argument(declared, imports, {}, place)
        except NotUnderstood:
            continue
        return option
    return None


def _text(node: ast.expr) -> str:
    """A literal text, "" for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _read_absl(call: ast.Call, kind: str, place: Place) -> Option | None:
    """`flags.DEFINE_float("lr", 0.1, "the step")`."""
    values = [fold_constant(argument) for argument in call.args[:2]]
    values += [fold_constant(k.value) for k in call.keywords if k.arg == "default"][: 2 - len(values)]
    if len(values) < 2 or values[0] is None or values[1] is None:
        return None
    name, default = values[0].value, values[1].value
    if not isinstance(name, str) or not name.isidentifier():
        return None
    help_text = _text(call.args[-1]) if len(call.args) > 2 else ""
    option = Option(name, kind, repr(default), place, "argument", help_text, (f"--{name}",))
    if kind == "bool":
        # It may be `--name=false`, which a switch could not say.
        return replace(option, annotation="str", default=repr(str(default).lower()))
    return option if default is not None else replace(option, annotation=f"{kind} | None")


def _fired(call: ast.Call, imports: Mapping[str, str]) -> Iterator[str]:
    """The function that `fire.Fire(main)` makes a command of."""
    is_fire = find_qualified_name(call.func, imports) == "fire.Fire"
    if is_fire and call.args and isinstance(call.args[0], ast.Name):
        yield call.args[0].id


def _is_typer_command(decorator: ast.expr, imports: Mapping[str, str]) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return "typer" in imports.values() and isinstance(function, ast.Attribute) and function.attr in _COMMAND


def _read_parameters(function: ast.FunctionDef, place: PlaceOf, joint: str) -> Iterator[Option]:
    """The parameters with plain defaults of a function that is a command."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    given = function.args.defaults
    without = len(function.args.args) - len(given)
    defaults = [*[None] * without, *given, *function.args.kw_defaults]
    for argument, node in zip(arguments, defaults, strict=True):
        folded = fold_constant(node) if node is not None else None
        if folded is None or isinstance(folded.value, bool):
            continue
        annotation = infer_annotation(folded.value)
        if annotation in _TYPES:
            flag = f"--{argument.arg.replace('_', joint)}"
            yield Option(
                argument.arg, annotation, repr(folded.value), place(argument), "argument", flags=(flag,)
            )
