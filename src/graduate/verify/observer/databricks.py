"""`dbutils` of Databricks for the original. Written apart from the runtime, so that both are checked."""

from __future__ import annotations

import collections
import os
import re
import shutil
import types
from pathlib import Path
from typing import Any

FileInfo = collections.namedtuple("FileInfo", "path name size modificationTime")


def place(path: str) -> Path:
    """Where a path of Databricks is here."""
    kind, colon, rest = path.partition(":")
    if colon and kind == "file":
        return Path("/") / rest.lstrip("/")
    if colon and kind == "dbfs":
        return Path("dbfs") / rest.lstrip("/")
    return Path("dbfs") / re.sub(r"^/(dbfs/)?", "", path) if path.startswith("/") else Path(path)


def url(path: Path) -> str:
    parts = path.parts
    return "dbfs:/" + "/".join(parts[1:]) if parts[:1] == ("dbfs",) else f"file:{path.as_posix()}"


def entries(path: str) -> list[Any]:
    top = place(path)
    found = []
    for file in sorted(top.iterdir()) if top.is_dir() else [top]:
        slash = "/" if file.is_dir() else ""
        found.append(
            FileInfo(
                url(file) + slash,
                file.name + slash,
                0 if slash else file.stat().st_size,
                int(file.stat().st_mtime * 1000),
            )
        )
    return found


def put(file: str, contents: str, overwrite: bool = False) -> bool:
    if place(file).exists() and not overwrite:
        raise FileExistsError(file)
    place(file).parent.mkdir(parents=True, exist_ok=True)
    place(file).write_text(contents, encoding="utf-8", newline="")
    print(f"Wrote {len(contents.encode())} bytes.")
    return True


def copy(source: str, target: str, recurse: bool = False) -> bool:
    start, end = place(source), place(target)
    if recurse and start.is_dir():
        shutil.copytree(start, end, dirs_exist_ok=True)
    else:
        end = end / start.name if end.is_dir() else end
        end.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(start, end)
    return True


def remove(path: str, recurse: bool = False) -> bool:
    found = place(path)
    if not found.exists():
        return False
    if recurse and found.is_dir():
        shutil.rmtree(found)
    elif found.is_dir():
        found.rmdir()
    else:
        found.unlink()
    return True


def make_folder(path: str) -> bool:
    place(path).mkdir(parents=True, exist_ok=True)
    return True


def head(file: str, count: int = 65536) -> str:
    return place(file).read_bytes()[:count].decode(errors="replace")


def leave(value: Any) -> None:
    print(f"Notebook exited: {value}")
    raise SystemExit


def declare(name: str, default: Any = "", *_: Any, **named: Any) -> None:
    os.environ.setdefault(re.sub(r"\W", "_", name), str(named.get("defaultValue", default)))


def given(name: str, *default: str) -> str:
    variable = re.sub(r"\W", "_", name)
    return os.environ.get(variable, *default) if default else os.environ[variable]


def secret(scope: str, key: str) -> str:
    del scope
    return os.environ[re.sub(r"\W", "_", key).upper()]


def task_value(taskKey: str, key: str, default: Any = None, debugValue: Any = None) -> Any:  # noqa: N803
    found = default if debugValue is None else debugValue
    if found is None:
        raise ValueError(f"{taskKey}: {key}")
    return found


def run(path: str, *_: Any, **__: Any) -> None:
    raise NotImplementedError(f"dbutils.notebook.run({path!r})")


class Silent:
    """Services of the cluster."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


class Utilities:
    """`dbutils`."""

    stands_for_platform = True
    fs = types.SimpleNamespace(
        ls=entries,
        put=put,
        cp=copy,
        mv=lambda source, target, recurse=False: copy(source, target, recurse) and remove(source, recurse),
        rm=remove,
        mkdirs=make_folder,
        head=head,
        mounts=list,
        **dict.fromkeys(("mount", "unmount", "refreshMounts", "updateMount"), lambda *_, **__: True),
    )
    widgets = types.SimpleNamespace(
        **dict.fromkeys(("text", "dropdown", "combobox", "multiselect"), declare),
        get=given,
        getArgument=given,
        remove=lambda name: os.environ.pop(re.sub(r"\W", "_", name), None) and None,
        removeAll=lambda: None,
    )
    secrets = types.SimpleNamespace(get=secret, list=lambda *_: [], listScopes=list)
    notebook = types.SimpleNamespace(exit=leave, run=run)
    jobs = types.SimpleNamespace(taskValues=types.SimpleNamespace(set=lambda *_, **__: None, get=task_value))
    library = data = credentials = Silent()

    def help(self, *_: Any) -> None: ...
