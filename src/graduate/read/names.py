"""The name of the package that is made from a folder or a file."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from collections.abc import Collection

# Names that stand for something else at the root of every generated project.
_RESERVED = {"tests", "test", "configs", "logs", "reports", "build", "dist", "setup", "main", "src"}


def find_name(stem: str, taken: Collection[str]) -> str:
    """A lower-case identifier from a folder or file name; `taken` names modules that the code imports."""
    ascii_only = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_") or "project"
    if name[0].isdigit():
        name = re.sub(r"^[\d_]+", "", name) or f"project_{name}"
    is_used = name in taken or name in sys.stdlib_module_names or name in _RESERVED
    if is_used or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        name += "_project"
    # The project's own tests are modules of such names.
    return f"project_{name}" if name.startswith("test_") else name
