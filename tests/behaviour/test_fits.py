"""A training that a library loops over, stopped inside and gone on: the results are the original's, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import fit_cases
import fit_loop_cases
from harness import Converted, convert, run_original

FAMILIES = {
    "xgboost": (fit_cases.XGBOOST, "xgboost", (5, 12, 15, 21)),
    "lightgbm": (fit_cases.LIGHTGBM, "lightgbm", (4, 12, 17)),
    "keras on torch": (fit_cases.KERAS.replace("BELOW", "torch"), "keras", (2, 5, 13, 15)),
    "keras on jax": (fit_cases.KERAS.replace("BELOW", "jax"), "keras", (5, 14)),
    "lightning": (fit_cases.LIGHTNING, "lightning", (3, 11, 18, 24)),
    "transformers": (fit_cases.TRANSFORMERS, "transformers", (3, 5, 8)),
    "skorch": (fit_loop_cases.SKORCH, "skorch", (2, 7, 11, 22, 38)),
    "jax tree": (fit_loop_cases.JAX_TREE, "jax", (1, 6, 14, 20)),
    "optax": (fit_loop_cases.OPTAX, "optax", (2, 8, 11)),
    "flax linen": (fit_loop_cases.LINEN, "flax", (1, 7, 15)),
    "flax nnx": (fit_loop_cases.NNX, "flax", (2, 5, 18)),
    "keras train_on_batch": (fit_loop_cases.KERAS_GAN, "keras", (5, 11, 15, 21)),
    "scikit-learn": (fit_loop_cases.WARM_START, "sklearn", (3, 7, 13, 17)),
}
QUICK = [("xgboost", 8, "SIGTERM")]
SLOW = [
    pytest.param(family, kill_at, by, marks=pytest.mark.slow)
    for family, (_, _, places) in FAMILIES.items()
    for kill_at in places
    for by in ("SIGKILL", "SIGTERM")
]
KEPT = {"lightgbm": 4, "transformers": 3}
"""How many of the last lines are compared at most, where others tell times."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Converted]]:
    """Per family what the original printed, and its project."""
    return {}


def need(library: str) -> None:
    """Skip where a library is not installed. It is not imported: Keras would choose its backend here."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


def make(
    family: str, made: dict[str, tuple[str, Converted]], factory: pytest.TempPathFactory
) -> tuple[str, Converted]:
    if family not in made:
        text, library, _ = FAMILIES[family]
        need(library)
        need(family.partition(" on ")[2] or library)
        folder = factory.mktemp("fit")
        original = run_original({"main.py": text}, folder / "original")
        assert original.returncode == 0, original.stderr
        made[family] = original.stdout, convert({"main.py": text}, folder / "project")
    return made[family]


@pytest.mark.parametrize(("family", "kill_at", "by"), [*QUICK, *SLOW])
def test_stopped_inside_and_gone_on(
    family: str,
    kill_at: int,
    by: str,
    made: dict[str, tuple[str, Converted]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    expected, project = make(family, made, tmp_path_factory)
    project.run("clean")
    for left in ("log.csv",):
        (project.root / left).unlink(missing_ok=True)
    for folder in ("lightning_logs", "out"):
        subprocess.run(["rm", "-rf", str(project.root / folder)], check=True)
    first = project.run("train-all", CHECKPOINT_EVERY="1", KILL_AT=str(kill_at), KILL_BY=by)
    assert first.returncode == (-9 if by == "SIGKILL" else 75), first.stderr
    assert "without checkpoints" not in first.stderr
    second = project.run("train-all", CHECKPOINT_EVERY="1")
    assert second.returncode == 0, second.stderr
    assert "did not work" not in second.stderr
    assert "has no checkpoints" not in second.stderr
    seen = second.stdout.splitlines()[-KEPT.get(family, 5) :]
    assert seen
    assert seen == expected.splitlines()[-len(seen) :]
    if by == "SIGTERM":
        assert "going on" in second.stderr
        if family != "transformers":
            assert first.stdout + second.stdout == expected


@pytest.mark.slow
@pytest.mark.parametrize("family", ["keras train_on_batch", "optax", "skorch"])
def test_each_step_in_a_process_of_its_own(
    family: str, made: dict[str, tuple[str, Converted]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected, project = make(family, made, tmp_path_factory)
    project.run("clean")
    apart = project.run_apart()
    assert apart.returncode == 0, apart.stderr
    assert apart.stdout == expected


UNLIKE = """
import numpy as np
import xgboost as xgb

rng = np.random.RandomState(0)
x = rng.normal(size=(50, 3))
y = x[:, 0] * 2
# train
model = xgb.XGBRegressor(n_estimators=3, subsample=0.5, random_state=1)
model.fit(x, y)
print(model.predict(x)[:3].tolist())
"""


def test_what_cannot_be_continued_runs_as_it_is(tmp_path: Path) -> None:
    need("xgboost")
    expected = run_original({"main.py": UNLIKE}, tmp_path / "original").stdout
    project = convert({"main.py": UNLIKE}, tmp_path / "project")
    done = project.run("train-all")
    assert done.stdout == expected
    assert "has no checkpoints: subsample=0.5 draws random numbers" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("family", ["xgboost", "keras on torch", "lightning"])
def test_verified(tmp_path: Path, family: str) -> None:
    text, library, _ = FAMILIES[family]
    need(library)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "main.py").write_text(text)
    graduate = [sys.executable, "-c", "import sys; from graduate.cli import main; sys.exit(main())"]
    subprocess.run([*graduate, "convert", "study", "-o", "project"], cwd=tmp_path, check=True)
    verdict = subprocess.run(
        [*graduate, "verify", "study", "project", "--python", sys.executable, "--kills", "3"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
