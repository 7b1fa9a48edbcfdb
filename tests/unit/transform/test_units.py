"""What the passes make of small programs: the text that comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import convert


def moved(text: str, folder: Path) -> str:
    """All code that was moved, without the settings, the pipeline and the empty modules."""
    converted = convert({"main.py": text}, folder)
    return "\n".join(m.text for m in converted.modules.modules if m.origin == "moved")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "LR = 0.1\nprint(LR)", ["print(settings.LR)"], id="a constant is read from the settings"
        ),
        pytest.param(
            "LR = 0.1\ndef f(x=LR):\n    return x\nprint(f())",
            ["def f(x=settings.LR):"],
            id="also where a function is defined",
        ),
        pytest.param(
            "import hydra\n@hydra.main(version_base=None, config_path='../conf', config_name='a')\ndef main(cfg):\n"
            "    print(cfg)\nif __name__ == '__main__':\n    main()",
            ['config_path=source_path("../conf"), config_name='],
            id="hydra looks beside the file that there was",
        ),
        pytest.param(
            "from hydra import main as start\n@start(config_name='a')\ndef run(cfg):\n    print(cfg)\nrun()",
            ['@start(config_path=source_path("."), config_name='],
            id="and hydra before 1.2 also without being told where",
        ),
        pytest.param(
            "n = 1\nn = n + 1\nprint(n)",
            ["n = 1\n", "n = n + 1"],
            id="a name that is rebound stays a variable",
        ),
        pytest.param(
            "LR = 0.1\nprint(f'{LR=} {LR = :.2f}')",
            ["print(f'LR={settings.LR!r} LR = {settings.LR:.2f}')"],
            id="what {x=} shows is kept",
        ),
        pytest.param(
            "import random\nk = random.random()\nclass Noise:\n    @staticmethod\n    def more():\n"
            "        return random.random()\nprint(k, Noise.more())",
            ["\nclass Noise:\n    @staticmethod"],
            id="a class with a static method is made when its module is imported",
        ),
        pytest.param(
            "import numpy as np\nw = np.ones(3)\ndef f(x, k=1):\n    return w * x * k\nprint(f(2))",
            ["def f(x, k=1, *, w):", "print(f(2, w=w))"],
            id="a function gets the global that it reads",
        ),
        pytest.param(
            "t = 0\nit = iter([1, 2])\nfor epoch in range(3):\n    try:\n        t += next(it)\n"
            "    except StopIteration:\n        it = iter([5])\n        t += next(it)\nprint(t)",
            [
                "    it = replayable(it)\n    state = LoopState(",
                "state.it = replayable([5])",
                "next(state.it)",
            ],
            id="an iterator that a loop advances can be held by a checkpoint",
        ),
        pytest.param(
            "t = 9\nwhile t > 1:\n    t -= 2\n    t *= 0.9\nelse:\n    t += 1\n    print('end')\nprint(t)",
            [
                "        else:\n            if not checkpoint.is_done:\n"
                "                state.t += 1\n                print('end')\n",
            ],
            id="the else of a finished loop does not run again",
        ),
        pytest.param(
            "w = [1]\ndef f(x, **k):\n    return w + x\nprint(f([2], a=1))",
            ["def f(x, *, w, **k):", "f([2], a=1, w=w)"],
            id="before **kwargs",
        ),
        pytest.param(
            "w = [1]\ndef f(x):\n    return [w[0] + i for i in x]\nprint(f(i for i in range(2)))",
            ["f((i for i in range(2)), w=w)"],
            id="a lone generator gets its brackets",
        ),
        pytest.param(
            "n = 0\ndef f():\n    global n\n    n += 1\nf()\nprint(n)",
            ["context.n = 0", "def f():\n    context.n += 1", "print(context.n)"],
            id="a global that a function assigns lives on the context",
        ),
        pytest.param(
            "w = [1]\nclass C:\n    def m(self):\n        return w\nprint(C().m())",
            ["return context.w"],
            id="a method reads the context",
        ),
        pytest.param(
            "import os\nprint(os.path.dirname(__file__), __name__)",
            ['source_path("main.py")), "__main__"'],
            id="__file__ and __name__ stay what they were",
        ),
        pytest.param(
            "# why\nx = [1]  # one\n\n# and\nprint(x)",
            ["    # why\n    x = [1]  # one\n\n    # and\n    print(x)"],
            id="comments and blank lines are kept",
        ),
    ],
)
def test_moved_code(text: str, expected: list[str], tmp_path: Path) -> None:
    found = moved(text + "\n", tmp_path)
    for each in expected:
        assert each in found


def test_a_training_loop_is_resumable(tmp_path: Path) -> None:
    text = """
import numpy as np
rng = np.random.default_rng(0)
w = np.zeros(2)
best = 1e9
# training
for epoch in range(10):
    for batch in range(3):
        w -= 0.1 * rng.normal(size=2)
        loss = float((w ** 2).sum())
    best = min(best, loss)
print(best, loss)
"""
    found = moved(text, tmp_path)
    assert "state = LoopState(w=w, best=best, rng=rng)" in found
    assert "for epoch in checkpoint.loop(range(10)):" in found
    assert "state.best = min(state.best, state.loss)" in found
    assert "    best = state.best\n" in found


def test_process_state_leads_or_is_repeated(tmp_path: Path) -> None:
    text = """
