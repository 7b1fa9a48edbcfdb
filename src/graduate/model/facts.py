"""What was found in the sources, each fact with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from graduate.model.source import Place

Role = Literal[
    "download",
    "preprocess",
    "validate",
    "dataset",
    "loader",
    "model",
    "loss",
    "train",
    "evaluate",
    "metric",
    "settings",
    "other",
]

OptionAction = Literal["store", "store_true", "store_false", "count", "append"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a piece of code is given a role. `weight` > 0 speaks for the role."""

    role: Role
    weight: float
    what: str
    place: Place


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of the research code: a constant, a field of a configuration class, an option of its command line, a
    value of a configuration file, or an environment variable.

    `name` is what the code calls it (`LR`, `batch_size`, `Config.lr`). `annotation` and `default`
    are Python source (`"float"`, `"0.1"`); `default` is the value the *program* starts with.
    `flags` are the option strings of the original command line, () for constants and positionals.
    `nargs` is argparse's, as source, or None. `choices` holds source texts. `required` options have no default.
    `keys` lead to the value in the configuration file that `place` names, for those of the kind "file"; for hydra's
    arguments they are the spelling, for the kind "environment" the name of the variable.
    """

    name: str
    annotation: str
    default: str
    place: Place
    kind: Literal["constant", "argument", "file", "environment"] = "constant"
    help: str = ""
    flags: tuple[str, ...] = ()
    action: OptionAction = "store"
    nargs: str | None = None
    choices: tuple[str, ...] = ()
    positional: bool = False
    required: bool = False
    secret: bool = False
    program: str = ""
    keys: tuple[str, ...] = ()


def with_own_flags(options: Iterable[Option]) -> tuple[Option, ...]:
    """The options as one command line has them: a flag belongs to the first option, of any program, that has it."""
    taken: set[str] = set()
    found = []
    for option in options:
        found.append(replace(option, flags=tuple(flag for flag in option.flags if flag not in taken)))
        taken.update(option.flags)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ArgparseFacts:
    """The options of a parser, and where it stands.

    `parser_statements` are the spans of the statements that only build the parser: (line, column, end line,
    end column) as `ast` counts them. `parse_line` is the line of the statement that calls `parse_args()`, and
    `parse_span` is that call. `function` is the helper function in which all these
    stand, "" when it is the spine. `namespace` is the name that the spine binds the result to ("" if none),
    `call_line` the line of the spine statement that calls the helper (0 if there is none).
    With `type=bool`, a value is `bool(text)`. `why_not` is "" when all was understood.
    """

    options: tuple[Option, ...]
    parser_statements: tuple[tuple[int, int, int, int], ...]
    parse_line: int
    namespace: str
    function: str = ""
    why_not: str = ""
    parse_span: tuple[int, int, int, int] = (0, 0, 0, 0)
    call_line: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that takes long, and what it carries from one iteration to the next."""

    place: Place
    function: str
    header: str
    role: Role
    carried: tuple[str, ...]
    mutated: tuple[str, ...]
    resumable: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of the source folder that the programs read."""

    path: str
    size: int
    sha256: str
    copied: bool
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """A distribution that the code needs. `requirement` is PEP 508; `origin` says where it was asked for.

    `candidates` are the distributions that provide the import, where more than one does and nothing says which: a
    person has to choose. An `optional` one is not installed here, and the code goes on without it. The name of a
    `guessed` one is that of the import, which no distribution is known for.
    """

    distribution: str
    requirement: str
    imports: tuple[str, ...]
    origin: str
    candidates: tuple[str, ...] = ()
    optional: bool = False
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Hazard:
    """Something that can make the converted program differ, with the code of its explain page."""

    code: str
    message: str
    place: Place
    cost: Literal["none", "loops", "steps", "wrapped"] = "none"


@dataclass(frozen=True, slots=True)
class StatementFact:
    """One statement of a program's spine with its role and what flows in and out of it."""

    place: Place
    line: int
    end_line: int
    text: str
    role: Role
    evidence: tuple[Evidence, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DefinitionFact:
    """A function or class of a module and the role it was given."""

    place: Place
    name: str
    kind: Literal["function", "class"]
    role: Role
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """What was found in one program.

    `unstorable` names values that cannot be stored between steps (generators, open files).
    `entry` is the name of the function whose body is the spine, "" when top-level code is. `passed` are the options
    that a program which keeps its parser gets on its command line.
    """

    name: str
    path: str
    spine: tuple[StatementFact, ...]
    definitions: tuple[DefinitionFact, ...]
    options: tuple[Option, ...]
    loops: tuple[Loop, ...]
    hazards: tuple[Hazard, ...]
    unstorable: tuple[str, ...] = ()
    entry: str = ""
    parser: ArgparseFacts | None = None
    passed: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in a whole project."""

    programs: tuple[ProgramFacts, ...]
    local_modules: tuple[DefinitionFact, ...] = ()
    module_roles: tuple[tuple[str, Role], ...] = ()
    module_options: tuple[Option, ...] = ()
    """What can become a setting in local modules; the place of each tells which."""
    file_options: tuple[Option, ...] = ()
    """The values of the configuration files that the code loads; the place of each tells which."""
    data_files: tuple[DataFile, ...] = ()
    output_folders: tuple[str, ...] = ()
    workspace: str = ""
    """The folder of the project that stands for the research folder; "" for the project's own."""
    dependencies: tuple[Dependency, ...] = ()
    python: str = ">=3.11"
    hazards: tuple[Hazard, ...] = ()
    """Those of the project as a whole; each program has its own."""
