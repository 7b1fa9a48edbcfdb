"""The report on a step that failed: what, where, with which settings and versions, and what was said before.

Secrets are taken out of all of it.
"""

from __future__ import annotations

import json
import platform
import sys
import traceback
from pathlib import Path

from . import configuration, store
from .log import LOG_FILE, say
from .paths import PROJECT_ROOT, STATE_FOLDER
from .redaction import redacted, without_secrets
from .state import StepRecord

_LAST_LINES = 20


def note_failure(name: str, record: StepRecord, error: BaseException, message: str) -> None:
    """Put what happened into the record of a step, and into a report."""
    record.error = {"message": message.split("\n")[0][:300]}
    try:
        record.error["report"] = str(_write_report(name, record, error, message).relative_to(PROJECT_ROOT))
    except OSError:
        say("The error report could not be written.")


def _write_report(name: str, record: StepRecord, error: BaseException, message: str) -> Path:
    """Write the report; its path. Raises OSError."""
    settings = configuration.loaded()
    report = {
        "time": record.ended,
        "step": name,
        "attempt": record.attempt,
        "message": message,
        "traceback": traceback.format_exception(error),
        "last lines": _last_lines(),
        "settings": settings.describe_all() if settings is not None else {},
        "arguments": sys.argv,
        "python": sys.version,
        "libraries": _versions(),
        "host": platform.node(),
        "system": platform.platform(),
    }
    path = STATE_FOLDER / "errors" / f"{record.ended.replace(':', '')}-{name}.json"
    text = json.dumps(without_secrets(report), indent=1, default=str)
    store.commit(STATE_FOLDER / "staging", path, [text.encode()])
    return path


def _last_lines() -> list[str]:
    """What the pipeline said last."""
    try:
        lines = LOG_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return lines[-_LAST_LINES:]


def _versions() -> dict[str, str]:
    return {
        name: str(module.__version__)
        for name, module in sorted(sys.modules.items())
        if "." not in name and isinstance(getattr(module, "__version__", None), str)
    }


def show_traceback(error: BaseException) -> None:
    """Print what Python would, from the step's own function on, without secrets."""
    trace = error.__traceback__
    own = error.with_traceback(trace.tb_next if trace is not None and trace.tb_next is not None else trace)
    print(redacted("".join(traceback.format_exception(own))), end="", file=sys.stderr, flush=True)
