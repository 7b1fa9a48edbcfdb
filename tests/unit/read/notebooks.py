"""Notebook files for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def cell(source: str, kind: str = "code", **fields: Any) -> dict[str, Any]:
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True), **extra, **fields}


def markdown(source: str) -> dict[str, Any]:
    return cell(source, "markdown")


def write_notebook(path: Path, *cells: dict[str, Any] | str, **metadata: Any) -> Path:
    content = [cell(c) if isinstance(c, str) else c for c in cells]
    notebook = {"cells": content, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path
