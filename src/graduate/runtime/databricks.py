# ruff: noqa: N803, N815
"""What stands for `dbutils` outside of Databricks. Its files are in the folder `dbfs` where the notebook runs, widgets
and secrets are environment variables of their names, and what concerns a cluster or the browser does nothing.

The names are those of Databricks. Source: its "Databricks Utilities (dbutils) reference".
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

_ROOT = "dbfs"


class FileInfo(NamedTuple):
    """An entry of `dbutils.fs.ls`. `size` is in bytes, `modificationTime` in milliseconds."""

    path: str
    name: str
    size: int
    modificationTime: int


def _local(path: str) -> Path:
    """The file here of a path of Databricks: `dbfs:/mnt/a` and `/mnt/a` are `dbfs/mnt/a`, `file:/tmp/a` is `/tmp/a`."""
    if path.startswith("file:"):
        return Path("/" + path.removeprefix("file:").lstrip("/"))
    inside = path.removeprefix("dbfs:").removeprefix("/dbfs/")
    return Path(_ROOT, inside.lstrip("/")) if inside != path or path.startswith("/") else Path(path)


def _shown(path: Path) -> str:
    text = path.as_posix()
    is_inside = text == _ROOT or text.startswith(f"{_ROOT}/")
    return f"dbfs:/{text.removeprefix(_ROOT).lstrip('/')}" if is_inside else f"file:{text}"


class _Files:
    """`dbutils.fs`."""

    def ls(self, path: str) -> list[FileInfo]:
        start = _local(path)
        found = []
        for each in sorted(start.iterdir()) if start.is_dir() else [start]:
            status, end = each.stat(), "/" if each.is_dir() else ""
            size = 0 if end else status.st_size
            found.append(FileInfo(_shown(each) + end, each.name + end, size, int(status.st_mtime * 1000)))
        return found

    def mkdirs(self, path: str) -> bool:
        _local(path).mkdir(parents=True, exist_ok=True)
        return True

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        target = _local(file)
        if target.exists() and not overwrite:
            raise FileExistsError(f"{file} exists: pass True to write over it")
        target.parent.mkdir(parents=True, exist_ok=True)
        written = target.write_bytes(contents.encode())
        print(f"Wrote {written} bytes.")
        return True

    def head(self, file: str, maxBytes: int = 65536) -> str:
        with _local(file).open("rb") as opened:
            return opened.read(maxBytes).decode(errors="replace")

    def cp(self, source: str, target: str, recurse: bool = False) -> bool:
        start, end = _local(source), _local(target)
        if start.is_dir() and recurse:
            shutil.copytree(start, end, dirs_exist_ok=True)
            return True
        end = end / start.name if end.is_dir() else end
        end.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(start, end)
        return True

    def mv(self, source: str, target: str, recurse: bool = False) -> bool:
        return self.cp(source, target, recurse) and self.rm(source, recurse)

    def rm(self, path: str, recurse: bool = False) -> bool:
        target = _local(path)
        if target.is_dir():
            shutil.rmtree(target) if recurse else target.rmdir()
        elif target.exists():
            target.unlink()
        else:
            return False
        return True

    def mounts(self) -> list[Any]:
        return []

    def mount(self, *_: Any, **__: Any) -> bool:
        """What would be mounted is a folder below `dbfs` here."""
        return True

    unmount = refreshMounts = updateMount = mount


class _Widgets:
    """`dbutils.widgets`: their values are in the environment, so that they last as long as it."""

    def text(self, name: str, defaultValue: str = "", *_: Any, **__: Any) -> None:
        os.environ.setdefault(_variable(name), str(defaultValue))

    dropdown = combobox = multiselect = text

    def get(self, name: str) -> str:
        """Raises `KeyError` when it was neither declared nor given."""
        if _variable(name) not in os.environ:
            raise KeyError(f"the widget {name} of Databricks: set the environment variable {_variable(name)}")
        return os.environ[_variable(name)]

    def getArgument(self, name: str, default: str = "") -> str:
        return os.environ.get(_variable(name), default)

    def remove(self, name: str) -> None:
        os.environ.pop(_variable(name), None)

    def removeAll(self) -> None:
        """Widgets that are declared again get the values that they have."""


class _Secrets:
    """`dbutils.secrets`."""

    def get(self, scope: str, key: str) -> str:
        """Raises `KeyError` when the environment has none of that name."""
        name = _variable(key).upper()
        if name not in os.environ:
            raise KeyError(f"the secret {key} of Databricks ({scope}): set the environment variable {name}")
        return os.environ[name]

    def getBytes(self, scope: str, key: str) -> bytes:
        return self.get(scope, key).encode()

    def list(self, *_: Any) -> Sequence[Any]:
        return []

    listScopes = list


class _Notebooks:
    """`dbutils.notebook`."""

    def exit(self, value: str) -> NoReturn:
        print("Notebook exited:", value)
        sys.exit()

    def run(self, path: str, *_: Any, **__: Any) -> NoReturn:
        """Raises `NotImplementedError`: another notebook is a program of its own here."""
        raise NotImplementedError(
            f"dbutils.notebook.run({path!r}) needs Databricks: run that notebook as a step of its own, or use %run"
        )


class _Values:
    """`dbutils.jobs.taskValues`, as outside of a job: what is set is for tasks that run later on Databricks."""

    def set(self, *_: Any, **__: Any) -> None: ...

    def get(self, taskKey: str, key: str, default: Any = None, debugValue: Any = None) -> Any:
        """Raises `ValueError` where there is no value for a run outside of a job."""
        if debugValue is None and default is None:
            raise ValueError(f"the value {key} of the task {taskKey}: it has no debugValue")
        return default if debugValue is None else debugValue


class _Jobs:
    taskValues = _Values()


class _Nothing:
    """A service whose calls do nothing here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


class DatabricksUtilities:
    """`dbutils`."""

    stands_for_platform = True
    fs = _Files()
    widgets = _Widgets()
    secrets = _Secrets()
    notebook = _Notebooks()
    jobs = _Jobs()
    library = _Nothing()
    data = _Nothing()
    credentials = _Nothing()

    def help(self, *_: Any) -> None:
        """The help of Databricks is not here."""


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name)


def displayHTML(*_: Any) -> None:
    """Web content has no place in a log."""


dbutils = DatabricksUtilities()
