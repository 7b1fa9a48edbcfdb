"""Trees of the values of libraries. A library is only looked up where it is loaded already."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .trees import Tree, array, items, opaque, scalar, spaced

Walk = Callable[[Any], Tree]
Special = Callable[[Any, Walk], Tree]


def find(value: Any) -> Special | None:
    """The function that makes the tree of this value, None for one that no library knows."""
    for library, known in _LIBRARIES.items():
        module = sys.modules.get(library)
        if module is not None:
            for name, special in known:
                kind = _attribute(module, name)
                if isinstance(kind, type) and isinstance(value, kind):
                    return special
    return None


def _attribute(module: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        module = getattr(module, part, None)
    return module


# -- numpy -----------------------------------------------------------------------------------------


def _numpy_array(value: Any, walk: Walk) -> Tree:
    import numpy

    name = type(value).__name__
    if isinstance(value, numpy.ma.MaskedArray):
        filled = numpy.ma.getdata(value)
        return items(value, [("data", walk(filled)), ("mask", walk(numpy.ma.getmaskarray(value)))])
    if value.dtype.hasobject:
        shape = ("shape", scalar(value, str(value.shape)))
        return items(value, [shape, ("elements", walk(value.reshape(-1).tolist()))])
    if value.dtype.names:
        # By field, because the bytes between fields may be anything.
        return items(
            value, [(f"[{n!r}]", walk(numpy.ascontiguousarray(value[n]))) for n in value.dtype.names]
        )
    flat = value.reshape(-1)
    chosen = flat[spaced(flat.size)]
    tree = array(name, str(value.dtype), value.shape, numpy.ascontiguousarray(value).tobytes(), [])
    tree["at"] = spaced(flat.size)
    tree["values"] = [_number(each) for each in chosen.tolist()]
    return tree


def _number(value: Any) -> str:
    return repr(value)


def _numpy_scalar(value: Any, walk: Walk) -> Tree:
    return {"kind": "scalar", "type": type(value).__name__, "value": repr(value.item())}


def _numpy_dtype(value: Any, walk: Walk) -> Tree:
    return scalar(value, str(value))


def _generator(value: Any, walk: Walk) -> Tree:
    return items(value, [("state", walk(value.bit_generator.state))])


def _random_state(value: Any, walk: Walk) -> Tree:
    return items(value, [("state", walk(value.get_state(legacy=False)))])


def _python_random(value: Any, walk: Walk) -> Tree:
    return items(value, [("state", walk(value.getstate()))])


# -- logging ---------------------------------------------------------------------------------------


def _logger(value: Any, walk: Walk) -> Tree:
    """What the program can have chosen: the rest are all the loggers of the process."""
    handlers = [type(handler).__name__ for handler in value.handlers]
    chosen = {"name": value.name, "level": value.level, "handlers": handlers}
    return items(value, [(name, scalar(name, repr(each))) for name, each in chosen.items()])


def _handler(value: Any, walk: Walk) -> Tree:
    return items(value, [("level", scalar(value.level, repr(value.level)))])


# -- pandas ----------------------------------------------------------------------------------------


def _frame(value: Any, walk: Walk) -> Tree:
    columns = [(f"[{name!r}]", _column(value.iloc[:, n], walk)) for n, name in enumerate(value.columns)]
    return items(value, [("index", walk(value.index)), ("columns", walk(value.columns)), *columns])


def _column(value: Any, walk: Walk) -> Tree:
    tree = _elements(value, walk)
    return {**tree, "dtype": str(value.dtype)}


def _series(value: Any, walk: Walk) -> Tree:
    name = scalar(value.name, repr(value.name))
    return items(value, [("name", name), ("index", walk(value.index)), ("values", _column(value, walk))])


def _index(value: Any, walk: Walk) -> Tree:
    names = scalar(value, repr(list(value.names)))
    return items(value, [("names", names), ("values", _column(value, walk))])


def _elements(value: Any, walk: Walk) -> Tree:
    """Numbers by their bits, all else by its text."""
    import numpy

    if isinstance(value.dtype, numpy.dtype) and value.dtype.kind in "biufcmM":
        data = value.to_numpy()
        tree = _numpy_array(data, walk)
        return {**tree, "type": type(value).__name__}
    elements = value.tolist()
    texts = [f"{type(each).__name__} {each!r}" for each in elements]
    return array(
        type(value).__name__,
        str(value.dtype),
        [len(elements)],
        "\0".join(texts).encode("utf-8", "surrogatepass"),
        [repr(each) if not isinstance(each, str) else each for each in elements],
    )


def _pandas_array(value: Any, walk: Walk) -> Tree:
    return walk(list(value))


def _timestamp(value: Any, walk: Walk) -> Tree:
    return scalar(value, repr(value))


def _grouped(value: Any, walk: Walk) -> Tree:
    return opaque(value, "a grouping that has not been evaluated")


def _environment(value: Any, walk: Walk) -> Tree:
    return opaque(value, "the names around the formula; who loads it has others")


# -- torch -----------------------------------------------------------------------------------------


def _tensor(value: Any, walk: Walk) -> Tree:
    import torch

    plain = value.detach()
    if plain.is_sparse or plain.layout is not torch.strided:
        plain = plain.to_dense()
    if plain.device.type == "meta":
        return scalar(value, f"{plain.dtype} {tuple(plain.shape)} without data")
    if plain.is_quantized:
        plain = plain.dequantize()
    plain = plain.cpu().resolve_conj().resolve_neg().contiguous()
    flat = plain.reshape(-1)
    data = bytes(memoryview(flat.view(torch.uint8).numpy())) if flat.numel() else b""
    tree = array("Tensor", str(value.dtype), tuple(value.shape), data, [])
    tree["at"] = spaced(flat.numel())
    tree["values"] = [repr(each) for each in flat[tree["at"]].tolist()]
    gradient = value.grad if value.is_leaf else None
    if gradient is None:
        return tree
    return items(value, [("data", tree), ("grad", _tensor(gradient, walk))], "Tensor")


def _module(value: Any, walk: Walk) -> Tree:
    pairs = [(f"[{name!r}]", walk(each)) for name, each in value.state_dict().items()]
    plain = (bool, int, float, str, list, tuple, dict)
    own = [(f".{n}", walk(v)) for n, v in sorted(vars(value).items()) if n[0] != "_" and isinstance(v, plain)]
    return items(value, [*pairs, *own])


def _with_state_dict(value: Any, walk: Walk) -> Tree:
    return items(value, [("state_dict", walk(value.state_dict()))])


def _torch_generator(value: Any, walk: Walk) -> Tree:
    return items(value, [("state", walk(value.get_state()))])


def _torch_scalar(value: Any, walk: Walk) -> Tree:
    return scalar(value, str(value))


def _iterator(value: Any, walk: Walk) -> Tree:
    return opaque(value, "an iterator has no value before it runs")


def _loader(value: Any, walk: Walk) -> Tree:
    names = ("dataset", "batch_size", "num_workers", "drop_last", "sampler", "generator")
    return items(value, [(f".{name}", walk(getattr(value, name, None))) for name in names])


# -- estimators ------------------------------------------------------------------------------------


def _estimator(value: Any, walk: Walk) -> Tree:
    parameters = value.get_params(deep=False)
    pairs = [(f".{name}", walk(parameters[name])) for name in sorted(parameters)]
    state = dict(value.__getstate__()) if hasattr(value, "__getstate__") else dict(vars(value))
    state.pop("_sklearn_version", None)
    for name in sorted(set(state) - set(parameters)):
        tree = walk(state[name])
        if tree["kind"] != "skipped":
            pairs.append((f".{name}", tree))
    return items(value, pairs)


def _tree_model(value: Any, walk: Walk) -> Tree:
    return items(value, [("state", walk(value.__getstate__()))])


def _booster(value: Any, walk: Walk) -> Tree:
    import json

    try:
        settings = walk(json.loads(value.save_config()))
    except Exception:
        settings = scalar(None, "None")
    return items(value, [("model", walk(json.loads(value.save_raw("json").decode()))), ("config", settings)])


def _gbm(value: Any, walk: Walk) -> Tree:
    return items(value, [("model", walk(value.model_to_string().split("\n")))])


def _matrix(value: Any, walk: Walk) -> Tree:
    return items(value, [("rows", walk(value.num_row())), ("label", walk(value.get_label()))])


def _gbm_data(value: Any, walk: Walk) -> Tree:
    return items(value, [("data", walk(value.data)), ("label", walk(value.label))])


def _sparse(value: Any, walk: Walk) -> Tree:
    coordinates = value.tocoo()
    parts = [(name, walk(getattr(coordinates, name))) for name in ("row", "col", "data")]
    return items(value, [("shape", walk(tuple(value.shape))), *parts])


# -- absl ------------------------------------------------------------------------------------------


def _flags(value: Any, walk: Walk) -> Tree:
    """By their values: which module defines a flag is another matter."""
    return items(value, [(name, walk(each)) for name, each in sorted(value.flag_values_dict().items())])


# -- tqdm ------------------------------------------------------------------------------------------


def _progress_bar(value: Any, walk: Walk) -> Tree:
    """By what the program told it: when it draws, and what it counts for that, goes by the clock."""
    told = ("iterable", "total", "n", "initial", "desc", "postfix", "unit")
    return items(value, [(f".{name}", walk(getattr(value, name, None))) for name in told])


_LIBRARIES: dict[str, tuple[tuple[str, Special], ...]] = {
    "logging": (("Logger", _logger), ("Handler", _handler)),
    "random": (("Random", _python_random),),
    "numpy": (
        ("ndarray", _numpy_array),
        ("generic", _numpy_scalar),
        ("dtype", _numpy_dtype),
        ("random.Generator", _generator),
        ("random.RandomState", _random_state),
    ),
    "patsy": (("eval.EvalEnvironment", _environment),),
    "pandas": (
        ("DataFrame", _frame),
        ("Series", _series),
        ("Index", _index),
        ("api.extensions.ExtensionArray", _pandas_array),
        ("Timestamp", _timestamp),
        ("Timedelta", _timestamp),
        ("api.typing.DataFrameGroupBy", _grouped),
        ("api.typing.SeriesGroupBy", _grouped),
    ),
    "torch": (
        ("Tensor", _tensor),
        ("nn.Module", _module),
        ("optim.Optimizer", _with_state_dict),
        ("optim.lr_scheduler.LRScheduler", _with_state_dict),
        ("Generator", _torch_generator),
        ("device", _torch_scalar),
        ("dtype", _torch_scalar),
        ("utils.data.DataLoader", _loader),
        ("utils.data.dataloader._BaseDataLoaderIter", _iterator),
    ),
    "xgboost": (("Booster", _booster), ("DMatrix", _matrix)),
    "lightgbm": (("Booster", _gbm), ("Dataset", _gbm_data)),
    "scipy.sparse": (("spmatrix", _sparse), ("sparray", _sparse)),
    "sklearn.base": (("BaseEstimator", _estimator),),
    "sklearn.tree._tree": (("Tree", _tree_model),),
    "tqdm": (("tqdm", _progress_bar),),
    "absl.flags": (("FlagValues", _flags),),
}
