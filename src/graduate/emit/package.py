"""The files of the package: what the transformation made, the runtime, and what makes folders packages."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources

from graduate.model.project import Modules, ProjectFile
from graduate.syntax.nodes import list_nodes, parse

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
_MODEL = "a model"
_SHARED = "work for several processes"
_SWEPT = "settings to try"
_ANEW = "processes that import the code anew"
_TORCH = (
    "torch",
    "torchvision",
    "torchaudio",
    "lightning",
    "pytorch_lightning",
    "transformers",
    "accelerate",
    "timm",
    "fastai",
)
_KERAS = ("keras", "tensorflow", "tf_keras")
_JOBLIB = ("joblib", "sklearn", "imblearn", "mne", "nilearn", "sktime", "skopt", "tslearn", "umap", "hdbscan")
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "agreement.py": (_SHARED,),
    "autocast.py": _TORCH,
    "cluster.py": _TORCH,
    "distributed.py": (_SHARED,),
    "fit_keras.py": _KERAS,
    "fit_lightgbm.py": ("lightgbm",),
    "fit_lightning.py": ("lightning", "pytorch_lightning"),
    "fit_skorch.py": ("skorch",),
    "fit_transformers.py": ("transformers",),
    "fit_xgboost.py": ("xgboost",),
    "launch.py": (_SHARED,),
    "live_keras.py": _KERAS,
    "loader_passes.py": _TORCH,
    "mirror.py": (_SHARED, _SWEPT),
    "model_record.py": (_MODEL,),
    "pickle_keras.py": _KERAS,
    "serving.py": (_MODEL,),
    "spawned.py": (_ANEW,),
    "sweep.py": (_SWEPT,),
    "trial.py": (_SWEPT,),
    "workers.py": _JOBLIB,
}
"""Files of the runtime that others look for (`optional.find`), and the features of which the project must have one.

The rest ships where something that ships imports it.
"""
_MAX_LINE_LENGTH = 120
"""As in the project's pyproject.toml."""
_STARTS_PROCESSES = re.compile(
    r"\b(joblib|n_jobs|multiprocessing|concurrent|loky|spawn|workers|subprocess|os\.system)\b"
)
_STARTS_ANEW = re.compile(r"\b(spawn|forkserver)\b")
_JOIN = """if "PIPELINE_STEP_READS" in os.environ:
    from .utils.children import join

    join()
"""
OTHER_FOLDER = "Moved as it was from the research code."


@cache
def runtime_files() -> tuple[tuple[str, str], ...]:
    """(name, text) of the source files that can ship inside a project, verbatim."""
    folder = resources.files("graduate.runtime")
    found = [
        (file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".py") and file.name != "__init__.py"
    ]
    return tuple(sorted(found))


@cache
def _imported(path: str, text: str) -> frozenset[str]:
    """The files of utils/ that a file of the package may import: also late, and by a text like ".name"."""
    folders = path.split("/")[:-1]
    found: set[str] = set()
    for node in list_nodes(parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            home = ".".join([*folders[: len(folders) - node.level + 1], *filter(None, [node.module])])
            found |= {home, *(f"{home}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = re.fullmatch(r"(?:\.utils)?\.(\w+)", node.value)
            found |= {f"utils.{named[1]}"} if named else set()
        elif isinstance(node, (ast.Call, ast.Dict)):  # `optional.find("name")`, or of a table of names
            given = node.args if isinstance(node, ast.Call) else node.values
            names = [str(each.value) for each in given if isinstance(each, ast.Constant)]
            found |= {f"utils.{each}" for each in names if f"{each}.py" in OPTIONAL}
    return frozenset(f"{each.removeprefix('utils.')}.py" for each in found if each.startswith("utils."))


def find_needed(own: Mapping[str, str], features: Collection[str]) -> dict[str, str]:
    """The files of the runtime that a package needs, by name, with its own files and its features: the libraries that
    it imports, and whether it has a model."""
    files = {
        name: text
        for name, text in runtime_files()
        if name not in OPTIONAL or not set(OPTIONAL[name]).isdisjoint(features)
    }
    waiting = set().union(*(_imported(path, text) for path, text in own.items())) & files.keys()
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        found[name] = files[name]
        waiting |= (_imported(f"utils/{name}", files[name]) & files.keys()) - found.keys()
    return dict(sorted(found.items()))


def has_torch(libraries: Collection[str]) -> bool:
    """Whether code that imports these libraries may use PyTorch, so that several processes can share its work."""
    return not set(_TORCH).isdisjoint(libraries)


def can_sweep(modules: Modules) -> bool:
    """Whether there are settings to try, for something that trains."""
    return bool(modules.options) and any(step.role == "train" for step in modules.steps)


def has_parallel_loops(modules: Modules) -> bool:
    """Whether there are loops over data that several processes can run."""
    use = re.compile(r"^\s*from \.+(?:utils\.)?parallel import parallel$", re.MULTILINE)
    return any(use.search(module.text) for module in modules.modules)


def render_package(modules: Modules, title: str, libraries: Collection[str] = ()) -> tuple[ProjectFile, ...]:
    """All files of the package, with paths that start at the project root. `libraries` are those that it imports."""
    name = modules.name
    shown = textwrap.shorten(title.replace("\\", "/").replace('"', "'"), 45, placeholder=" …")
    own = {
        "__init__.py": f'"""{FOLDERS[""].format(title=shown)}"""\n{render_init(modules)}',
        "__main__.py": MAIN,
        **{module.path: module.text for module in modules.modules},
    }
    shares = has_torch(libraries) and any(each.role == "train" and not each.alone for each in modules.steps)
    features = {*libraries, *([_MODEL] if modules.models else []), *([_SHARED] if shares else [])}
    features |= {_SWEPT} if can_sweep(modules) else set()
    features |= {_ANEW} if any(_STARTS_ANEW.search(module.text) for module in modules.modules) else set()
    texts = {f"utils/{file}": text for file, text in find_needed(own, features).items()}
    for path, text in own.items():
        if path in texts:
            raise ValueError(f"two files want to be {path}")
        texts[path] = text
    folders = {*FOLDERS, *(parent for path in texts for parent in _parents(path))}
    for folder in folders:
        text = FOLDERS.get(folder, OTHER_FOLDER).format(title=shown)
        texts.setdefault(f"{folder}/__init__.py".lstrip("/"), f'"""{text}"""\n')
    return tuple(ProjectFile(f"{name}/{path}", text=texts[path]) for path in sorted(texts))


def render_init(modules: Modules) -> str:
    """What stands at the top of the package: where code may start processes that import it, they join the step that
    started them; where code may ask for modules by the names that they had, it finds them."""
    former = modules.former_names
    starts_processes = any(_STARTS_PROCESSES.search(module.text) for module in modules.modules)
    imports = ["import os\n"] if starts_processes else []
    imports += ["from .utils.former_names import keep_former_names\n"] if former else []
    rows = "".join(_row(name, home) for name, home in former.items())
    calls = [_JOIN] if starts_processes else []
    calls += [f"keep_former_names(\n    __name__,\n    {{\n{rows}    }},\n)\n"] if former else []
    return "".join(f"\n{part}" for part in ["\n".join(imports), *calls] if part)


def _row(name: str, home: str) -> str:
    row = f'        "{name}": "{home}",'
    return row + ("\n" if len(row) <= _MAX_LINE_LENGTH else "  # noqa: E501\n")


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
