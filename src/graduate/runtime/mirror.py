"""A project folder of its own for each process but the first.

All processes run the same program, so all write the same files. Each does so in its own tree: nobody sees half of what
another writes, and what a step looks up (is there a file?) is answered alike everywhere. The first process works in
the project itself; only what it writes stays.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import world
from .files import is_nobodys
from .paths import PROJECT_ROOT, STATE_FOLDER
from .problems import EXIT_FAILED, Problem

FOLDER = STATE_FOLDER / "ranks"
_MIRROR = "PIPELINE_MIRROR_OF"
_LEFT_OUT = frozenset(
    {
        ".git",
        ".venv",
        ".venv-audit",
        ".wheels",
        "venv",
        "__pycache__",
        "node_modules",
        "logs",
        ".mypy_cache",
        ".ruff_cache",
    }
)
_OWN_STATE = frozenset(
    {"ranks", "sweep", "trial.jsonl", "lock", "staging", "events.jsonl", "errors", "quarantine", "backups"}
)
_WRITTEN_IN_PLACE = frozenset(
    {".pt", ".pth", ".ckpt", ".bin", ".h5", ".hdf5", ".db", ".sqlite", ".jsonl", ".log"}
)
"""Files that libraries open for writing without Python noticing, or that are added to: these are copied."""
_BIG = 1 << 20
_SILENCED = {"WANDB_MODE": "disabled", "COMET_MODE": "disabled", "NEPTUNE_MODE": "debug"}
"""Services that would hear of the run from each process."""
_project = ""
"""The project of which this tree is a trial."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_TRUNC


def enter(package: str) -> None:
    """Go on in a tree of one's own. Does not return where there was none yet."""
    if world.RANK == 0 or os.environ.get(_MIRROR):
        if world.RANK:
            tempfile.gettempdir()  # not for the first time in the hook, which may be called while it is looked for
            sys.addaudithook(_before_open)
        return
    mirror = FOLDER / str(world.RANK)
    shutil.rmtree(mirror, ignore_errors=True)
    copy_tree(PROJECT_ROOT, mirror)
    _redirect_output()
    os.environ |= {_MIRROR: str(PROJECT_ROOT), **_SILENCED}
    os.chdir(mirror)
    os.execv(sys.executable, [sys.executable, "-m", package, *sys.argv[1:]])


def _redirect_output() -> None:
    """What this process prints is what the first one prints; its errors are kept."""
    logs = PROJECT_ROOT / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    null = os.open(os.devnull, os.O_WRONLY)
    log = os.open(logs / f"rank-{world.RANK}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(null, 1)
    os.dup2(log, 2)


def copy_tree(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name in _LEFT_OUT or (source == STATE_FOLDER and entry.name in _OWN_STATE):
                continue
            path = target / entry.name
            if entry.is_symlink():
                path.symlink_to(_as_seen_there(entry.path))
            elif entry.is_dir():
                copy_tree(Path(entry.path), path)
            elif entry.is_file():
                _lend(Path(entry.path), path)


def _as_seen_there(link: str) -> str:
    """Where a link leads: a way out of the project is another one from a tree that lies deeper."""
    way = os.readlink(link)  # noqa: PTH115
    end = os.path.abspath(os.path.join(os.path.dirname(link), way))  # noqa: PTH100, PTH118, PTH120
    return way if end.startswith(f"{PROJECT_ROOT}/") else end


def _lend(source: Path, target: Path) -> None:
    """The same file under another name; a copy where somebody may write into it, or where that is as cheap."""
    inside = source.relative_to(PROJECT_ROOT).parts[0] if source.is_relative_to(PROJECT_ROOT) else ""
    stays = inside in ("data", STATE_FOLDER.name) or source.stat().st_size >= _BIG
    if not stays or (source.suffix in _WRITTEN_IN_PLACE and source.parent.name != "objects"):
        shutil.copy2(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def protect_lent(project: str) -> None:
    """In a tree that is a trial of `project`: what is lent is copied before it is written to, and the project stays."""
    global _project
    _project = project
    sys.addaudithook(_before_open)


def _before_open(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "os.truncate"):
        return
    path = arguments[0]
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
        return
    if isinstance(path, (str, bytes, os.PathLike)):
        before_write(os.fsdecode(path))


def before_write(path: str) -> None:
    """A lent file is copied before it is written to. Raises `Problem` for a file that is everybody's."""
    name = os.path.abspath(path)  # noqa: PTH100
    if not name.startswith(f"{PROJECT_ROOT}/"):
        if _project and not os.environ.get(_MIRROR):
            _check_not_of(_project, name)
        elif not is_nobodys(name):
            raise world.cannot(f"writing {name}", "outside of the project folder")
        return
    try:
        if os.stat(name).st_nlink < 2 or not os.path.isfile(name):  # noqa: PTH116, PTH113
            return
        own = f"{name}.own{os.getpid()}"
        shutil.copy2(name, own)
        os.replace(own, name)  # noqa: PTH105
    except OSError:
        return


def _check_not_of(project: str, name: str) -> None:
    """A trial may not write into the project that it is a copy of."""
    if name.startswith(f"{project}/") and not name.startswith(f"{sys.prefix}/"):
        raise Problem(
            "A trial of a sweep would write into the project itself.",
            where=os.path.relpath(name, project),
            why="a step keeps the whole path of a file, or the code names it",
            fix="let the step that makes the path run in each trial (`reuse: false` in configs/sweep.yaml)",
            exit_code=EXIT_FAILED,
        )
