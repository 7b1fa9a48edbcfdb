"""The commands that run beside the pipeline: `health`, `serve`, `metrics`, `describe-model`."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import threading
import urllib.request
from typing import Any

from . import optional
from .paths import STATE_FOLDER
from .problems import EXIT_FAILED, Problem
from .state import State
from .steps import Pipeline

SERVE_PORT = 8000
METRICS_PORT = 9100


def start(command: str, pipeline: Pipeline, flags: set[str]) -> int:
    """Carry out one of these commands; the exit code."""
    if command == "health":
        return _is_served() if "--service" in flags else _is_well()
    if command == "metrics":
        _need("prometheus_client")
        from . import exporter

        return exporter.serve(pipeline, *_free_address("METRICS", METRICS_PORT))
    if not pipeline.models:
        print(f"{command}: the pipeline of this project yields no model.", file=sys.stderr)
        return 0
    if command == "describe-model":
        return int(_part("model_record").record(pipeline, accept="--accept" in flags))
    _need("fastapi", "fastapi_offline", "uvicorn", "prometheus_client")
    return int(_part("serving").serve(pipeline, *_free_address("SERVE", SERVE_PORT)))


def _part(name: str) -> Any:
    return optional.need(name, "serve a model", "pipeline.py", "no value of it was known to be a model")


def _address(name: str, port: int) -> tuple[str, int]:
    """Where a service listens: <NAME>_HOST (here only, unless it says otherwise) and <NAME>_PORT."""
    return os.environ.get(f"{name}_HOST", "127.0.0.1"), int(number(f"{name}_PORT", port))


def _free_address(name: str, port: int) -> tuple[str, int]:
    """The address of a service that is about to start. Raises `Problem` when it cannot listen there."""
    host, port = _address(name, port)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except (OSError, OverflowError) as error:
        raise Problem(
            f"The service cannot listen on {host}:{port}.",
            where=f"{name}_HOST, {name}_PORT",
            why=str(error),
            fix=f"stop what listens there, or give another port as {name}_PORT",
        ) from None
    return host, port


def number(name: str, default: float) -> float:
    """The number in an environment variable. Raises `Problem` when it is none."""
    text = os.environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError:
        raise Problem(f"{text!r} is no number.", where=name, fix=f"such as {name}={default:g}") from None


def _need(*modules: str) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise Problem(
                f"The library {name} is missing, which this command needs.",
                why=str(error),
                fix="make install EXTRAS=service",
            ) from None


def _is_well() -> int:
    """Whether the newest state can be read and no step has failed; said on stdout."""
    state = State(STATE_FOLDER)
    state.load()
    problems = [f"{path.name} is damaged" for path in state.damaged]
    problems += [f"{name} failed" for name, record in state.steps.items() if record.status == "failed"]
    print("; ".join(problems) or "healthy")
    return EXIT_FAILED if problems else 0


def _is_served() -> int:
    """Whether the service in this container answers."""
    port = _address("SERVE", SERVE_PORT)[1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            print(answer.read().decode())
    except OSError as error:
        print(error)
        return EXIT_FAILED
    return 0


def wait_for_stop() -> None:
    """Return when SIGTERM or SIGINT arrives."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
