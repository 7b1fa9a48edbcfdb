"""What functions set in libraries for the whole process, and the runtime does not store with a step."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from graduate.analyse.hazards import hazard
from graduate.model.facts import Hazard
from graduate.model.source import SourceModule, Sources
from graduate.syntax.imports import qualified_names, qualify
from graduate.syntax.local_imports import LocalModules
from graduate.syntax.nodes import dotted, list_nodes, parse
from graduate.syntax.process_state import sets_library

_STORED = (
    "os.", "sys.setrecursionlimit", "sys.set_int_max_str_digits", "warnings.", "logging.", "decimal.", "csv.",
    "socket.setdefaulttimeout", "numpy.set", "pandas.set_option", "pandas.options.", "matplotlib.", "seaborn.",
    "torch.set_default_", "torch.set_num_threads", "torch.set_grad_enabled", "torch.set_printoptions",
    "torch.set_float32_matmul_precision", "torch.use_deterministic_algorithms", "torch.autograd.set_detect_anomaly",
    "torch.backends.cudnn.", "sklearn.set_config", "keras.config.set_", "keras.backend.set_", "jax.config.",
    "transformers.logging.set_verbosity", "transformers.utils.logging.set_verbosity",
)  # fmt: skip
"""What `runtime/library_state.py` stores, by its qualified names."""
_NO_STATE = (
    "importlib.",
    "signal.",
    "tqdm.",
    "threading.",
    "multiprocessing.",
    "torch.multiprocessing.",
    "dotenv.",
)
"""What later steps cannot miss: the pipeline's own, or read once."""


def find_library_settings(sources: Sources) -> Iterator[Hazard]:
    """A hazard for each library setting that a run which goes on would not have: those of functions, and in programs
    those inside of other statements."""
    local = LocalModules(tuple(module.path for module in sources.modules))
    entries = {program.path for program in sources.programs}
    for module in sources.modules:
        yield from _find(module, local, module.path in entries)


def _find(module: SourceModule, local: LocalModules, is_program: bool) -> Iterator[Hazard]:
    tree = parse(module.text)
    imports = qualified_names(tree.body)
    known: set[str] = set()

    def is_local(qualified: str) -> bool:
        return bool(local.find_module(module.path, 0, qualified.partition(".")[0]))

    for node in _unrepeated(tree, is_program):
        if isinstance(node, ast.Assign | ast.Expr) and sets_library(node, imports, is_local):
            name = _name(node, imports)
            is_stored = name.startswith((*_STORED, *_NO_STATE)) or name.endswith(".set_trace")
            if name and name not in known and not is_stored:
                known.add(name)
                yield hazard("G118", f"{name} is set for the whole process", module, node.lineno)


def _unrepeated(tree: ast.Module, is_program: bool) -> Iterator[ast.AST]:
    """The statements that a run which goes on does not run again."""
    repeated = set(tree.body)
    for top in tree.body:
        if isinstance(top, ast.FunctionDef) and top.name == "main":
            repeated |= set(top.body)
        is_function = isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if is_program or is_function:
            yield from (node for node in list_nodes(top) if node not in repeated)


def _name(node: ast.Assign | ast.Expr, imports: dict[str, str]) -> str:
    target: ast.AST = node.targets[0] if isinstance(node, ast.Assign) else node.value
    while isinstance(target, ast.Subscript):
        target = target.value
    return qualify(dotted(target.func if isinstance(target, ast.Call) else target), imports)