import warnings
import numpy as np
warnings.filterwarnings("ignore")
np.random.seed(1)
# load data
x = np.random.rand(3)
print(x)
np.set_printoptions(precision=2)
# train
for step in range(50):
    x = x * 0.9
# evaluate
print(x)
"""
    cuts = [False, False, True, True, True, True]
    converted = convert({"main.py": text}, tmp_path, cuts=cuts)
    pipeline = converted.text("pipeline.py")
    assert 'warnings.filterwarnings("ignore")' in pipeline
    assert "restore=restore_" in pipeline
    assert pipeline.count("np.set_printoptions(precision=2)") == 1


def test_only_what_downloads_is_tried_again(tmp_path: Path) -> None:
    text = """
import urllib.request
# download the data
urllib.request.urlretrieve("https://example.org/data.csv", "data.csv")
# train
total = 0.0
for step in range(50):
    total += step
print(total)
"""
    pipeline = convert({"main.py": text}, tmp_path).text("pipeline.py")
    entries = [each for each in pipeline.split("Step(")[1:] if "role=" in each]
    downloads = [each for each in entries if 'role="download"' in each]
    assert len(downloads) == 1
    assert ["retries=4" in each for each in entries] == [each in downloads for each in entries]


def test_what_cannot_be_told_from_the_text_is_wrapped(tmp_path: Path) -> None:
    converted = convert({"main.py": "a = 1\nexec('a = 2')\nprint(a)\n"}, tmp_path)
    (program,) = converted.modules.programs
    assert program.level == "wrapped"
    assert "exec() reaches names dynamically" in program.blocked_by
    assert converted.run().stdout == "2\n"


def test_every_statement_has_a_row(tmp_path: Path) -> None:
    text = (
        "'''Doc.'''\nimport os\nLR = 1\ndef f(x):\n    return x\n\ndef main():\n    y = f(LR)\n    print(y)\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    converted = convert({"main.py": text}, tmp_path)
    lines = {row.place.line for row in converted.modules.rows}
    assert lines == {1, 2, 3, 4, 7, 8, 9, 11}
    assert all(row.where or row.reason for row in converted.modules.rows)


def test_local_modules_move_whole(tmp_path: Path) -> None:
    files = {
        "main.py": "from lib import helper as h\nimport lib.deep\nimport lib\nprint(h(1), lib.deep.V, lib.deep.up())\n",
        "lib/__init__.py": "from .core import helper\n",
        "lib/core.py": "def helper(x):\n    return x + 1\n",
        "lib/deep.py": "from lib import core\nV = 3\ndef up():\n    return core.helper(V)\n",
    }
    assert convert(files, tmp_path).run().stdout == "2 3 4\n"


def test_a_setting_given_to_a_library_is_not_checked(tmp_path: Path) -> None:
    text = 'import warnings\nprint(1)\nmode = "ignore"\nwarnings.filterwarnings(mode)\nprint(2)\nprint(3)\n'
    pipeline = convert({"main.py": text}, tmp_path, cuts=[True] * 9).text("pipeline.py")
    assert "@no_type_check\ndef restore_" in pipeline
    assert "from typing import no_type_check\n" in pipeline


def test_settings_that_differ_in_case_only_are_two(tmp_path: Path) -> None:
    converted = convert({"main.py": "rate = 1\nRATE = 2\nprint(rate, RATE)\n"}, tmp_path)
    assert converted.run().stdout == "1 2\n"
    names = re.findall(r"^    (\w+): int = option", converted.text("config/settings.py"), re.MULTILINE)
    assert sorted(name.lower() for name in names) == ["main_rate", "rate"]


def test_fields_of_configuration_classes_are_settings(tmp_path: Path) -> None:
    text = """
from dataclasses import dataclass
class CFG:
    rate = 0.1
@dataclass
class TrainConfig:
    rate: float = 1  # of learning
    steps: int = 3
print(CFG.rate, TrainConfig().rate, TrainConfig(steps=4).steps)
"""
    converted = convert({"main.py": text}, tmp_path)
    assert converted.run().stdout == "0.1 1 4\n"
    settings = converted.text("config/settings.py")
    assert "    rate: float = option(0.1)\n" in settings
    assert '    TrainConfig_rate: float = option(1, help="of learning")\n'.replace('"', "'") in settings
    assert "rate: float = settings.TrainConfig_rate  # of learning" in moved(text, tmp_path / "again")


def test_classes_that_a_library_fills_from_the_command_line_are_its_flags(tmp_path: Path) -> None:
    text = """
from dataclasses import dataclass
from transformers import HfArgumentParser
import tyro
@dataclass
class Args:
    total_steps: int = 50
    track: bool = False
    cuda: bool = True
@dataclass
class ModelArguments:
    width_of: int = 4
args = tyro.cli(Args)
model, = HfArgumentParser((ModelArguments,)).parse_args_into_dataclasses()
print(args, model)
"""
    settings = convert({"main.py": text}, tmp_path).text("config/settings.py")
    assert 'total_steps: int = option(50, flags=("--total-steps",))' in settings
    assert 'track: bool = option(False, flags=("--track",), action="store_true")' in settings
    assert 'cuda: bool = option(True, flags=("--no-cuda",), action="store_false")' in settings
    assert 'width_of: int = option(4, flags=("--width_of",))' in settings
    assert "total_steps: int = 50" in moved(text, tmp_path / "again")
