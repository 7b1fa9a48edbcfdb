"""How the options of libraries are read and written, and which a library has when it has just been loaded."""

from __future__ import annotations

import builtins
import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import library_logging
from .paths import PROJECT_ROOT
from .redaction import looks_like_key

Values = dict[str, Any]


@dataclass(frozen=True)
class Holder:
    """The options of one library; each function is given the library."""

    read: Callable[[Any], Values]
    write: Callable[[Any, str, Any], None]
    fresh: Callable[[Any], Values] = lambda library: {}
    """What a library has that is loaded after the first reading; all that is not here counts as changed."""


def _pairs(options: Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]]) -> Values:
    found = {}
    for name, (get, _) in options.items():
        with contextlib.suppress(Exception):  # a version of the library that does not have it
            found[name] = get()
    return found


def _attribute(owner: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


# -- the standard library ----------------------------------------------------------------------

_VARIABLES = ("PIPELINE_", "MPLBACKEND")
"""Variables of the environment that are the pipeline's own."""
_CONTEXT = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
_DIALECT = (
    "delimiter",
    "doublequote",
    "escapechar",
    "lineterminator",
    "quotechar",
    "quoting",
    "skipinitialspace",
)


def _read_os(_: Any) -> Values:
    variables: Values = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_VARIABLES) and not looks_like_key(name)
    }
    return {**variables, "": os.path.relpath(Path.cwd(), PROJECT_ROOT)}


def _write_os(_: Any, key: str, value: Any) -> None:
    if key:
        os.environ[key] = value
    else:
        os.chdir(PROJECT_ROOT / value)


def _read_sys(_: Any) -> Values:
    return {"recursion": sys.getrecursionlimit(), "digits": sys.get_int_max_str_digits()}


def _write_sys(_: Any, key: str, value: Any) -> None:
    {"recursion": sys.setrecursionlimit, "digits": sys.set_int_max_str_digits}[key](value)


def _of_context(context: Any) -> Values:
    traps = sorted(each.__name__ for each, is_on in context.traps.items() if is_on)
    return {**{name: getattr(context, name) for name in _CONTEXT}, "traps": traps}


def _write_decimal(decimal: Any, key: str, value: Any) -> None:
    context = decimal.getcontext()
    if key == "traps":
        for each in context.traps:
            context.traps[each] = each.__name__ in value
    else:
        setattr(context, key, value)


def _read_csv(csv: Any) -> Values:
    own = set(csv.list_dialects()) - {"excel", "excel-tab", "unix"}
    dialects = {name: {each: getattr(csv.get_dialect(name), each) for each in _DIALECT} for name in own}
    return {"": csv.field_size_limit(), **dialects}


def _write_csv(csv: Any, key: str, value: Any) -> None:
    if key:
        csv.register_dialect(key, **value)
    else:
        csv.field_size_limit(value)


def _read_warnings(_: Any) -> Values:
    """The filters for categories that the language has; others would load the libraries that they come from."""
    filters: list[Any] = list(warnings.filters)
    return {
        "filters": [
            (action, _pattern(text), kind.__name__, _pattern(module), line)
            for action, text, kind, module, line in filters
            if getattr(kind, "__module__", "") == "builtins"
        ]
    }


def _pattern(text: Any) -> str:
    return getattr(text, "pattern", text) or ""


def _write_warnings(_: Any, key: str, value: Any) -> None:
    now = _read_warnings(_)[key]
    for action, text, kind, module, line in reversed([each for each in value if each not in now]):
        warnings.filterwarnings(action, text, getattr(builtins, kind), module, line)


# -- libraries of research code ----------------------------------------------------------------

_NUMPY: Values = {
    "edgeitems": 3,
    "floatmode": "maxprec",
    "formatter": None,
    "infstr": "inf",
    "linewidth": 75,
    "nanstr": "nan",
    "precision": 8,
    "sign": "-",
    "suppress": False,
    "threshold": 1000,
}
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def _read_numpy(numpy: Any) -> Values:
    printed = numpy.get_printoptions()
    return {name: printed[name] for name in _NUMPY} | dict(numpy.geterr())


def _write_numpy(numpy: Any, key: str, value: Any) -> None:
    (numpy.set_printoptions if key in _NUMPY else numpy.seterr)(**{key: value})


