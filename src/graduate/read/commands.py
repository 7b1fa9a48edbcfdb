"""Command lines that run Python files: in scripts for a shell or a batch system, Makefiles, pipelines of DVC and
Snakemake, and code blocks of a README."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from types import MappingProxyType
from typing import Any

import yaml

from graduate.model.source import MODULES

_PYTHON = re.compile(
    r"^(?:.*/)?(?:python|python[23](?:\.\d+)?|ipython3?|pypy3?|\$\{?PYTHON\}?|\$\(PYTHON3?\))$"
)
_LAUNCHERS = {"torchrun", "accelerate", "deepspeed", "horovodrun", "mpirun", "mpiexec", "srun", "launch"}
_NOT_KNOWN = re.compile(r"[<>\[\]{}$`*]|\.\.\.|…")
_PYTHON_FLAGS_WITH_VALUE = {"-W", "-X", "-c"}
_FENCE = re.compile(r"^\s*(```|~~~)")
_RULE = re.compile(r"^\s*(?:shell:\s*)?[\"']+|[\"']+\s*$")
"""What stands around a command in a rule of Snakemake."""
_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_]\w*)\s*:?=\s*(\"[^\"]*\"|'[^']*'|\S*)\s*$")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that runs the module at `path` from `folder`; `origin` is `run.sh:3`.

    `arguments` is () when the text holds placeholders that stand for something else.
    """

    path: str
    arguments: tuple[str, ...]
    origin: str
    folder: str = ""


def find_commands(
    texts: Sequence[tuple[str, str]],
    modules: Sequence[str],
    scripts: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Command, ...]:
    """The commands in texts that run one of the modules: shell scripts first, then Makefiles, then READMEs.

    `scripts` are commands of the project's own and the modules that they run.
    """
    found: list[Command] = []
    folders = {folder for module in modules for folder in list_folders(module)}
    for path, text in sorted((item for item in texts if _rank(item[0]) < 9), key=lambda item: _key(item[0])):
        folder = before = dirname(path)
        for number, line, names in _lines(path, text):
            for words in _split(line, names, scripts):
                if words[0] == "cd" and len(words) == 2:
                    there = before if words[1] == "-" else _change_folder(folder, words[1], folders)
                    folder, before = there, folder
                    continue
                origin = f"{path}:{number}"
                if words[0] in scripts:
                    arguments = _arguments(words[1:])
                    command = Command(scripts[words[0]], arguments, origin) if arguments is not None else None
                else:
                    command = _read_command(words, folder, origin, modules)
                if command is not None:
                    found.append(command)
    return tuple(found)


def list_folders(path: str) -> Iterator[str]:
    """The folders that a relative path lies in, from the innermost one to the root, which is ""."""
    while path:
        path = dirname(path)
        yield path


def _change_folder(here: str, to: str, folders: Collection[str]) -> str:
    """Where `cd` leads; a folder that is not part of the source (a fresh clone of it, say) leads nowhere."""
    there = normpath(join(here, to)).removeprefix(".")
    return there if there in folders else here


def is_rule(origin: str) -> bool:
    """Whether a command stands in a rule, which runs when what it makes is needed: of make, DVC, Snakemake."""
    return _rank(origin.rpartition(":")[0]) == 2


def _rank(path: str) -> int:
    name = basename(path).lower()
    if name.endswith((".sh", ".bash", ".slurm", ".sbatch", ".job", ".pbs")):
        return 0 if re.match(r"run|main|all|train|pipeline|reproduce", name) else 1
    if name in {"makefile", "gnumakefile", "justfile", "dvc.yaml", "snakefile"} or name.endswith(".mk"):
        return 2
    return 3 if name.startswith("readme") else 9


def _key(path: str) -> tuple[int, int, str]:
    return path.count("/"), _rank(path), path


