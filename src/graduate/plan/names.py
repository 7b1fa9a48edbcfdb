"""Names of steps and segments: the author's words first, then a verb for the role and the main thing."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from graduate.model.facts import Facts, Role, StatementFact
from graduate.model.source import Sources
from graduate.plan.titles import MAX_COMMENT_WORDS, MAX_HEADING_WORDS, Title, make_slug

# Names that the generated project uses itself.
RESERVED = frozenset(
    {
        "settings", "context", "setup", "state", "checkpoint", "Checkpoint", "LoopState", "ModuleState", "Pipeline",
        "Step", "PIPELINE", "parallel", "replayable", "resumable", "source_path", "no_file", "with_settings",
        "display", "shell", "capture",
        "preprocessing", "datasets", "loaders", "architectures", "losses", "trainer", "evaluation", "metrics",
        "functions",
    }
)  # fmt: skip

BUILTINS = frozenset([*keyword.kwlist, *keyword.softkwlist, *dir(builtins)])

_VERBS: dict[Role, tuple[str, str]] = {
    "download": ("download", "data"),
    "preprocess": ("prepare", "data"),
    "validate": ("check", "data"),
    "dataset": ("build", "datasets"),
    "loader": ("build", "loaders"),
    "model": ("build", "model"),
    "loss": ("build", "loss"),
    "train": ("train", "model"),
    "evaluate": ("evaluate", "results"),
}
# Titles of one word that read well as the name of a function.
_IMPERATIVES = frozenset(
    {
        "analyze", "benchmark", "clean", "compare", "compute", "download", "encode", "evaluate",
        "explore", "extract", "fetch", "filter", "fit", "generate", "impute", "load", "merge",
        "normalize", "optimize", "plot", "predict", "prepare", "preprocess", "reshape", "sample",
        "save", "scale", "simulate", "solve", "split", "standardize", "summarize", "test",
        "tokenize", "train", "transform", "tune", "validate", "visualize",
    }
)  # fmt: skip
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
# Comments, but not what looks like one inside a text.
_TEXT_OR_COMMENT = re.compile(
    r"""(\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|#[^\n]*""", re.S
)


def find_taken_names(sources: Sources, facts: Facts) -> frozenset[str]:
    """Every identifier of the programs and local modules, and what Python and the generated project use."""
    taken = set(RESERVED | BUILTINS)
    for program in facts.programs:
        code = _TEXT_OR_COMMENT.sub(lambda match: match[1] or "", sources.module(program.path).text)
        taken.update(_IDENTIFIER.findall(code))
        taken.update(definition.name for definition in program.definitions)
        for statement in program.spine:
            taken.update(statement.reads, statement.writes)
    taken.update(definition.name for definition in facts.local_modules)
    return frozenset(taken)


class SegmentNames:
    """Gives each segment a name that nothing else has."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._owners: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def choose(
        self,
        program: str,
        statements: Sequence[StatementFact],
        given: Sequence[str],
        role: Role,
        title: Title,
    ) -> str:
        """The first free name: from the title, from role and values, told apart by the program's name.

        `given` are the names that these statements write and later ones read.
        """
        candidates: list[str] = []
        for candidate in _candidates(statements, given, role, title):
            candidates.append(candidate)
            if self._owners.get(candidate, program) != program:
                candidate = f"{candidate}_{_snake(program)}"
            if candidate not in self._taken:
                return self._take(candidate, program)
        for candidate in [f"{name}_{_snake(program)}" for name in candidates]:
            if candidate not in self._taken:
                return self._take(candidate, program)
        # Nothing of the author's tells them apart.
        number = self._numbers.get(candidates[0], 2)
        while f"{candidates[0]}_{number}" in self._taken:
            number += 1
        self._numbers[candidates[0]] = number + 1
        return self._take(f"{candidates[0]}_{number}", program)

    def _take(self, name: str, program: str) -> str:
        self._taken.add(name)
        self._owners[name] = program
        return name


def _candidates(
    statements: Sequence[StatementFact], given: Sequence[str], role: Role, title: Title
) -> Iterator[str]:
    if title.text and _is_about(title, statements, role):
        limit = MAX_HEADING_WORDS if title.strong else MAX_COMMENT_WORDS
        slug = make_slug(title.text, limit, shorten=title.strong)
        if "_" in slug or slug in _IMPERATIVES:
            yield slug
    verb, thing = _describe(statements, role)
    values = list(dict.fromkeys(_snake(name) for name in given if len(name) > 1))
    for subject in (thing, *values):
        yield f"{verb}_{subject}"
    if len(values) > 1:
        yield f"{verb}_{values[0]}_and_{values[1]}"
    if slug := make_slug(title.section, 3, shorten=True):
        yield f"{verb}_{thing}_{slug}"
    for name in dict.fromkeys(name for s in statements for name in s.writes if name.isidentifier()):
        yield f"{verb}_{_snake(name)}"


def _is_about(title: Title, statements: Sequence[StatementFact], role: Role) -> bool:
    """Whether a title names these statements. The first heading of a notebook may only name the notebook."""
    if not title.top:
        return True
    return any(piece.role == role and title.text in piece.what for s in statements for piece in s.evidence)


def _describe(statements: Sequence[StatementFact], role: Role) -> tuple[str, str]:
    """The verb and the thing for a segment, by what its evidence shows."""
    verb, thing = _VERBS[role]
    seen = " ".join(
        piece.what for statement in statements for piece in statement.evidence if piece.role == role
    )
    if role == "preprocess" and re.search(r"read_|load|fetch|\.datasets\.|genfromtxt", seen):
        return "load", thing
    if role == "train" and not re.search(r"\.fit|backward|train|zero_grad|\.step", seen):
        return ("set_up", "training") if "optim." in seen else ("run", "computation")
    if role == "evaluate":
        if re.search(r"predict|score|metrics|evaluate|\.eval\(", seen):
            return verb, "model"
        if re.search(r"matplotlib|seaborn|plotly|savefig|\.plot\(", seen):
            return "plot", thing
        return "report", thing
    return verb, thing


@lru_cache(maxsize=65536)
def _snake(name: str) -> str:
    return re.sub(r"\W+|_+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).lower().strip("_") or "part"


def name_steps(
    programs: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]],
) -> list[list[str]]:
    """Unique step names per program, from (program, [(step, qualifiers)]).

    A step that several programs have is told apart by the program's name, one that a program has twice by a
    qualifier of its own (a heading, a value it makes).
    """
    owners: dict[str, set[str]] = {}
    for program, steps in programs:
        for step, _ in steps:
            owners.setdefault(step, set()).add(program)
    taken: set[str] = set()
    names: list[list[str]] = []
    for program, steps in programs:
        names.append([])
        for step, qualifiers in steps:
            own = _dashed(program) or re.sub(r"[^a-z0-9]+", "-", program.lower()).strip("-") or "program"
            base = step if len(owners[step]) == 1 or own == step else f"{step}-{own}"
            candidates = [base, *(f"{base}-{slug}" for text in qualifiers if (slug := _dashed(text)))]
            name = next((candidate for candidate in candidates if candidate not in taken), "")
            number = 2
            while not name:
                name = f"{base}-{number}" if f"{base}-{number}" not in taken else ""
                number += 1
            taken.add(name)
            names[-1].append(name)
    return names


def _dashed(text: str) -> str:
    slug = make_slug(text.replace("_", " "), MAX_HEADING_WORDS, shorten=True)
    return slug.replace("_", "-")
