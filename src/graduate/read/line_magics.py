"""What each line magic and shell line of a notebook is in Python, or why it has no counterpart.

The table answers with statements at indentation 0; the caller puts them in place.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from graduate.read.shell_text import expand, quote
from graduate.syntax.install_commands import read_install, split_words

EDITOR_ONLY = "concerns only the notebook editor"
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
    found = read_install(command)
    if found is None:
        return None
    reason = "installs packages, which the project declares"
    if found.system:
        reason = "installs system packages; install them where the project runs"
    return Python(requirements=found.requirements, reason=reason)


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
            return Python(run=tuple(split_words(argument)))
    if name in _EDITOR:
        return Python(reason=EDITOR_ONLY)
    return Python(reason=_REASONS.get(name, f"the magic %{name} has no counterpart in Python"))


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
