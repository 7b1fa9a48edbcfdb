"""The reads of environment variables that have a default: `os.environ.get("DATA", "data")`, `os.getenv("DEBUG")`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graduate.syntax.imports import qualify
from graduate.syntax.nodes import dotted, list_nodes

_READS = frozenset({"os.environ.get", "os.getenv"})
_OF_THE_SYSTEM = re.compile(
    r"(HOME|PATH|PWD|USER|USERNAME|LOGNAME|SHELL|LANG|TERM|DISPLAY|HOSTNAME|TMPDIR|TEMP|TMP|EDITOR|VIRTUAL_ENV|CI|PYTHON\w*|"
    r"(RANK|LOCAL|WORLD|COLAB|KAGGLE|CUDA|NCCL|GLOO|MASTER|GROUP|TORCHELASTIC|SLURM|PMI|OMPI|MPI|LC|XDG|OMP|MKL|OPENBLAS|CONDA|"
    r"JPY|SM|AWS|HF|TRANSFORMERS|WANDB|TF|XLA|JAX|KERAS|PYTORCH|TORCH|MPL|QT|SSH|KUBERNETES|DATABRICKS|SPARK|HADOOP|JAVA|XRT|"
    r"TPU|RAY|ACCELERATE|DEEPSPEED|PIPELINE)(_\w+)?)"
)
"""Variables that launchers, libraries and systems give: they say where a process runs, not what it computes."""


@dataclass(frozen=True, slots=True)
class EnvironmentRead:
    """A read of the variable `name`; `default` is None where there is none."""

    call: ast.Call
    name: str
    default: ast.expr | None


def find_environment_reads(nodes: Sequence[ast.AST], imports: dict[str, str]) -> Iterator[EnvironmentRead]:
    """The reads, but for those in f-strings, whose places Python does not tell."""
    hidden = {id(each) for node in nodes if isinstance(node, ast.JoinedStr) for each in list_nodes(node)}
    for node in nodes:
        if not isinstance(node, ast.Call) or qualify(dotted(node.func), imports) not in _READS:
            continue
        given = [*node.args, *(k.value for k in node.keywords if k.arg == "default")]
        if (
            id(node) in hidden
            or len(node.args) + len(node.keywords) != len(given)
            or len(given) not in (1, 2)
        ):
            continue
        name = given[0].value if isinstance(given[0], ast.Constant) else None
        if isinstance(name, str) and name.isidentifier() and not _OF_THE_SYSTEM.fullmatch(name):
            yield EnvironmentRead(node, name, given[1] if len(given) == 2 else None)


def find_written_variables(nodes: Sequence[ast.AST], imports: dict[str, str]) -> set[str]:
    """The variables that the code itself sets; "" is among them when it cannot be told which."""
    found: set[str] = set()
    for node in nodes:
        names: list[ast.expr] = []
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
            names = [node.slice] if qualify(dotted(node.value), imports) == "os.environ" else []
        elif isinstance(node, ast.Call):
            called = qualify(dotted(node.func), imports)
            if called in ("os.environ.update", "os.environ.clear", "dotenv.load_dotenv"):
                found.add("")
            if called in ("os.environ.setdefault", "os.environ.pop", "os.putenv", "os.unsetenv"):
                names = node.args[:1]
        found |= {str(name.value) if isinstance(name, ast.Constant) else "" for name in names}
    return found
