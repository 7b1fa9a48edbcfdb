"""What each line magic and shell line of a notebook is in Python, or why it has no counterpart.

The table answers with statements at indentation 0; the caller puts them in place.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass

from graduate.read.shell_text import expand, quote

EDITOR_ONLY = "concerns only the notebook editor"
_INSTALLERS = re.compile(
    r"^(?:sudo\s+(?:-\w+\s+)?)?(?:\S*python[\d.]*\s+-m\s+|\{sys\.executable\}\s+-m\s+|uv\s+)?"
    r"(pip[\d.]*|conda|mamba|micromamba)\s+(?:\w+\s+)??install\b(.*)$",
    re.DOTALL,
)
_INSTALLER_QUERIES = re.compile(r"^(?:\S*python[\d.]*\s+-m\s+)?(?:pip[\d.]*|conda|mamba)\s")
_SYSTEM_INSTALLERS = re.compile(r"^(?:sudo\s+(?:-\w+\s+)?)?(?:apt|apt-get|yum|dnf|brew)\s")
_TAKES_VALUE = {
    *("-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f"),
    *("--find-links", "-t", "--target", "-n", "--name", "--channel", "--prefix", "--trusted-host", "-p"),
}
_REASONS = {
    "timeit": "measures time only; what it runs is run for nothing but the measurement",
    "precision": "sets how the notebook shows floats; values are printed in full",
    "reset": "deletes the names of the session; a program starts without any",
    "reset_selective": "deletes names of the session; a program starts without any",
    "store": "keeps variables between notebook sessions; a program stores what crosses its steps",
    "load": "puts a file into the cell for its author to edit",
    "tensorboard": "shows TensorBoard in the notebook; run tensorboard on the log folder instead",
    "sql": "SQL that the notebook's own connection runs",
}
_EDITOR = {
    *("matplotlib", "load_ext", "reload_ext", "unload_ext", "autoreload", "aimport", "config", "pinfo"),
    *("pinfo2", "pdoc", "psource", "pdef", "pfile", "psearch", "pycat", "lsmagic", "magic", "who", "whos"),
    *("who_ls", "history", "hist", "recall", "rerun", "debug", "pdb", "xmode", "tb", "doctest_mode"),
    *("colors", "gui", "automagic", "autocall", "alias", "alias_magic", "rehashx", "page", "notebook"),
    *("quickref", "logstart", "logstop", "logon", "logoff", "logstate", "nb_black", "blackcellmagic"),
    *("watermark", "version_information", "edit", "macro", "save", "pastebin", "bookmark", "dhist"),
    *("dirs", "popd", "pushd", "connect_info", "qtconsole", "less", "more", "man", "skip_traceback"),
    *("lab_black", "flake8_on", "pycodestyle_on", "wandb", "memory_usage", "code_wrap", "colab"),
}
_RUNS_STATEMENT = {"time", "prun", "memit", "lprun", "mprun", "snakeviz", "pyinstrument", "heat", "debugcell"}
_SHELL_ALIASES = {
    "ls",
    "ll",
    "lx",
    "ldir",
    "lf",
    "lk",
    "cat",
    "cp",
    "mv",
    "rm",
    "mkdir",
    "rmdir",
    "sx",
    "system",
}
_OPTIONS_OF = {"prun": "lsTDrq", "memit": "rtic", "lprun": "fmDTsu", "mprun": "fT"}
_LISTING = {"ll": "ls -l", "lx": "ls -l", "ldir": "ls -l", "lf": "ls -l", "lk": "ls -l"}


@dataclass(frozen=True, slots=True)
class Python:
    """Statements in place of a magic; `value` is the expression where its value is asked for.

    A `reason` says what is left out: all of it when there are no statements. `modules` must be imported first.
    """

    statements: tuple[str, ...] = ()
    value: str = ""
    reason: str = ""
    modules: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    run: tuple[str, ...] = ()


def read_system(command: str, names: Collection[str]) -> Python:
    """`!command`."""
    command = command.strip()
    if found := find_requirements(command):
        return found
    call = f"shell({expand(command, names)})"
    return Python((call,), value=call, helpers=("shell",))


def read_getoutput(command: str, names: Collection[str]) -> Python:
    """`x = !command`, `!!command`."""
    call = f"shell_lines({expand(command.strip(), names)})"
    return Python((call,), value=call, helpers=("shell_lines",))


def find_requirements(command: str) -> Python | None:
    """What a command that only installs packages asks for; None for other commands."""
    requirements: list[str] = []
    reason = "installs packages, which the project declares"
    for part in _split_commands(command):
        if match := _INSTALLERS.match(part):
            requirements += _requirements_of(match[2], conda=not match[1].startswith("pip"))
        elif _SYSTEM_INSTALLERS.match(part):
            reason = "installs system packages; install them where the project runs"
        elif not _INSTALLER_QUERIES.match(part):
            return None
    return Python(requirements=tuple(requirements), reason=reason)


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
    for word in _split(arguments):
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _TAKES_VALUE
        elif word in {"|", "&", "#"} or word.startswith((">", "2>", "&>")):
            break
        elif re.match(r"[A-Za-z0-9][\w.\-]*", word) and "/" not in word.partition("@")[0]:
            found.append(_from_conda(word) if conda else word)
    return found


def _from_conda(word: str) -> str:
    """`numpy=1.21` of conda is `numpy==1.21.*` of pip."""
    return re.sub(r"^([\w.\-]+)=([\w.]+)(=[\w]+)?$", r"\1==\2.*", word)


def read_line_magic(name: str, argument: str, names: Collection[str]) -> Python:
    """`%name argument`."""
    argument = argument.strip()
    if name in {"pip", "conda", "mamba", "micromamba", "uv"}:
        return find_requirements(f"{name} {argument}") or Python(reason="manages packages of the environment")
    if name in _SHELL_ALIASES:
        if name in {"sx", "system"}:
            return read_getoutput(argument, names)
        return read_system(f"{_LISTING.get(name, name)} {argument}", names)
    if name in _RUNS_STATEMENT:
        statement = _without_options(argument, _OPTIONS_OF.get(name, ""))
        return Python((statement,) if statement else (), value=statement, reason=f"%{name} only measures")
    match name:
        case "cd":
            return _change_folder(argument, names)
        case "pwd":
            return Python(("os.getcwd()",), value="os.getcwd()", modules=("os",))
        case "env" | "set_env":
            return _set_environment(argument, names)
        case "pylab":
            return Python(("from pylab import *",), reason=f"the rest of %pylab {EDITOR_ONLY}")
        case "run":
            return Python(run=tuple(_split(argument)))
    if name in _EDITOR:
        return Python(reason=EDITOR_ONLY)
    return Python(reason=_REASONS.get(name, f"the magic %{name} has no counterpart in Python"))


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _without_options(argument: str, with_value: str) -> str:
    """The statement behind the options of a profiling magic."""
    while match := re.match(r"-(\w)(\s+|$)", argument):
        argument = argument[match.end() :]
        if match[1] in with_value:
            argument = re.sub(r"^\S+\s*", "", argument)
    return argument


def _change_folder(argument: str, names: Collection[str]) -> Python:
    folder = argument.strip("\"'")
    if folder.startswith(("-", "bookmark:")):
        return Python(reason="goes back to a folder of the notebook session")
    path = expand(folder or "~", names)
    if folder in {"", "~"} or folder.startswith("~"):
        path = f"os.path.expanduser({path})"
    return Python((f"os.chdir({path})",), modules=("os",))


def _set_environment(argument: str, names: Collection[str]) -> Python:
    match = re.match(r"([^\s=]+)\s*(?:=|\s)\s*(.*)$", argument, re.DOTALL)
    if not argument:
        return Python(reason="lists the environment", value="dict(os.environ)", modules=("os",))
    if match is None:
        value = f"os.environ[{quote(argument)}]"
        return Python((value,), value=value, modules=("os",))
    return Python((f"os.environ[{quote(match[1])}] = {expand(match[2], names)}",), modules=("os",))
