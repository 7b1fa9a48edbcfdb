"""Libraries that draw while they are loaded."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path

import pytest

from graduate.runtime import random_state
from graduate.runtime.loading import keep_random

FILES = {
    "loud_library.py": "import random\nrandom.random()\n",
    "louder_library.py": "import random\nrandom.random()\n",
    "loud_study/__init__.py": "",
    "loud_study/trainer.py": "import loud_library\ndef load():\n    import louder_library\n",
}


@pytest.fixture
def seeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = random_state.capture()
    random.seed(5)
    keep_random("loud_study", before)


@pytest.mark.usefixtures("seeded")
def test_what_loading_draws_is_put_back() -> None:
    expected = random.Random(5).random()
    trainer = importlib.import_module("loud_study.trainer")
    assert "loud_library" in sys.modules
    state = random.getstate()
    assert random.random() == expected
    random.setstate(state)
    trainer.load()  # where the program loads it in a function, it drew there too
    assert random.random() != expected