def _lines(path: str, text: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Command lines with their numbers and the variables that are set above them."""
    if basename(path) == "dvc.yaml":
        yield from ((number, line, {}) for number, line in _stages(text))
        return
    names: dict[str, str] = {}
    fenced = not basename(path).lower().startswith("readme")
    is_readme = not fenced
    start, pending = 1, ""
    quoted = _RULE if basename(path) == "Snakefile" else None
    for number, line in enumerate(text.split("\n"), 1):
        if quoted:
            line = quoted.sub("", line)
        if is_readme and _FENCE.match(line):
            fenced, pending = not fenced, ""
            continue
        is_code = fenced or (is_readme and line.startswith(("    ", "\t")))
        if not is_code or line.strip().startswith("#"):
            continue
        start = start if pending else number
        pending += re.sub(r"^\s*(?:[$>%!]\s+|[@-]+)?", "", line) if not pending else line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        if match := _ASSIGNMENT.match(pending):
            names[match[1]] = match[2].strip("\"'")
        yield start, pending, dict(names)
        pending = ""


def _stages(text: str) -> Iterator[tuple[int, str]]:
    """The commands of a `dvc.yaml`, each after a `cd` to where it runs and followed by one back."""
    try:
        top: Any = yaml.compose(text)
    except yaml.YAMLError:
        return
    for _, stage in _pairs(dict(_pairs(top)).get("stages")):
        parts = dict(_pairs(stage))
        there, command = parts.get("wdir"), parts.get("cmd")
        lines = command.value if isinstance(command, yaml.SequenceNode) else [command]
        for line in lines:
            if isinstance(line, yaml.ScalarNode):
                words = " && ".join(each.strip() for each in line.value.split("\n") if each.strip())
                yield line.start_mark.line + 1, f"cd {there.value} && {words} && cd -" if there else words


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    """The entries of a mapping of YAML; none where it is something else."""
    yield from (
        (key.value, value) for key, value in (node.value if isinstance(node, yaml.MappingNode) else ())
    )


def _split(line: str, names: dict[str, str], scripts: Collection[str]) -> Iterator[list[str]]:
    """The words of each simple command of a line, with known variables filled in."""
    if not any(part in line for part in ("py", "PYTHON", "-m", "cd ", *scripts)):
        return
    for name, value in names.items():
        line = re.sub(rf"\$\{{{name}\}}|\$\({name}\)|\${name}\b", value.replace("\\", r"\\"), line)
    for part in re.split(r"&&|\|\||[;|]|(?<![>&\d])&(?!>)", line):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            continue
        if words:
            yield words


def _read_command(words: list[str], folder: str, origin: str, modules: Sequence[str]) -> Command | None:
    at = next((n for n, word in enumerate(words) if _PYTHON.match(word)), None)
    if at is not None:
        rest = words[at + 1 :]
    else:
        at = next((n for n, word in enumerate(words) if word in _LAUNCHERS or word.startswith("./")), None)
        if at is None:
            return None
        rest = words[at if words[at].startswith("./") else at + 1 :]
    for number, word in enumerate(rest):
        if word.endswith(MODULES):
            found = _find(word, folder, modules)
        elif word == "-m" and number + 1 < len(rest) and rest[number + 1] not in {"torch.distributed.launch"}:
            found = _find_module(rest[number + 1], folder, modules)
            number += 1
            if found is None:
                return None
        else:
            continue
        arguments = _arguments(rest[number + 1 :])
        return None if found is None or arguments is None else Command(found[0], arguments, origin, found[1])
    return None


def _find(word: str, folder: str, modules: Sequence[str]) -> tuple[str, str] | None:
    """The module that a command names, and the folder from which that is its path."""
    for base in (folder, ""):
        if normpath(join(base, word)) in modules:
            return normpath(join(base, word)), base
    same_name = [path for path in modules if basename(path) == basename(word)]
    if len(same_name) != 1 or word.startswith("/"):
        return None
    path, tail = same_name[0], normpath(word)
    return path, path.removesuffix(tail).rstrip("/") if f"/{path}".endswith(f"/{tail}") else dirname(path)


def _find_module(name: str, folder: str, modules: Sequence[str]) -> tuple[str, str] | None:
    path = name.replace(".", "/")
    for base in dict.fromkeys((folder, "", "src")):
        for candidate in (join(base, f"{path}.py"), join(base, path, "__main__.py")):
            if candidate in modules:
                return candidate, base
    return None


def _arguments(words: list[str]) -> tuple[str, ...] | None:
    """The arguments up to a redirection; () when they are placeholders, None for a request for help."""
    end = next((n for n, word in enumerate(words) if re.match(r"\d?>|&>|<$|2>&1", word)), len(words))
    arguments = words[:end]
    if {"-h", "--help", "--version"} & set(arguments):
        return None
    if any(_NOT_KNOWN.search(word) for word in arguments):
        return ()
    return tuple(arguments)
