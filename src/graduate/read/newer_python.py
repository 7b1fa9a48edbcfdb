"""Whether text that this Python cannot parse is written for a newer one: ruff knows the syntax of all of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from ruff import find_ruff_bin

_ADDED = re.compile(r"\(syntax was added in Python (\d+)\.(\d+)\)")

_AS_IN_PYTHON_2 = "Multiple exception types"
"""`except A, e:`, which Python 3.14 parses again, alone makes no file a new one."""


def find_newer_python(text: str) -> tuple[str, str]:
    """The Python ("3.12") that `text` needs and what of its syntax needs it; ("", "") when no Python parses it."""
    here = f"py{sys.version_info.major}{sys.version_info.minor}"
    command = [find_ruff_bin(), "check", "--isolated", "--no-cache", "--select=E9", "--exit-zero"]
    command += ["--output-format=json", f"--target-version={here}", "-"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return "", ""
    messages = [each["message"] for each in json.loads(done.stdout)]
    added = [(int(match[1]), int(match[2]), each) for each in messages if (match := _ADDED.search(each))]
    certain = [each for each in added if not each[2].startswith(_AS_IN_PYTHON_2)]
    if not certain or len(added) < len(messages):
        return "", ""
    major, minor, message = max(added)
    return f"{major}.{minor}", message
