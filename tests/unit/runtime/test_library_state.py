"""What libraries hold for the whole process: it is read, stored without what is secret, and put back."""

from __future__ import annotations

import csv
import decimal
import logging
import os
import pickle
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
import sklearn

from graduate.runtime import library_options, library_state
from graduate.runtime.library_state import LibraryState


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = LibraryState()
    yield
    before.put_back({})
    logging.Logger.manager.loggerDict.pop("study", None)


def torch() -> Any:
    return pytest.importorskip("torch")


OPTIONS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Any]] = {
    "decimal": (lambda: decimal.getcontext().prec, lambda n: setattr(decimal.getcontext(), "prec", n), 7),
    "csv": (csv.field_size_limit, csv.field_size_limit, 99999),
    "socket": (socket.getdefaulttimeout, socket.setdefaulttimeout, 2.5),
    "recursion": (sys.getrecursionlimit, sys.setrecursionlimit, 1234),
    "environment": (lambda: os.environ.get("STUDY"), lambda v: os.environ.update(STUDY=v), "fast"),
    "level": (lambda: logging.getLogger("study").level, lambda n: logging.getLogger("study").setLevel(n), 15),
    "numpy": (lambda: np.get_printoptions()["precision"], lambda n: np.set_printoptions(precision=n), 3),
    "numpy errors": (lambda: np.geterr()["over"], lambda how: np.seterr(over=how), "raise"),
    "pandas": (
        lambda: pd.get_option("display.precision"),
        lambda n: pd.set_option("display.precision", n),
        2,
    ),
    "matplotlib": (
        lambda: matplotlib.rcParams["lines.linewidth"],
        lambda width: matplotlib.rcParams.update({"lines.linewidth": width}),
        4.5,
    ),
    "scikit-learn": (
        lambda: sklearn.get_config()["transform_output"],
        lambda kind: sklearn.set_config(transform_output=kind),
        "pandas",
    ),
    "torch": (lambda: torch().get_default_dtype(), lambda t: torch().set_default_dtype(t), "float64"),
    "torch cuDNN": (
        lambda: torch().backends.cudnn.benchmark,
        lambda on: setattr(torch().backends.cudnn, "benchmark", on),
        True,
    ),
    "torch printing": (
        lambda: torch()._tensor_str.PRINT_OPTS.precision,
        lambda n: torch().set_printoptions(precision=n),
        2,
    ),
    "torch determinism": (
        lambda: torch().are_deterministic_algorithms_enabled(),
        lambda on: torch().use_deterministic_algorithms(on),
        True,
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", OPTIONS)
def test_what_was_set_is_put_back(name: str) -> None:
    get, put, value = OPTIONS[name]
    value = getattr(torch(), value) if value == "float64" else value
    first = get()
    state = LibraryState()
    put(value)
    assert get() == value != first
    changes = state.changes()
    state.put_back({})
    assert get() == (value if name in ("environment", "level") else first)  # these had no value
    put("other" if name == "environment" else first)
    library_state.write(pickle.loads(pickle.dumps(changes)))
    assert get() == value


def test_nothing_is_stored_of_what_did_not_change() -> None:
    assert LibraryState().changes() == {}


@pytest.mark.torch
def test_a_library_that_has_just_been_loaded_has_changed_nothing() -> None:
    assert torch()
    for name, holder in library_options.HOLDERS.items():
        if name in (
            "numpy",
            "pandas._config.config",
            "matplotlib",
            "torch",
            "sklearn",
            "decimal",
            "csv",
            "socket",
        ):
            fresh = holder.fresh(sys.modules[name])
            assert {**holder.read(sys.modules[name])} == fresh, name


def test_secrets_are_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    state = LibraryState()
    monkeypatch.setenv("SERVICE_API_KEY", "sk-1234567890")
    monkeypatch.setenv("PIPELINE_OWN", "1")
    assert state.changes() == {}


def test_what_cannot_be_stored_does_not_hinder_the_rest() -> None:
    state = LibraryState()
    np.set_printoptions(precision=3, formatter={"int": open})  # a builtin can be stored
    csv.field_size_limit(4444)
    pd.set_option("display.float_format", (each for each in "ab").__next__)
    changes = state.changes()
    assert set(changes) == {"numpy", "csv"}


def test_filters_of_warnings_are_put_back_in_their_order() -> None:
    state = LibraryState()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mind")
        warnings.filterwarnings("error", "mind the gap", UserWarning, "study", 3)
        changes = state.changes()
        wanted = warnings.filters[:2]
    with warnings.catch_warnings():
        library_state.write(changes)
        assert [str(each) for each in warnings.filters[:2]] == [str(each) for each in wanted]


def test_handlers_are_made_again_but_not_those_that_come_with_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = LibraryState()
    log = logging.getLogger("study")
    shown = logging.StreamHandler(sys.stdout)
    shown.setFormatter(logging.Formatter("{levelname}: {message}", style="{"))
    log.addHandler(shown)
    log.addHandler(logging.FileHandler(tmp_path / "run.log"))
    log.propagate = False
    (tmp_path / "its_own_handler.py").write_text(
        "import logging, sys\nlogging.getLogger('study').addHandler(logging.StreamHandler(sys.stdout))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    __import__("its_own_handler")
    changes = state.changes()
    assert len(log.handlers) == 3

    log.handlers[:] = []
    log.propagate = True
    library_state.write(changes)
    assert [type(each) for each in log.handlers] == [logging.StreamHandler, logging.FileHandler]
    log.warning("hello")
    assert capsys.readouterr().out == "WARNING: hello\n"
    assert (tmp_path / "run.log").read_text() == "hello\n"
    assert not log.propagate
    library_state.write(changes)
    assert len(log.handlers) == 2


def test_handlers_of_a_program_that_a_launcher_runs_do_not_come_with_a_module() -> None:
    """Launchers run programs by `exec`, with a name that is none of a module's: execnet, debuggers, kernels."""
    state = LibraryState()
    program = (
        "import logging, sys\nlogging.getLogger('launched').addHandler(logging.StreamHandler(sys.stdout))\n"
    )
    exec(compile(program, "launched.py", "exec"), {"__name__": "__launched__"})
    changes = state.changes()
    logging.getLogger("launched").handlers[:] = []
    library_state.write(changes)
    assert [type(each) for each in logging.getLogger("launched").handlers] == [logging.StreamHandler]
