"""Statements that set the state of the whole process: seeds, display options, styles, environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Literal

from graduate.syntax.imports import qualify
from graduate.syntax.nodes import dotted

Kind = Literal["seed", "state", "backend", ""]

SEEDS = frozenset(
    {
        "random.seed",
        "numpy.random.seed",
        "torch.manual_seed",
        "torch.random.manual_seed",
        "torch.cuda.manual_seed",
        "torch.cuda.manual_seed_all",
        "tensorflow.random.set_seed",
        "keras.utils.set_random_seed",
        "tensorflow.keras.utils.set_random_seed",
        "pytorch_lightning.seed_everything",
        "lightning.seed_everything",
        "transformers.set_seed",
    }
)
SETTERS = frozenset(
    {
        "warnings.filterwarnings",
        "warnings.simplefilter",
        "numpy.set_printoptions",
        "numpy.seterr",
        "pandas.set_option",
        "pandas.options.display.float_format.__call__",
        "torch.set_default_dtype",
        "torch.set_default_tensor_type",
        "torch.set_default_device",
        "torch.set_num_threads",
        "torch.set_num_interop_threads",
        "torch.set_printoptions",
        "torch.set_float32_matmul_precision",
        "torch.use_deterministic_algorithms",
        "torch.autograd.set_detect_anomaly",
        "torch.set_grad_enabled",
        "matplotlib.pyplot.style.use",
        "matplotlib.style.use",
        "matplotlib.pyplot.rc",
        "matplotlib.rc",
        "matplotlib.pyplot.rcParams.update",
        "matplotlib.rcParams.update",
        "matplotlib.pyplot.ion",
        "matplotlib.pyplot.ioff",
        "seaborn.set",
        "seaborn.set_theme",
        "seaborn.set_style",
        "seaborn.set_context",
        "seaborn.set_palette",
        "sklearn.set_config",
        "os.environ.update",
        "os.environ.setdefault",
        "os.putenv",
        "os.umask",
        "os.chdir",
        "sys.setrecursionlimit",
        "locale.setlocale",
        "logging.basicConfig",
        "logging.disable",
        "decimal.getcontext",
        "gc.disable",
        "tqdm.tqdm.pandas",
        "tqdm.auto.tqdm.pandas",
        "sys.path.append",
        "sys.path.insert",
        "transformers.logging.set_verbosity_error",
    }
)
HOLDERS = (
    "pandas.options",
    "matplotlib.pyplot.rcParams",
    "matplotlib.rcParams",
    "os.environ",
    "torch.backends.cuda",
    "warnings.filters",
)
"""What holds such state, and can be read."""
ASSIGNED = (
    *HOLDERS,
    "sklearn.",
    "matplotlib.",
    "pandas.",
    "numpy.",
    "torch.",
    "ssl.",
)
_MUTATORS = frozenset({"append", "extend", "insert", "add", "update", "setdefault", "create"})
_SETTER = re.compile(r"(un)?(set|register|enable|disable|use|install|patch|configure)(_|$)|load_dotenv$")
_NOT_OF_LIBRARIES = (
    "atexit.",
    "builtins.",
    "matplotlib.pyplot.",
    "mlflow.",
    "streamlit.",
    "sys.argv",
    "sys.path",
    "sys.std",
    "torch.distributed.",
    "wandb.",
)
"""What is no state, what the pipeline has in its hands, or what another call must have begun."""
_RANDOM = re.compile(r"seed|rng|random")


def process_state(node: ast.stmt, imports: dict[str, str]) -> Kind:
    """What kind of process-wide state a statement sets; "" when it is not such a statement."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = qualify(dotted(node.value.func), imports)
        if called in SEEDS:
            return "seed"
        if called in {"matplotlib.use", "matplotlib.pyplot.switch_backend"}:
            return "backend"
        return "state" if called in SETTERS or called.startswith("sys.path.") else ""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        inner = target.value if isinstance(target, ast.Subscript) else target
        if isinstance(inner, ast.Attribute) or isinstance(target, ast.Subscript):
            name = dotted(inner)
            first = name.partition(".")[0]
            if name and first in imports and qualify(name, imports).startswith(ASSIGNED):
                return "state"
    return ""


def sets_library(node: ast.stmt, imports: dict[str, str], is_local: Callable[[str], bool]) -> bool:
    """Whether a statement puts something into a library for the whole process: an attribute of it
    (`nn.Module.count = count`), an entry of its tables (`nltk.data.path.append("x")`), or what its functions that are
    named so set, register, enable or disable. `is_local` tells modules of the author's own."""
    match node:
        case ast.Assign(targets=[target]):
            while isinstance(target, ast.Subscript):
                target = target.value
            name, least = dotted(target), 1
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=verb) as function)):
            name, least = dotted(function), 2 if verb in _MUTATORS else 1
            if verb not in _MUTATORS and not _SETTER.match(verb):
                return False
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if _SETTER.match(name):
            least = 0
        case _:
            return False
    first = name.partition(".")[0]
    known = qualify(name, imports)
    if first not in imports or name.count(".") < least or known.startswith((".", *_NOT_OF_LIBRARIES)):
        return False
    return not _RANDOM.search(known) and not is_local(imports[first])


def holds_state(node: ast.Attribute, imports: dict[str, str]) -> bool:
    """Whether an attribute is, or is part of, something that statements of this kind set."""
    return qualify(dotted(node), imports).startswith(HOLDERS)


def edits_sys_path(node: ast.stmt, imports: dict[str, str]) -> bool:
    """Whether a statement only changes where modules are looked for."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    return qualify(dotted(node.value.func), imports).startswith("sys.path.")
