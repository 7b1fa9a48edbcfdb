"""Constants and argparse options: what is understood, what is left alone, and why."""

from __future__ import annotations

import argparse
import ast
from pathlib import Path

import pytest

from graduate.analyse.settings import find_argparse, find_class_fields, find_constants
from graduate.model.facts import Option
from graduate.model.source import Place

IMPORTS = {"argparse": "argparse", "Path": "pathlib.Path", "sys": "sys", "os": "os", "torch": "torch"}


def place(node: ast.AST) -> Place:
    return Place("a.py", getattr(node, "lineno", 1), getattr(node, "end_lineno", 1))


def constants_of(text: str, rebound: frozenset[str] = frozenset()) -> tuple[Option, ...]:
    return find_constants(ast.parse(text).body, text, rebound=rebound, place=place)


@pytest.mark.parametrize(
    "text",
    [
        "_PRIVATE = 1",
        "x = y",
        "x = f(1)",
        "x = f'{y}'",
        "x = b'bytes'",
        "x = 1j",
        "x, y = 1, 2",
        "a = b = 1",
        "a.b = 1",
        "names = ['a', 'b']",
        "SIZES = []",
        "PAIRS = [(1, 2)]",
        "D = {}",
        "TEXT = '''two\nlines'''",
        f"TEXT = {'x' * 201!r}",
        "x: int",
        "x += 1",
        "x = 1 / 0",
        "x = 9 ** 9999",
        "x = not True",
    ],
)
def test_no_setting(text: str) -> None:
    assert constants_of(text) == ()


@pytest.mark.parametrize(
    ("text", "annotation", "default"),
    [
        ("LR = 1e-3", "float", "1e-3"),
        ("n: int = 5", "int", "5"),
        ("SIZE = 10 * 1024", "int", "10 * 1024"),
        ("HALF = 1 / 2", "float", "1 / 2"),
        ("LOW = -1", "int", "-1"),
        ("NAME = 'wine'", "str", "'wine'"),
        ("FAST = True", "bool", "True"),
        ("LIMIT = None", "float | int | str | None", "None"),
        ("HIDDEN = (64, 32)", "tuple[int, ...]", "(64, 32)"),
        ("MIXED = [1, 0.5]", "list[int | float]", "[1, 0.5]"),
        ("NAME = ('a'\n 'b')", "str", "'ab'"),
        ("N = 1_000", "int", "1_000"),
        ("ä = 'ö'; b = 2", "str", "'ö'"),
    ],
)
def test_a_setting(text: str, annotation: str, default: str) -> None:
    option = constants_of(text)[0]
    assert (option.annotation, option.default) == (annotation, default)


def test_names_that_are_bound_again_stay() -> None:
    assert [o.name for o in constants_of("a = 1\nb = 2\n", frozenset({"a"}))] == ["b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = 1  # how many", "how many"),
        ("a = 1", ""),
        ("# how many\na = 1\n", "how many"),
        ("# how\n# many\na = 1\n\nb = 2", "how many"),
        ("# Hyper-parameters\na = 1\nb = 2\n", ""),
        ("a = 1  # noqa: E501", ""),
        ("# type: ignore\na = 1", ""),
        ("a = '#'  # hash", "hash"),
        ("a = 'ä'  # ö", "ö"),
    ],
)
def test_help_is_the_authors_comment(text: str, words: str) -> None:
    assert constants_of(text)[0].help == words


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("API_KEY = 'x'", True),
        ("password = 'hunter2'", True),
        ("TOKEN = 'ghp_abcdefgh'", True),
        ("PAD_TOKEN = '<pad>'", False),
        ("MONKEY = 'abcdefghi'", False),
        ("SORT_KEY = 'name'", False),
        ("API_KEY = ''", False),
        ("TOKEN_COUNT = 5", False),
    ],
)
def test_secrets(text: str, secret: bool) -> None:
    assert constants_of(text)[0].secret is secret


def argparse_of(text: str, definitions: tuple[str, ...] = (), module: str = ""):
    body = ast.parse(text).body
    functions = {n.name: n for n in body if isinstance(n, ast.FunctionDef)}
    spine = [n for n in body if not isinstance(n, ast.FunctionDef)]
    return find_argparse(spine, functions, text, IMPORTS, place, ast.parse(module).body)


def parser_of(*arguments: str, more: str = "") -> str:
    lines = "".join(f"parser.add_argument({argument})\n" for argument in arguments)
    return f"parser = argparse.ArgumentParser()\n{lines}{more}args = parser.parse_args()\n"


