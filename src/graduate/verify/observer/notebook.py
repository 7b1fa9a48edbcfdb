"""What notebook code calls beside plain Python. Written apart from the runtime, so that both are checked."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from . import databricks, figures


def display(*values: Any, **_: Any) -> None:
    """Show values in text form."""
    for value in values:
        if value is None:
            continue
        try:
            printer: Any = importlib.import_module("IPython.lib.pretty")
            text = printer.pretty(value)
        except Exception:
            text = repr(value)
        sys.stdout.write(text + "\n")


class Lines(list[str]):
    """Lines that a command printed."""

    l = property(list)  # noqa: E741
    n = property("\n".join)
    s = property(" ".join)

    def grep(self, pattern: str) -> Lines:
        return Lines(line for line in self if re.search(pattern, line, re.IGNORECASE))

    def fields(self, *numbers: int) -> list[Any]:
        rows = [line.split() for line in self]
        return [" ".join(row[n] for n in numbers if n < len(row)) for row in rows] if numbers else rows


def shell_lines(command: str) -> Lines:
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return Lines(done.stdout.decode(errors="replace").splitlines())


def shell(command: str) -> int:
    sys.stdout.flush()
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    sys.stdout.write(done.stdout.decode(errors="replace"))
    return done.returncode


def show_error(error: Exception) -> None:
    print(f"{type(error).__name__}: {error}")


def shell_cell(script: str, interpreter: str = "bash", check: bool = True) -> None:
    sys.stdout.flush()
    done = subprocess.run(interpreter.split(), input=script.encode(), stdout=subprocess.PIPE, check=False)
    sys.stdout.write(done.stdout.decode(errors="replace"))
    if done.returncode and check:
        raise subprocess.CalledProcessError(done.returncode, interpreter)


class Captured:
    """What `%%capture name` keeps."""

    def __init__(self) -> None:
        self.stdout = self.stderr = ""
        self.outputs: tuple[Any, ...] = ()

    def __call__(self) -> None:
        print(self.stdout, end="")
        print(self.stderr, end="", file=sys.stderr)

    show = __call__

    def __str__(self) -> str:
        return self.stdout


@contextlib.contextmanager
def capture(caught: Captured | None = None) -> Iterator[Captured]:
    caught = caught or Captured()
    streams, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), io.StringIO(), io.StringIO()
    own = (sys.stdout, sys.stderr)
    try:
        yield caught
    finally:
        sys.stdout, sys.stderr = streams
        caught.stdout += own[0].getvalue()
        caught.stderr += own[1].getvalue()


class Shell:
    """The part of IPython's shell object that notebooks use."""

    system = staticmethod(shell)
    getoutput = staticmethod(shell_lines)

    def run_line_magic(self, name: str, line: str) -> None:
        if name in ("cd", "chdir"):
            os.chdir(os.path.expanduser(line.strip()))  # noqa: PTH111

    magic = run_line_magic


def get_ipython() -> Shell:
    return Shell()


class _Uploads(dict[str, bytes]):
    def __missing__(self, name: str) -> bytes:
        with open(name, "rb") as file:  # noqa: PTH123
            return file.read()


class ColabService:
    """A module of `google.colab`: uploads are files that are here, secrets in the environment, the rest nothing."""

    stands_for_platform = True

    def __init__(self, name: str) -> None:
        self.called = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.called == "userdata":
            return os.environ.__getitem__
        return _Uploads if name.startswith("upload") else lambda *_, **__: None


def names(helpers: list[str]) -> dict[str, Any]:
    """The functions that a notebook's code was read to call."""
    known: dict[str, Any] = {
        "colab_service": ColabService,
        "dbutils": databricks.Utilities(),
        "capture": capture,
        "display": display,
        "displayHTML": lambda *_: None,
        "show_error": show_error,
        "shell": shell,
        "shell_lines": shell_lines,
        "shell_cell": shell_cell,
        "show_figures": figures.show_figures,
        "get_ipython": get_ipython,
    }
    return {name: known[name] for name in helpers if name in known}
