"""What a model takes and gives: tried on stored values, described as JSON, and used to predict.

Kinds of input: a `table` (columns with their types), an `array` (one shape and type), or `texts`.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import Any

from .data_checks import describe_array, describe_column

ROWS = 4
"""With how many rows an input is tried."""
_LIKELY = re.compile(r"^(x|inputs?|features?|images?|texts?|data|df)(_|$)|_x$", re.IGNORECASE)
_COLUMN_TYPES = ("int", "uint", "float", "bool", "str", "object", "category")
_TRAIN = re.compile(r"train|set|loader", re.IGNORECASE)

Described = dict[str, Any]


def rank(name: str) -> tuple[bool, bool, str]:
    """Sorts names of values: those that look like inputs come first, and of these the training data."""
    return not _LIKELY.search(name), not _TRAIN.search(name), name


def is_torch(model: Any) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def can_predict(value: Any) -> bool:
    """A network of PyTorch, or anything with a method `predict`."""
    return not isinstance(value, type) and (is_torch(value) or callable(getattr(value, "predict", None)))


def describe(model: Any, value: Any) -> Described | None:
    """The input that a stored value shows, when the model takes it; None when it does not."""
    whole = _input_of(value)
    if whole is None or not _may_take(model, whole):
        return None
    described = _describe_input(whole)
    return None if described is None else _tried(model, described, whole[:ROWS])


def describe_from_shape(model: Any) -> Described | None:
    """The input that somebody has told: SERVE_INPUT_SHAPE=3,32,32. Tried with zeros."""
    return _described_shape(
        model, [int(part) for part in os.environ.get("SERVE_INPUT_SHAPE", "").split(",") if part]
    )


def describe_from_model(model: Any) -> Described | None:
    """The input that a model tells itself: by its count of features, or its first layer. Tried with zeros."""
    features = getattr(model, "n_features_in_", None)
    if is_torch(model):
        layers = (each for each in model.modules() if next(each.parameters(recurse=False), None) is not None)
        features = getattr(next(layers, None), "in_features", None)
    return _described_shape(model, [features] if isinstance(features, int) else [])


def _described_shape(model: Any, shape: list[int]) -> Described | None:
    import numpy

    if not shape:
        return None
    dtype = "float32" if is_torch(model) else "float64"
    described = {"kind": "array", "shape": shape, "dtype": dtype}
    return _tried(model, described, numpy.zeros((ROWS, *shape), dtype))


def predict(model: Any, described: Described, rows: list[Any]) -> dict[str, Any]:
    """The predictions for rows that fit the description, as plain lists."""
    batch = to_batch(described, rows)
    result = {"predictions": _plain(_call(model, batch))}
    if callable(getattr(model, "predict_proba", None)) and not is_torch(model):
        result["probabilities"] = _plain(model.predict_proba(batch))
        if hasattr(model, "classes_"):
            result["classes"] = _plain(model.classes_)
    return result


def takes(model: Any, described: Described) -> bool:
    """Whether a model takes the described input, tried with a row in the middle of what was seen."""
    try:
        return len(_call(model, to_batch(described, [_sample(described)] * 2))) == 2
    except Exception:
        return False


def _sample(described: Described) -> Any:
    if described["kind"] == "texts":
        return "text"
    if described["kind"] == "table":
        return {name: _middle(column) for name, column in described["columns"].items()}
    row: Any = _middle(described)
    for length in reversed(described["shape"]):
        row = [row] * length
    return row


def _middle(described: Described) -> Any:
    if described.get("categories"):
        return described["categories"][0]
    middle = (described.get("min", 0) + described.get("max", 0)) / 2
    return middle if described["dtype"].startswith("float") else int(middle)


def to_batch(described: Described, rows: list[Any]) -> Any:
    """Checked rows as what the model was trained with: a frame with its types, an array, or a list of texts."""
    if described["kind"] == "texts":
        return rows
    if described["kind"] == "array":
        import numpy

        return numpy.array(rows, dtype=described["dtype"])
    pandas: Any = importlib.import_module("pandas")
    frame = pandas.DataFrame(rows, columns=list(described["columns"]))
    for name, column in described["columns"].items():
        if not frame[name].isna().any() or column["dtype"].startswith("float"):
            frame[name] = frame[name].astype(column["dtype"])
    return frame


def find_outside(described: Described, rows: list[Any]) -> list[str]:
    """Where values lie outside of what the first good run had: they are answered, and told."""
    columns = described["columns"] if described["kind"] == "table" else {"": described}
    found = []
    for name, column in columns.items():
        if "min" not in column:
            continue
        values = [each for row in rows for each in _flat(row[name] if name else row)]
        if values and (min(values) < column["min"] or max(values) > column["max"]):
            label = f"column {name!r}" if name else "the input"
            seen = f"{column['min']:g} to {column['max']:g}"
            found.append(f"{label}: values outside of {seen}, which the first good run had")
    return found


def _flat(value: Any) -> list[float]:
    if isinstance(value, list):
        return [each for part in value for each in _flat(part)]
    return [] if value is None or isinstance(value, (str, bool)) else [value]


def _input_of(value: Any) -> Any:
    """The table, array or list of texts in a value: itself, or the first part of the items of a data set or loader."""
    if hasattr(value, "dataset") and hasattr(value, "batch_size"):
        value = value.dataset
    if hasattr(value, "tensors"):
        value = value.tensors[0]
    elif not hasattr(value, "shape") and hasattr(value, "__getitem__") and hasattr(value, "__len__"):
        value = _collected(value)
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    is_texts = isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)
    shape: Any = getattr(value, "shape", ())
    return value if is_texts or len(shape) >= 1 else None


def _collected(items: Any) -> Any:
    """The inputs of the first items of a data set that gives (input, target) pairs."""
    if isinstance(items, (dict, str, bytes)) or not len(items):
        return None
    if isinstance(items, list) and isinstance(items[0], str):
        return items
    import numpy

    try:
        first = [items[index] for index in range(min(ROWS, len(items)))]
        inputs = [each[0] if isinstance(each, (tuple, list)) else each for each in first]
        return numpy.stack(
            [each.numpy() if hasattr(each, "numpy") else numpy.asarray(each) for each in inputs]
        )
    except Exception:
        return None


def _may_take(model: Any, value: Any) -> bool:
    """What a model of scikit-learn says about its features must be so."""
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return hasattr(value, "columns") and list(value.columns) == list(names)
    features = getattr(model, "n_features_in_", None)
    shape: Any = getattr(value, "shape", ())
    return not isinstance(features, int) or (len(shape) == 2 and shape[1] == features)


def _describe_input(value: Any) -> Described | None:
    if isinstance(value, list):
        return {"kind": "texts"}
    if hasattr(value, "columns"):
        columns = {str(name): describe_column(value.iloc[:, at]) for at, name in enumerate(value.columns)}
        usable = all(each["dtype"].startswith(_COLUMN_TYPES) for each in columns.values())
        return {"kind": "table", "columns": columns} if usable else None
    if hasattr(value, "iloc"):
        texts = all(isinstance(each, str) for each in value.head(ROWS))
        return {"kind": "texts"} if texts else None
    found = describe_array(value)
    if value.dtype.kind in "OUS":
        return (
            {"kind": "texts"}
            if value.ndim == 1 and all(isinstance(each, str) for each in value[:ROWS])
            else None
        )
    if value.dtype.kind not in "fiub":
        return None
    return {"kind": "array", **{key: found[key] for key in ("shape", "dtype", "min", "max") if key in found}}


def _tried(model: Any, described: Described, batch: Any) -> Described | None:
    """The description with that of the output, when the model takes the batch and gives one result for each row."""
    import numpy

    try:
        result = _call(model, batch)
        output = numpy.asarray(result.numpy() if hasattr(result, "numpy") else result)
    except Exception:
        return None
    if output.ndim == 0 or len(output) != len(batch):
        return None
    return {"input": described, "output": {"shape": list(output.shape[1:]), "dtype": str(output.dtype)}}


def _call(model: Any, batch: Any) -> Any:
    if is_torch(model):
        import torch

        parameter = next(model.parameters(), None)
        device = parameter.device if parameter is not None else "cpu"
        model.eval()
        with torch.inference_mode():
            result = model(torch.as_tensor(batch).to(device))
        return result.detach().cpu()
    if type(model).__module__.startswith("xgboost") and type(model).__name__ == "Booster":
        import xgboost

        return model.predict(xgboost.DMatrix(batch))
    return model.predict(batch)


def _plain(values: Any) -> Any:
    """As lists, numbers and texts."""
    return values.tolist() if hasattr(values, "tolist") else [_plain(each) for each in values]