ARGUMENTS = [
    "'--lr', type=float, default=0.1, help='the ' 'rate'",
    "'--lr', type=float, default=1",
    "'--lr', type=float, default='1e-3'",
    "'--n', type=int, default='5'",
    "'--n', default=5",
    "'--n', type=int",
    "'--name'",
    "'-b', '--batch-size', type=int, default=64",
    "'-v'",
    "'--no-cuda', action='store_true'",
    "'--keep', action='store_false', default=None",
    "'--out', type=Path, default='out'",
    "'--out', type=Path, default=Path('out')",
    "'--limit', type=float, default=float('inf')",
    "'--flag', type=bool, default='False'",
    "'--flag', type=bool, default=False",
    "'--sizes', type=int, nargs='+', default=[1, 2]",
    "'--sizes', type=int, nargs=2",
    "'--tag', action='append'",
    "'-q', action='count', default=0",
    "'data', nargs='?', default='x.csv'",
    "'data', nargs='*'",
    "'--mode', choices=['a', 'b'], default='a'",
    "'--depth', type=int, choices=range(1, 4), default=2",
    "'--x', dest='other', default=-1, metavar='N'",
]


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_defaults_are_what_argparse_gives(argument: str) -> None:
    facts = argparse_of(parser_of(argument))
    assert facts is not None
    assert facts.why_not == ""
    scope = {"argparse": argparse, "Path": Path}
    exec(parser_of(argument).replace("parse_args()", "parse_args([])"), scope)
    values = vars(scope["args"])
    (option,) = facts.options
    assert list(values) == [option.name]
    default = eval(option.default, scope)
    assert default == values[option.name]
    assert type(default) is type(values[option.name])


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (ARGUMENTS[0], ("lr", "float", ("--lr",), "the rate")),
        (ARGUMENTS[1], ("lr", "float", ("--lr",), "")),
        (ARGUMENTS[4], ("n", "int | str", ("--n",), "")),
        (ARGUMENTS[5], ("n", "int | None", ("--n",), "")),
        (ARGUMENTS[7], ("batch_size", "int", ("-b", "--batch-size"), "")),
        (ARGUMENTS[9], ("no_cuda", "bool", ("--no-cuda",), "")),
        (ARGUMENTS[10], ("keep", "bool | None", ("--keep",), "")),
        (ARGUMENTS[12], ("out", "Path", ("--out",), "")),
        (ARGUMENTS[16], ("sizes", "list[int]", ("--sizes",), "")),
        (ARGUMENTS[18], ("tag", "list[str] | None", ("--tag",), "")),
        (ARGUMENTS[20], ("data", "str", (), "")),
        (ARGUMENTS[24], ("other", "int | str", ("--x",), "")),
    ],
)
def test_an_option(argument: str, expected: tuple) -> None:
    (option,) = argparse_of(parser_of(argument)).options
    assert (option.name, option.annotation, option.flags, option.help) == expected
    assert option.kind == "argument"


def test_required_options_have_no_default() -> None:
    facts = argparse_of(parser_of("'data'", "'--n', type=int, required=True"))
    assert [(o.name, o.default, o.required, o.positional) for o in facts.options] == [
        ("data", "", True, True),
        ("n", "", True, False),
    ]


def test_choices_and_nargs_are_source() -> None:
    (option,) = argparse_of(parser_of("'--m', choices=('a', 'b'), nargs='+'")).options
    assert (option.choices, option.nargs) == (("'a'", "'b'"), "'+'")


def test_type_bool_is_noted() -> None:
    facts = argparse_of(parser_of("'--flag', type=bool, default=True"))
    assert facts.options[0].annotation == "bool"
    assert facts.options[0].action == "store"
    assert "flag" in facts.notes[0]


def test_groups_constants_and_set_defaults() -> None:
    text = (
        "LR = 0.5\nparser = argparse.ArgumentParser(description='x')\n"
        "group = parser.add_mutually_exclusive_group(required=False)\n"
        "group.add_argument('--lr', type=float, default=LR)\n"
        "parser.add_argument('--n', default=SIZE, type=int)\n"
        "parser.set_defaults(n=7, extra='e')\n"
        "args = parser.parse_args()\n"
    )
    facts = argparse_of(text, module="SIZE = 3\n")
    assert facts.why_not == ""
    assert {o.name: o.default for o in facts.options} == {"lr": "0.5", "n": "7", "extra": "'e'"}
    assert [span[0] for span in facts.parser_statements] == [2, 3, 4, 5, 6]
    assert (facts.parse_line, facts.parse_span, facts.namespace) == (7, (7, 7, 7, 26), "args")