def _leaves(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name, value


def _fresh_pandas(config: Any) -> Values:
    return {name: each.defval for name, each in config._registered_options.items()}


def _write_pandas(config: Any, key: str, value: Any) -> None:
    with warnings.catch_warnings(action="ignore"):  # of options that are on their way out
        config.set_option(key, value)


def _styles(parameters: Any) -> Values:
    return {name: value for name, value in dict.items(parameters) if not name.startswith("backend")}


def _write_matplotlib(matplotlib: Any, key: str, value: Any) -> None:
    matplotlib.rcParams[key] = value


def _torch(torch: Any) -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    shown = torch._tensor_str.PRINT_OPTS
    flags = {
        f"cudnn.{name}": _attribute(torch.backends.cudnn, name)
        for name in ("benchmark", "deterministic", "enabled")
    }
    return {
        "dtype": (torch.get_default_dtype, torch.set_default_dtype),
        "device": (lambda: str(torch.get_default_device()), torch.set_default_device),
        "threads": (torch.get_num_threads, torch.set_num_threads),
        "gradients": (torch.is_grad_enabled, torch.set_grad_enabled),
        "anomalies": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
        "precision": (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        "deterministic": (
            lambda: (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
            ),
            lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
        ),
        **flags,
        **{f"print.{name}": _attribute(shown, name) for name in vars(shown)},
    }


def _fresh_torch(torch: Any) -> Values:
    shown = type(torch._tensor_str.PRINT_OPTS)()
    return {
        "dtype": torch.float32,
        "device": "cpu",
        "threads": torch.get_num_threads(),  # those of this machine cannot be told from those that were set
        "gradients": True,
        "anomalies": False,
        "precision": "highest",
        "deterministic": (False, False),
        "cudnn.benchmark": False,
        "cudnn.deterministic": False,
        "cudnn.enabled": True,
        **{f"print.{name}": value for name, value in vars(shown).items()},
    }


def _keras(config: Any) -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    return {
        "floatx": (config.floatx, config.set_floatx),
        "epsilon": (config.epsilon, config.set_epsilon),
        "image_data_format": (config.image_data_format, config.set_image_data_format),
    }


_JAX = ("jax_enable_x64", "jax_default_matmul_precision", "jax_debug_nans", "jax_numpy_dtype_promotion")


HOLDERS = {
    "os": Holder(_read_os, _write_os),
    "sys": Holder(_read_sys, _write_sys),
    "warnings": Holder(_read_warnings, _write_warnings),
    "logging": Holder(library_logging.read, library_logging.write),
    "decimal": Holder(
        lambda decimal: _of_context(decimal.getcontext()),
        _write_decimal,
        lambda decimal: _of_context(decimal.DefaultContext),
    ),
    "csv": Holder(_read_csv, _write_csv, lambda csv: {"": 131072}),
    "socket": Holder(
        lambda socket: {"timeout": socket.getdefaulttimeout()},
        lambda socket, key, value: socket.setdefaulttimeout(value),
        lambda socket: {"timeout": None},
    ),
    "numpy": Holder(_read_numpy, _write_numpy, lambda numpy: _NUMPY | _NUMPY_ERRORS),
    "pandas._config.config": Holder(
        lambda config: dict(_leaves(config._global_config)), _write_pandas, _fresh_pandas
    ),
    "matplotlib": Holder(
        lambda matplotlib: _styles(matplotlib.rcParams),
        _write_matplotlib,
        lambda matplotlib: _styles(matplotlib.rcParamsOrig),
    ),
    "torch": Holder(
        lambda torch: _pairs(_torch(torch)),
        lambda torch, key, value: _torch(torch)[key][1](value),
        _fresh_torch,
    ),
    "sklearn": Holder(
        lambda sklearn: sklearn.get_config(),
        lambda sklearn, key, value: sklearn.set_config(**{key: value}),
        lambda sklearn: dict(sys.modules["sklearn._config"]._global_config),
    ),
    "keras.config": Holder(
        lambda config: _pairs(_keras(config)), lambda config, key, value: _keras(config)[key][1](value)
    ),
    "jax": Holder(
        lambda jax: {name: getattr(jax.config, name) for name in _JAX if hasattr(jax.config, name)},
        lambda jax, key, value: jax.config.update(key, value),
        lambda jax: (
            dict.fromkeys(_JAX, False)
            | {"jax_default_matmul_precision": None, "jax_numpy_dtype_promotion": "standard"}
        ),
    ),
}
"""By the module that must be loaded for a library's options to be asked."""
