"""The files of the package: what the transformation made, the runtime, and what makes folders packages."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources

from graduate.model.project import Modules, ProjectFile

MAIN = '''"""The command line of the project: a command, then settings as --name value. `help` lists the commands."""

import sys

from .config import settings as settings  # a bad setting is told before anything runs
from .utils.command import main

if __name__ == "__main__":
    sys.exit(main(__package__))
'''
FOLDERS = {
    "": "{title}, as a pipeline of resumable steps. Start reading in pipeline.py.",
    "config": "Settings.",
    "data": "Getting, preparing and loading the data.",
    "models": "Models and losses.",
    "training": "Training and evaluation.",
    "utils": "What steps share, and what lets them be stopped and go on.",
}
_TORCH = frozenset(
    {
        "torch",
        "torchvision",
        "torchaudio",
        "lightning",
        "pytorch_lightning",
        "transformers",
        "accelerate",
        "timm",
        "fastai",
    }
)
_ONLY_WITH: Mapping[str, frozenset[str]] = {
    "row_": _TORCH,
    "batch_rows": _TORCH,
    "fit_keras": frozenset({"keras", "tensorflow", "tf_keras"}),
    "fit_lightgbm": frozenset({"lightgbm"}),
    "fit_lightning": frozenset({"lightning", "pytorch_lightning"}),
    "fit_skorch": frozenset({"skorch"}),
    "fit_transformers": frozenset({"transformers"}),
    "fit_xgboost": frozenset({"xgboost"}),
}
"""Files of the runtime, by how their names begin, that only code with one of these libraries needs."""
OTHER_FOLDER = "Moved as it was from the research code."


@cache
def runtime_files() -> tuple[tuple[str, str], ...]:
    """(name, text) of the source files that ship inside every project, verbatim."""
    folder = resources.files("graduate.runtime")
    found = [
        (file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".py") and file.name != "__init__.py"
    ]
    return tuple(sorted(found))


def _is_needed(file: str, libraries: Collection[str]) -> bool:
    """Whether a file of the runtime has to do with what the research code imports."""
    owner = next((start for start in _ONLY_WITH if file.startswith(start)), "")
    return not owner or not _ONLY_WITH[owner].isdisjoint(libraries)


def render_package(modules: Modules, title: str, libraries: Collection[str] = ()) -> tuple[ProjectFile, ...]:
    """All files of the package, with paths that start at the project root. `libraries` are those that it imports."""
    name = modules.name
    texts = {f"utils/{file}": text for file, text in runtime_files() if _is_needed(file, libraries)}
    texts["__main__.py"] = MAIN
    for module in modules.modules:
        if module.path in texts:
            raise ValueError(f"two files want to be {module.path}")
        texts[module.path] = module.text
    shown = textwrap.shorten(title.replace("\\", "/").replace('"', "'"), 45, placeholder=" …")
    folders = {*FOLDERS, *(parent for path in texts for parent in _parents(path))}
    for folder in folders:
        text = FOLDERS.get(folder, OTHER_FOLDER).format(title=shown)
        texts.setdefault(f"{folder}/__init__.py".lstrip("/"), f'"""{text}"""\n')
    return tuple(ProjectFile(f"{name}/{path}", text=texts[path]) for path in sorted(texts))


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