@pytest.mark.parametrize(
    "ending", ["return parser.parse_args()", "args = parser.parse_args()\n    return args"]
)
def test_a_helper_function(ending: str) -> None:
    text = (
        "def get_args():\n    parser = argparse.ArgumentParser()\n"
        f"    parser.add_argument('--n', type=int, default=1)\n    {ending}\n\nopt = get_args()\n"
    )
    facts = argparse_of(text)
    assert (facts.function, facts.namespace, facts.why_not) == ("get_args", "opt", "")
    assert facts.parser_statements == ((2, 4, 2, 38), (3, 4, 3, 51))
    assert facts.parse_line == 4
    assert text.split("\n")[facts.call_line - 1] == "opt = get_args()"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (parser_of("'--f', type=lambda s: s"), "line 2: type=lambda s: s is a function of its own"),
        (parser_of("'--f', type=parse"), "line 2: type=parse is a function of its own"),
        (
            parser_of("'--d', default=torch.cuda.is_available()"),
            "line 2: default=torch.cuda.is_available() is computed",
        ),
        (parser_of("'--c', choices=names"), "line 2: choices=names are computed"),
        (parser_of("'--c', action=Mine"), "line 2: the action Mine is not one that settings have"),
        (parser_of("'--c', nargs='?', const='x'"), "line 2: add_argument() has const="),
        (parser_of("'--c', **more"), "line 2: add_argument() has **="),
        (parser_of("name"), "line 2: the name of an option is computed"),
        (parser_of("'--a', dest='x'", "'--b', dest='x'"), "line 3: two options share the name x"),
        (parser_of("'--n', type=int, default='x'"), "line 2: the default 'x' is no int"),
        (
            parser_of(more="sub = parser.add_subparsers()\n"),
            "line 2: the parser is used in another way (add_subparsers)",
        ),
        (parser_of(more="add_more(parser)\n"), "line 2: the parser is used in another way (as a value)"),
        (
            parser_of(more="for n in 'ab':\n    parser.add_argument(n)\n"),
            "line 2: the parser is used in another way (add_argument)",
        ),
        (
            "parser = argparse.ArgumentParser()\nargs, _ = parser.parse_known_args()\n",
            "line 2: the parser is used in another way (parse_known_args)",
        ),
        (
            "parser = argparse.ArgumentParser(parents=[base])\nargs = parser.parse_args()\n",
            "line 1: the parser has parents=",
        ),
        (
            "parser = argparse.ArgumentParser(fromfile_prefix_chars='@')\nargs = parser.parse_args()\n",
            "line 1: the parser has fromfile_prefix_chars=",
        ),
        ("parser = argparse.ArgumentParser()\n", "line 1: the parser is not asked to parse here"),
        (
            "parser = argparse.ArgumentParser()\nargs = parser.parse_args(['--a'])\n",
            "line 2: parse_args() is given arguments of its own",
        ),
    ],
)
def test_what_only_a_run_could_tell(text: str, reason: str) -> None:
    assert argparse_of(text).why_not == reason


def test_no_parser() -> None:
    assert argparse_of("x = 1\n") is None


@pytest.mark.parametrize("argument", ["", "[]", "sys.argv[1:]", "None"])
def test_arguments_that_are_the_command_line_or_none(argument: str) -> None:
    text = parser_of("'--n'").replace("parse_args()", f"parse_args({argument})")
    assert argparse_of(text).why_not == ""


@pytest.mark.parametrize(
    "text",
    [
        "class Point:\n    x = 1\n",
        "class Config:\n    x = f()\n    _y = 2\n    z: int\n",
        "class Config(Base):\n    x = 1\n",
        "class Config(Enum):\n    x = 1\n",
        "class Config:\n    x = 1\n    x = 2\n",
        "class Config:\n    print(1)\n    x = 1\n",
        "class Configurable:\n    x = 1\n",
        "class Config:\n    x: list = field(default_factory=list)\n",
        "def f():\n    class Config:\n        x = 1\n",
    ],
)
def test_no_class_field(text: str) -> None:
    assert find_class_fields(ast.parse(text).body, text, place) == ()


@pytest.mark.parametrize(
    ("line", "annotation", "default", "help"),
    [
        ("x = 1  # how many", "int", "1", "how many"),
        ("x: float = 1", "float", "1", ""),
        ("x: 'float' = 1", "float", "1", ""),
        ("x: Optional[int] = None", "int | None", "None", ""),
        ("x: typing.Optional[int] = 3", "int | None", "3", ""),
        ("x: int = None", "int | None", "None", ""),
        ("x: str | None = None", "str | None", "None", ""),
        ("x: Path = 'a'", "str", "'a'", ""),
        ("x = (0.9, 0.999)", "tuple[float, ...]", "(0.9, 0.999)", ""),
        ("x: str = field(default='a', metadata={'help': 'a name'})", "str", "'a'", "a name"),
        ("x: int = Field(default=2, description='a number')", "int", "2", "a number"),
    ],
)
def test_class_field(line: str, annotation: str, default: str, help: str) -> None:
    text = f"@dataclass\nclass TrainingArguments:\n    '''All.'''\n    {line}\n    def f(self): pass\n"
    (option,) = find_class_fields(ast.parse(text).body, text, place)
    assert (option.name, option.annotation, option.default, option.help) == (
        "TrainingArguments.x",
        annotation,
        default,
        help,
    )
