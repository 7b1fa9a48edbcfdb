"""Attention over a batch of which each process has its rows."""

from __future__ import annotations

import importlib
import math
from typing import Any

from .batch_rows import RULES, is_rows, local_of, ndim_of, shape_of, wrap
from .row_rules import align, bound

torch: Any = importlib.import_module("torch")
F: Any = importlib.import_module("torch.nn.functional")
_INPUTS = ("query", "key", "value")


def attention(func: Any, args: Any, kwargs: Any) -> Any:
    """softmax(q k) v on (rows, …, places, numbers)."""
    given = {**dict(zip((*_INPUTS, "attn_mask", "dropout_p", "is_causal"), args, strict=False)), **kwargs}
    rows, mask = given["query"], given.get("attn_mask")
    if not is_rows(rows) or ndim_of(rows) < 3 or any(not _is_like(given[each], rows) for each in _INPUTS):
        return NotImplemented
    if given.get("dropout_p"):
        return NotImplemented if given.get("enable_gqa") else _with_dropout(given)
    if mask is not None:
        aligned = align([rows, mask]) if 2 <= ndim_of(mask) <= ndim_of(rows) else None
        if aligned is None:
            return NotImplemented
        given["attn_mask"] = aligned[0][1]
    for each in _INPUTS:
        given[each] = local_of(given[each])
    return wrap(func(**given), rows.bounds)


def _is_like(value: Any, rows: Any) -> bool:
    same_kind = is_rows(value) and value.axis == 0 and ndim_of(value) == ndim_of(rows)
    return same_kind and bool(value.bounds == rows.bounds)


def _with_dropout(given: dict[str, Any]) -> Any:
    """The same step by step, so that the mask is the one that one process draws."""
    query, key, mask = given["query"], given["key"], given.get("attn_mask")
    scale = given.get("scale") or 1 / math.sqrt(shape_of(query)[-1])
    scores = (query * math.sqrt(scale)) @ (key * math.sqrt(scale)).transpose(-2, -1)
    if given.get("is_causal"):
        shape = shape_of(scores)[-2:]
        mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return F.dropout(F.softmax(scores, dim=-1), given["dropout_p"]) @ given["value"]


RULES[F.scaled_dot_product_attention] = attention


def attention_layer(func: Any, args: Any, kwargs: Any) -> Any:
    """What `nn.MultiheadAttention` does, on (places, rows, numbers)."""
    given = bound(func, args, kwargs)
    rows, mask = given["query"], given["attn_mask"]
    odd = ("bias_k", "bias_v", "static_k", "static_v", "add_zero_attn")
    if any(given[each] is not None and given[each] is not False for each in odd):
        return NotImplemented
    if not all(
        is_rows(given[each]) and given[each].axis == 1 and ndim_of(given[each]) == 3 for each in _INPUTS
    ):
        return NotImplemented
    if mask is not None and (is_rows(mask) or mask.ndim != 2):
        return NotImplemented
    heads, width = given["num_heads"], shape_of(rows)[2]
    query, key, value = (_by_head(each, heads) for each in _projected(given))
    bias = _bias(given, query.dtype)
    p = given["dropout_p"] if given["training"] else 0.0
    if given["need_weights"]:
        scores = (query * math.sqrt(1.0 / (width // heads))) @ key.transpose(-2, -1)
        weights = F.softmax(scores if bias is None else scores + bias, dim=-1)
        weights = F.dropout(weights, p) if p else weights
        out = weights @ value
        weights = weights.mean(dim=1) if given["average_attn_weights"] else weights
    else:
        out, weights = F.scaled_dot_product_attention(query, key, value, bias, p), None
    joined = out.permute(2, 0, 1, 3).flatten(2)
    return F.linear(joined, given["out_proj_weight"], given["out_proj_bias"]), weights


def _projected(given: dict[str, Any]) -> Any:
    query, key, value, bias = given["query"], given["key"], given["value"], given["in_proj_bias"]
    if not given["use_separate_proj_weight"]:
        return F._in_projection_packed(query, key, value, given["in_proj_weight"], bias)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    weights = (given["q_proj_weight"], given["k_proj_weight"], given["v_proj_weight"])
    return F._in_projection(query, key, value, *weights, *biases)


def _by_head(value: Any, heads: int) -> Any:
    """(places, rows, heads * numbers) as (rows, heads, places, numbers)."""
    return value.unflatten(-1, (heads, shape_of(value)[2] // heads)).permute(1, 2, 0, 3)


def _bias(given: dict[str, Any], dtype: Any) -> Any:
    """What is added to the scores: the mask of places, and for each row of the keys that do not count."""
    mask, padding = _as_numbers(given["attn_mask"], dtype), _as_numbers(given["key_padding_mask"], dtype)
    if padding is None:
        return mask
    padding = padding.unsqueeze(1).unsqueeze(1)
    return padding if mask is None else padding + mask


def _as_numbers(mask: Any, dtype: Any) -> Any:
    if mask is None or mask.dtype != torch.bool:
        return mask
    return torch.zeros(shape_of(mask), dtype=dtype, device=mask.device).masked_fill(mask, -math.inf)


RULES[F.multi_head_attention_forward] = attention_layer
