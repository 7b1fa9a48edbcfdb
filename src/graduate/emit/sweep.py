"""`configs/sweep.yaml`: the settings that `make sweep` could try, as examples, and numbers that could be its metric."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from graduate.emit.options import NOT_LITERAL, Setting, is_epochs, to_yaml
from graduate.model.project import Modules

SWEEP_FILES = ("configs/sweep.yaml", "configs/pipeline_sweep.yaml")
"""The second where the research code has a file of the first name. `utils/sweep_file.py` looks for both."""

_METRIC = re.compile(
    r"(^|_)(loss|losses|acc|accuracy|score|auc|f1|error|err|mse|rmse|mae|reward|return|ppl|best|perplexity)(_|$)",
    re.IGNORECASE,
)
_SEED = re.compile(r"(^|_)seed(_|$)", re.IGNORECASE)
_HEAD = """\
# What `make sweep TRIALS=20` tries (it needs EXTRAS=sweep; docs: README.md). Take the # from what is to be used.

# The metric: a number that a loop of the training holds after each turn, or a variable that a step gives.
# {names}
# metric: loss
# direction: minimize
"""
_TAIL = """\

# What can be said beside it, with what holds otherwise:
# command: train-all   # what each trial runs: train, evaluate or train-all
# seed: 0              # of what is drawn
# value: last          # of the values of a trial the last one, or the best
# prune: true          # stop a trial whose value is worse than the median of the others at the same turn,
# startup: 5           #   when so many trials are done,
# warmup: 0            #   and after so many of its turns
# reuse: true          # steps before the first one that reads a tried setting are not run again
# keep: best           # which folders of trials stay: that of the best, or all
"""


def choose_sweep_file(settings: Collection[Setting], data: Iterable[str]) -> str:
    """Where the file is; "" where there are no settings to try."""
    taken = set(data)
    return next((path for path in SWEEP_FILES if path not in taken), "") if settings else ""


def render_sweep(settings: Iterable[Setting], modules: Modules) -> str:
    """The text of the file."""
    names = _find_metrics(modules)
    known = (
        f"Here there are: {', '.join(names)}."
        if names
        else "A wrong name is told, with those that there are."
    )
    lines = [f"#   {to_yaml(each.name)}: {example}" for each in settings if (example := _example(each))]
    found = lines or ["#   name: {low: 0.001, high: 0.1, log: true}"]
    return "\n".join([_HEAD.format(names=known), "settings:", *found, _TAIL])


def _find_metrics(modules: Modules) -> list[str]:
    """Names of what loops carry, or steps give, that sound like a loss or a score."""
    found = [name for step in modules.steps for name in step.gives]
    for module in modules.modules:
        if "LoopState(" in module.text:
            found += _carried(module.text)
    return sorted({name for name in found if _METRIC.search(name)})[:12]


def _carried(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("LoopState"):
            yield from (each.arg for each in node.keywords if each.arg)


def _example(each: Setting) -> str:
    """Values around the one of the research code; "" for a setting that is no candidate."""
    option, value = each.option, each.value
    if option.secret or value is NOT_LITERAL or _SEED.search(each.name) or is_epochs(each):
        return ""
    if option.choices:
        return f"{{choices: [{', '.join(option.choices)}]}}" if len(option.choices) > 1 else ""
    if isinstance(value, bool):
        return "{choices: [true, false]}"
    if isinstance(value, float):
        return _around(value)
    if isinstance(value, int) and value > 0:
        return f"{{low: {max(1, value // 2)}, high: {value * 2}}}"
    return ""


def _around(value: float) -> str:
    def text(number: float) -> Any:
        return to_yaml(float(f"{number:.3g}"))

    if not 0 < value < 1e6:
        return "{low: 0.0, high: 0.1}" if value == 0 else ""
    if value < 0.1:
        return f"{{low: {text(value / 10)}, high: {text(value * 10)}, log: true}}"
    high = (1 + value) / 2 if value < 1 else value * 2
    return f"{{low: {text(value / 2)}, high: {text(high)}}}"
