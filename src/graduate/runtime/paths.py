"""Where things are. The project root is the folder above the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE_FOLDER = Path(__file__).resolve().parent.parent
PROJECT_ROOT = PACKAGE_FOLDER.parent
STATE_FOLDER = PROJECT_ROOT / ".pipeline_state"
MODEL_RECORD = STATE_FOLDER / "model.json"
DATA_PROFILE = PROJECT_ROOT / "data" / "profile.json"


def source_path(path: str) -> str:
    """The absolute path that `__file__` had for the research file `path`, seen from the project root."""
    return str(PROJECT_ROOT / path)


def no_file() -> str:
    """`__file__` in a notebook, which has none.

    Raises NameError, as Jupyter does.
    """
    raise NameError("name '__file__' is not defined")


def inside_project(path: str | Path) -> str | None:
    """`path` relative to the project root with forward slashes, or None when it lies elsewhere."""
    text = str(path)
    root = str(PROJECT_ROOT)
    if text.startswith(root + "/"):
        return text[len(root) + 1 :]
    return None
