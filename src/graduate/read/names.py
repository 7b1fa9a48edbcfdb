"""The name of the package that is made from a folder or a file."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from collections.abc import Collection

from graduate.syntax.local_imports import LIBRARIES

# Names that stand for something else at the root of every generated project.
_RESERVED = {"tests", "test", "configs", "logs", "reports", "build", "dist", "setup", "main", "src"}
_INSTALLED = LIBRARIES | {
    "accelerate", "annotated_types", "anyio", "attr", "attrs", "certifi", "click", "cloudpickle", "colorama",
    "contourpy", "coverage", "cycler", "dateutil", "deptry", "dotenv", "execnet", "fastapi", "filelock", "fsspec",
    "h11", "httpx", "hypothesis", "idna", "iniconfig", "jinja2", "joblib", "kiwisolver", "markupsafe", "mpmath", "mypy",
    "mypy_extensions", "networkx", "numexpr", "optuna", "packaging", "pathspec", "pip", "pkg_resources", "pluggy",
    "prometheus_client", "psutil", "pyarrow", "pydantic", "pydantic_core", "pydantic_settings", "pygments", "pyparsing",
    "pytest", "pytz", "ray", "regex", "requests", "requirements", "ruff", "safetensors", "setuptools", "six",
    "sortedcontainers", "starlette", "threadpoolctl", "tokenizers", "tqdm", "typing_extensions", "typing_inspection",
    "tzdata", "urllib3", "uv", "uvicorn", "wheel", "xdist", "xxhash", "yaml",
}  # fmt: skip
"""Modules that the project itself needs, its tools, and what common libraries import: a package of such a name would
stand in their way."""


def find_name(stem: str, taken: Collection[str]) -> str:
    """A lower-case identifier from a folder or file name; `taken` names modules that the code imports."""
    ascii_only = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_") or "project"
    if name[0].isdigit():
        name = re.sub(r"^[\d_]+", "", name) or f"project_{name}"
    is_used = name in taken or name in sys.stdlib_module_names | _RESERVED | _INSTALLED
    if is_used or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        name += "_project"
    # The project's own tests are modules of such names.
    return f"project_{name}" if name.startswith("test_") else name
