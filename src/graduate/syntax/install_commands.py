"""What `pip install` and `conda install` commands ask for, in notebooks, shell scripts and documents."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

_INSTALLERS = re.compile(
    r"^(?:sudo\s+(?:-\w+\s+)?)?(?:\S*python[\d.]*\s+-m\s+|\{sys\.executable\}\s+-m\s+|uv\s+)?"
    r"(?:(pip[\d.]*|pipenv|conda|mamba|micromamba)\s+(?:\w+\s+)??install|(?:uv|poetry)\s+add)\b(.*)$",
    re.DOTALL,
)
_INSTALLER_QUERIES = re.compile(r"^(?:\S*python[\d.]*\s+-m\s+)?(?:pip[\d.]*|conda|mamba)\s")
_SYSTEM_INSTALLERS = re.compile(r"^(?:sudo\s+(?:-\w+\s+)?)?(?:apt|apt-get|yum|dnf|brew)\s")
_CONDA = ("conda", "mamba", "micromamba")
_TAKES_VALUE = {
    *("-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f"),
    *("--find-links", "-t", "--target", "-n", "--name", "--channel", "--prefix", "--trusted-host", "-p"),
    *("-e", "--editable", "--group", "-G", "--extra"),
}
_REQUIREMENTS = re.compile(
    r"(?:^|/)(?:[^/]*requirements?[^/]*|reqs?|(?:requirements?|reqs)/[^/]*)\.(?:txt|in)$", re.IGNORECASE
)
_CONSTRAINTS = re.compile(r"(?:^|/)[^/]*constraints?[^/]*\.(?:txt|in)$", re.IGNORECASE)
_PROMPT = re.compile(r"^\s*(?:[-*+]\s+|\d+[.)]\s+)?(?:[$>%!]\s*)?(?:RUN\s+)?")
_CODE_SPAN = re.compile(r"`([^`\n]+)`")


def is_requirements(path: str) -> bool:
    """Whether a file lists requirements as pip reads them: requirements-dev.txt, requirements/base.in."""
    return _REQUIREMENTS.search(path) is not None


def is_constraints(path: str) -> bool:
    return _CONSTRAINTS.search(path) is not None


@dataclass(frozen=True, slots=True)
class Install:
    """Requirements that a shell line asks for; `system` says that it installs packages of the system too."""

    requirements: tuple[str, ...]
    system: bool = False


def read_install(command: str) -> Install | None:
    """What a command that only installs packages asks for; None for other commands."""
    requirements: list[str] = []
    system = False
    for part in _split_commands(command):
        if match := _INSTALLERS.match(part):
            requirements += _requirements_of(match[2], conda=(match[1] or "").startswith(_CONDA))
        elif _SYSTEM_INSTALLERS.match(part):
            system = True
        elif not _INSTALLER_QUERIES.match(part):
            return None
    return Install(tuple(requirements), system)


def find_installs(line: str) -> list[str]:
    """The requirements of the install commands in a line of a shell script, Dockerfile, Makefile or document.

    In running text only what stands as code counts: "you can pip install it" asks for nothing.
    """
    texts = [_PROMPT.sub("", line, count=1).strip("@ \t"), *_CODE_SPAN.findall(line)]
    found: list[str] = []
    for text in texts:
        for part in _split_commands(text.rstrip("\\ ")):
            if match := _INSTALLERS.match(part):
                found += _requirements_of(match[2], conda=(match[1] or "").startswith(_CONDA))
    return list(dict.fromkeys(found))


def join_continued(text: str) -> list[tuple[int, str]]:
    """The lines of a shell text with their numbers; one that ends in a backslash holds the next ones too."""
    joined: list[tuple[int, str]] = []
    continues = False
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip()
        part = bare.removesuffix("\\")
        if continues:
            joined[-1] = (joined[-1][0], f"{joined[-1][1]} {part.strip()}")
        else:
            joined.append((number, part))
        continues = bare.endswith("\\")
    return joined


def _split_commands(line: str) -> list[str]:
    """The simple commands of a shell line, without redirections to nowhere."""
    line = re.sub(r"\s(?:\d?>&\d|&?\d?>\s*/dev/null)", "", line)
    lexer = shlex.shlex(line, posix=False, punctuation_chars="&|;")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) <= set("&|;"):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:
        return [line]
    return [" ".join(words) for words in commands if words]


def _requirements_of(arguments: str, *, conda: bool) -> list[str]:
    found, skip = [], False
    for word in split_words(arguments):
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _TAKES_VALUE
        elif word in {"|", "&", "#"} or word.startswith((">", "2>", "&>")):
            break
        elif word.endswith(".whl"):
            found.append(word.rpartition("/")[2].partition("-")[0])
        elif re.match(r"[A-Za-z0-9][\w.\-]*", word) and "/" not in word.partition("@")[0]:
            found.append(from_conda(word) if conda else word)
    return [each for each in found if each]


def split_words(text: str) -> list[str]:
    """The words of a shell command; those between blanks when its quotes do not close."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


CONDA_NAMES = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "tensorflow-gpu": "tensorflow",
    "opencv": "opencv-python",
    "pytables": "tables",
}
_CONDA_ONLY = {
    *("pip", "python", "cudatoolkit", "cudnn", "pytorch-cuda", "mkl", "nomkl", "blas", "conda", "anaconda"),
    *(
        "cuda",
        "cuda-toolkit",
        "nccl",
        "gcc",
        "gxx",
        "libgcc",
        "openblas",
        "jupyter",
        "git",
        "ffmpeg",
        "cmake",
    ),
}


def from_conda(item: str) -> str:
    """`numpy=1.21` of conda is `numpy==1.21.*` of pip; "" for what only conda has."""
    item = item.rpartition("::")[2].strip()
    match = re.match(r"([\w.\-]+)\s*(.*)$", item)
    if match is None or match[1].lower() in _CONDA_ONLY:
        return ""
    name, version = CONDA_NAMES.get(match[1].lower(), match[1]), match[2].strip()
    if exact := re.fullmatch(r"=?=\s*([\w.]+)(?:=\S+)?", version):
        is_whole = version.startswith("==") or version.count("=") == 2 or exact[1].endswith("*")
        return f"{name}=={exact[1]}" if is_whole else f"{name}=={exact[1]}.*"
    return f"{name}{version}" if re.match(r"[<>=!~]", version) else name
