"""What notebook cells did beside plain Python: showing values, running shell lines."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


def display(*objects: Any, **_: Any) -> None:
    """Print values as the notebook showed them in text form. `None` shows nothing."""
    for each in objects:
        if each is not None:
            print(as_text(each))


def as_text(value: Any) -> str:
    """The text form of a value: IPython's where it is installed, else `repr`."""
    try:
        printer: Any = importlib.import_module("IPython.lib.pretty")
        return str(printer.pretty(value))
    except Exception:
        return repr(value)


def show_error(error: Exception) -> None:
    """What Jupyter shows of a cell that raises an error on purpose, without the traceback."""
    print(f"{type(error).__name__}: {error}")


def shell(command: str) -> int:
    """Run a shell line as `!command` did: its output is printed; the exit code."""
    sys.stdout.flush()
    process = subprocess.Popen(
        command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if process.stdout is not None:
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
    return process.wait()


class Lines(list[str]):
    """The output of a shell line, as `lines = !command` gave it."""

    @property
    def l(self) -> list[str]:  # noqa: E743
        return list(self)

    @property
    def n(self) -> str:
        return "\n".join(self)

    @property
    def s(self) -> str:
        return " ".join(self)

    def grep(self, pattern: str) -> Lines:
        """The lines that match a regular expression."""
        import re

        return Lines(line for line in self if re.search(pattern, line, re.IGNORECASE))

    def fields(self, *numbers: int) -> list[Any]:
        """The words of each line, or only those with these numbers joined."""
        words = [line.split() for line in self]
        return [" ".join(line[n] for n in numbers if n < len(line)) for line in words] if numbers else words


def shell_lines(command: str) -> Lines:
    """Run a shell line as `x = !command` did: its output in lines."""
    done = subprocess.run(
        command,
        shell=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return Lines(done.stdout.splitlines())


def shell_cell(script: str, interpreter: str = "bash", *, check: bool = True) -> None:
    """Run a cell that was written in another language (`%%bash`); a failure is an error, as it was there, unless it is
    not to `check` it."""
    sys.stdout.flush()
    done = subprocess.run(
        interpreter.split(), input=script, stdout=subprocess.PIPE, text=True, errors="replace", check=False
    )
    sys.stdout.write(done.stdout)
    sys.stdout.flush()
    if done.returncode and check:
        raise subprocess.CalledProcessError(done.returncode, interpreter, done.stdout)


@dataclass
class Captured:
    """What `%%capture name` keeps: the texts that its cell wrote. Displayed values are among the printed lines."""

    stdout: str = ""
    stderr: str = ""
    outputs: tuple[Any, ...] = ()

    def show(self) -> None:
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)

    __call__ = show

    def __str__(self) -> str:
        return self.stdout


@contextlib.contextmanager
def capture(before: Captured | None = None) -> Iterator[Captured]:
    """Catch what is written, beside what was caught `before`."""
    found = before or Captured()
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            yield found
    finally:
        found.stdout += stdout.getvalue()
        found.stderr += stderr.getvalue()


class _Shell:
    """The little of IPython's shell object that notebooks use."""

    def system(self, command: str) -> int:
        return shell(command)

    def getoutput(self, command: str) -> Lines:
        return shell_lines(command)

    def run_line_magic(self, name: str, line: str) -> None:
        """Magics only concern the editor, except these."""
        if name in ("cd", "chdir"):
            os.chdir(os.path.expanduser(line.strip()))  # noqa: PTH111

    magic = run_line_magic


def get_ipython() -> _Shell:
    """A stand-in for the notebook's shell."""
    return _Shell()
