"""Makes research repos of any size: scripts as people write them, and the modules that they import.

python benchmarks/synthetic.py 10000 /tmp/repo
"""

from __future__ import annotations

import argparse
from pathlib import Path

_MODULE = '''"""Things for experiment {i}."""
import math

import numpy as np
import pandas as pd

SCALE_{i} = {i} / 10
'''

_FUNCTION = '''

def normalise_{i}_{j}(frame, columns, factor=SCALE_{i}):
    """Bring columns to mean 0 and a spread of `factor`."""
    frame = frame.copy()
    for column in columns:
        center, spread = frame[column].mean(), frame[column].std()
        if spread > 0:
            frame[column] = factor * (frame[column] - center) / spread
        else:
            frame[column] = 0.0
    return frame


class Model_{i}_{j}:
    def __init__(self, size, rate=0.1):
        self.weights = np.zeros(size)
        self.rate = rate
        self.history = []

    def predict(self, x):
        return 1 / (1 + np.exp(-x @ self.weights))

    def fit(self, x, y, epochs):
        for epoch in range(epochs):
            error = self.predict(x) - y
            self.weights -= self.rate * x.T @ error / len(y)
            self.history.append(float(np.mean(error**2)))
        return self


def accuracy_{i}_{j}(truth, predicted):
    hits = [t == (p > 0.5) for t, p in zip(truth, predicted)]
    return sum(hits) / max(len(hits), 1)
'''

_HEAD = '''"""Experiment {i}."""
import math
import os

import numpy as np
import pandas as pd

from module_{i} import accuracy_{i}_0, normalise_{i}_0, Model_{i}_0

SEED = {i}
EPOCHS = 20
RATE = 0.1
np.random.seed(SEED)
'''

_PART = """
# ---- load the data, part {j}
table_{j} = pd.DataFrame(np.random.randn(200, 5), columns=list("abcde"))
table_{j}["target"] = (table_{j}["a"] + table_{j}["b"] > 0).astype(int)
print("rows:", len(table_{j}))
table_{j} = table_{j}.dropna()
table_{j} = normalise_{i}_0(table_{j}, list("abcde"))
assert not table_{j}.isna().any().any()


def score_{j}(model, x, y):
    predicted = model.predict(x)
    return accuracy_{i}_0(y, predicted) * RATE


# train, part {j}
x_{j} = table_{j}[list("abcde")].to_numpy()
y_{j} = table_{j}["target"].to_numpy()
model_{j} = Model_{i}_0(5, rate=RATE)
best_{j} = 0.0
for epoch in range(EPOCHS):
    model_{j}.fit(x_{j}, y_{j}, 1)
    value = score_{j}(model_{j}, x_{j}, y_{j})
    if value > best_{j}:
        best_{j} = value
    if epoch % 10 == 0:
        print(f"epoch {{epoch}}: {{value:.4f}}")

# results, part {j}
print("best:", best_{j}, math.sqrt(best_{j} + 1))
os.makedirs("out", exist_ok=True)
table_{j}.describe().to_csv("out/summary_{j}.csv")
"""

LINES_PER_EXPERIMENT = 1000


def write_repo(lines: int, folder: Path) -> int:
    """Write a repo of about this many lines; the exact number.

    One script and one module for every 1,000, and each module imports the one before it.
    """
    folder.mkdir(parents=True)
    total = 0
    for i in range(max(1, round(lines / LINES_PER_EXPERIMENT))):
        share = min(lines, LINES_PER_EXPERIMENT)
        script = _grow(_HEAD.format(i=i), [_PART.format(i=i, j=j) for j in range(100)], share * 2 // 5)
        module = _grow(
            _MODULE.format(i=i),
            [_FUNCTION.format(i=i, j=j) for j in range(100)],
            share - script.count("\n"),
        )
        if i:
            # As in a package: whoever imports one module imports many others by it.
            module = module.replace(
                "import math\n", f"import math\n\nfrom module_{i - 1} import SCALE_{i - 1}\n", 1
            )
        for name, text in ((f"experiment_{i}.py", script), (f"module_{i}.py", module)):
            (folder / name).write_text(text, encoding="utf-8")
            total += text.count("\n")
    return total


def _grow(text: str, parts: list[str], lines: int) -> str:
    for part in parts:
        text += part
        if text.count("\n") >= lines:
            break
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=int)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(write_repo(arguments.lines, arguments.folder), "lines")
