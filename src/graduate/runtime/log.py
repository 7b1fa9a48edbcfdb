"""Messages of the pipeline: for people on stderr, for machines as JSON lines in logs/pipeline.jsonl.

The research code's own output on stdout is never touched.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import store
from .paths import PROJECT_ROOT
from .redaction import redacted, without_secrets

LOG_FILE = PROJECT_ROOT / "logs" / "pipeline.jsonl"

_prepared: set[Path] = set()
_said: set[str] = set()


def now() -> str:
    """The time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Add one JSON line to a log. A log that cannot be written never stops the run."""
    try:
        if path not in _prepared:
            store.make_folder(path.parent)
            store.cut_torn_line(path)
            _prepared.add(path)
        store.append(path, json.dumps(without_secrets(entry)).encode() + b"\n")
    except OSError as error:
        if "log" not in _said:
            _said.add("log")
            print(f"note: {path.name} cannot be written ({error})", file=sys.stderr)


def say(message: str, **details: Any) -> None:
    """Tell the person on stderr and the log file."""
    sys.stdout.flush()
    print(redacted(message), file=sys.stderr, flush=True)
    append_line(LOG_FILE, {"time": now(), "message": message, **details})


def say_once(message: str, **details: Any) -> None:
    """Like `say`, but each message only once per process."""
    if message not in _said:
        _said.add(message)
        say(message, **details)
