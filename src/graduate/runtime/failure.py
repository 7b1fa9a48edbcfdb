"""The report on a step that failed: what, where, with which settings and versions, and what was said before.

Secrets are taken out: settings that are marked secret, and variables whose names look like keys.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from . import configuration, store
from .log import LOG_FILE
from .paths import STATE_FOLDER
from .state import StepRecord

_LAST_LINES = 20
_SHORTEST_SECRET = 4
"""A shorter text would be taken out of half the report."""
_KEY = re.compile(r"(key|token|secret|passw|passphrase|credential|auth)", re.IGNORECASE)


def secrets() -> dict[str, str]:
    """The texts that must not be written anywhere, each with what stands in its place."""
    found = {text: f"<{name}>" for name, text in os.environ.items() if _KEY.search(name)}
    settings = configuration.loaded()
    if settings is not None:
        values = settings.values()
        found |= {str(values[each.name]): f"<{each.name}>" for each in settings.options() if each.secret}
    return {text: name for text, name in found.items() if len(text) >= _SHORTEST_SECRET}


def redacted(text: str) -> str:
    """The text without secrets, the longest taken out first."""
    for secret, name in sorted(secrets().items(), key=lambda each: -len(each[0])):
        text = text.replace(secret, name)
    return text


def write_report(name: str, record: StepRecord, error: BaseException, message: str) -> Path:
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
    text = json.dumps(_clean(report), indent=1, default=str)
    store.commit(STATE_FOLDER / "staging", path, [text.encode()])
    return path


def _clean(value: Any) -> Any:
    """The report with every text redacted, before JSON escapes anything in it."""
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return redacted(value) if isinstance(value, str) else value


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


def own_part(error: BaseException) -> Any:
    """The traceback from the step's own function on."""
    trace = error.__traceback__
    return trace.tb_next if trace is not None and trace.tb_next is not None else trace
