"""What a step's code is: comments do not count, everything that can run does."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from graduate.runtime import fingerprint
from graduate.runtime.fingerprint import CodeIndex

FILES = {
    "__init__.py": "",
    "pipeline.py": """
        from .config.settings import settings

        def train(x):
            "Doc."
            from .training import trainer
            return trainer.fit(x, settings.LR)

        def other():
            from .training.loops import unused

        PIPELINE = [train, other]
        """,
    "config/__init__.py": "",
    "config/settings.py": "class Settings:\n    LR = 1\n\nsettings = Settings()\n",
    "training/__init__.py": "",
    "training/trainer.py": """
        import numpy as np
        from ..models import architectures as arch
        from . import loops

        SCALE = 2

        def fit(x, lr):
            net = arch.build(lr)
            return loops.run(net, x) * SCALE

        def unused():
            return 1
        """,
    "training/loops.py": "def run(net, x):\n    return net(x)\n\ndef unused():\n    return 2\n",
    "models/__init__.py": "",
    "models/architectures.py": """
        from .layers import *

        class Net:
            def __call__(self, x):
                return helper(x)

        def build(lr):
            return Net()
        """,
    "models/layers.py": "def helper(x):\n    return x\n",
}


def hashes(root: Path, changes: dict[str, tuple[str, str]] | None = None) -> dict[str, str]:
    folder = root / "pkg"
    for path, text in FILES.items():
        text = textwrap.dedent(text)
        if changes and path in changes:
            assert changes[path][0] in text
            text = text.replace(*changes[path])
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return CodeIndex("pkg", folder).reach([("pkg.pipeline", "train")])


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("pipeline.py", '"Doc."', '"Other."'),
        ("pipeline.py", "PIPELINE = [train, other]", "PIPELINE = [train]"),
        ("pipeline.py", "import unused", "import run"),
        ("training/trainer.py", "return 1", "return 3"),
        ("training/trainer.py", "net = arch", "# comment\n    net = arch"),
        ("training/loops.py", "return 2", "return 3"),
        ("config/settings.py", "LR = 1", "LR = 2"),
    ],
)
def test_what_does_not_count(tmp_path: Path, path: str, old: str, new: str) -> None:
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b", {path: (old, new)})


@pytest.mark.parametrize(
    ("path", "old", "new", "named"),
    [
        ("pipeline.py", "trainer.fit(x,", "trainer.fit(x + 1,", "pipeline:train"),
        ("training/trainer.py", "SCALE = 2", "SCALE = 3", "training.trainer:<module>"),
        ("training/loops.py", "return net(x)", "return net(x) + 1", "training.loops:run"),
        ("models/architectures.py", "helper(x)", "helper(x + 1)", "models.architectures:Net"),
        ("models/layers.py", "return x", "return -x", "models.layers:helper"),
        ("models/__init__.py", "", "import os\n", "models:<module>"),
    ],
)
def test_what_counts(tmp_path: Path, path: str, old: str, new: str, named: str) -> None:
    before, after = hashes(tmp_path / "a"), hashes(tmp_path / "b", {path: (old, new)})
    assert [name for name in {**before, **after} if before.get(name) != after.get(name)] == [named]


@pytest.mark.parametrize(
    ("call", "counts"), [("import_module(name)", True), ("load(name)", True), ("print(name)", False)]
)
def test_modules_that_are_asked_for_by_a_name_count_all(tmp_path: Path, call: str, counts: bool) -> None:
    found = []
    for number in (1, 2):
        top = tmp_path / str(number) / "pkg"
        (top / "nets").mkdir(parents=True)
        (top / "__init__.py").write_text("keep_former_names(__name__, {'nets': '', 'nets.a': 'nets.a'})\n")
        (top / "nets" / "a.py").write_text(f"def make():\n    return {number}\n")
        (top / "pipeline.py").write_text(f"def train(name):\n    return {call}\n")
        found.append(CodeIndex("pkg", top).reach([("pkg.pipeline", "train")]))
    assert ("nets.a:make" in found[0]) is counts
    assert (found[0] != found[1]) is counts


def test_the_machinery_is_known_by_name() -> None:
    """What stands beside it in utils/ is the author's, and counts."""
    found = {path.stem for path in Path(fingerprint.__file__).parent.glob("*.py")} - {"__init__"}
    assert found == fingerprint.RUNTIME_MODULES
