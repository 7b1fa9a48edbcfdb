"""The pipeline of notebook: its steps, in the order in which they run."""

from __future__ import annotations

from .utils.resume import Pipeline, Step


def preprocess_data() -> None:
    """Read the text
    Count
    Save
    """
    from .data.preprocessing import read_text
    from .training.evaluation import save
    from .training.trainer import run_computation

    words = read_text()
    counts = run_computation(words)
    save(counts)


PIPELINE = Pipeline(
    Step("preprocess-data", preprocess_data, role="preprocess", program="words"),
    package=__package__,
)
