"""Folders with local modules of all sorts: original and converted print the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import convert, run_original

FOLDERS: dict[str, dict[str, str]] = {
    "a package that hides a module of its name": {
        "main.py": "from lib import tools, other\nfrom lib.tools.more import more\n"
        "print(tools.NAME, more(), other.NAME)\n",
        "lib/__init__.py": "",
        "lib/tools.py": "NAME = 'hidden'\n",
        "lib/tools/__init__.py": "NAME = 'package'\n",
        "lib/tools/more.py": "from . import NAME\n\nasync def wait():\n    return NAME\n\n"
        "def more():\n    return NAME * 2\n",
        "lib/other.py": "from .tools import NAME\n",
    },
    "modules of a package that are called like those that come with Python": {
        "main.py": "import logging\nimport sys\nsys.path.insert(0, 'src')\nfrom lib.tools import named\n"
        "print(logging.getLevelName(10), named())\n",
        "src/lib/__init__.py": "",
        "src/lib/tools.py": "import logging\nfrom .logging import NAME\n\ndef named():\n"
        "    return NAME, logging.INFO\n",
        "src/lib/logging.py": "NAME = 'own'\n",
    },
    "modules that are known by name only when it runs": {
        "main.py": "import importlib, json, pkgutil\nimport kinds, steps, tasks\n"
        "config = json.load(open('config.json'))\nprint(sorted(steps.FOUND), kinds.build('B').value, kinds.named())\n"
        "for path in config['objects']:\n    home, _, name = path.rpartition('.')\n"
        "    print(path, getattr(importlib.import_module(home), name))\n"
        "for name in ['add', 'mul']:\n    print(importlib.import_module('tasks.' + name).run(2, 3))\n"
        "    print(__import__(f'tasks.{name}', fromlist=['run']).run(4, 5))\n"
        "    print(importlib.import_module(f'.{name}', package=tasks.__name__).NAME)\n",
        "config.json": '{"objects": ["tasks.add.NAME", "math.pi", "loose.parts.SIZE"]}',
        "kinds.py": "import inspect, sys\n\nclass A:\n    value = 1\n\nclass B(A):\n    value = 2\n\n"
        "def build(name):\n    return getattr(sys.modules[__name__], name)()\n\n"
        "def named():\n    found = inspect.getmembers(sys.modules[__name__], inspect.isclass)\n"
        "    return [n for n, c in found if c.__module__ == __name__], __name__\n",
        "loose/parts.py": "SIZE = 4\n",
        "steps/__init__.py": "import importlib, pkgutil\nFOUND = {}\ndef add(made):\n    FOUND[made.__name__] = made\n"
        "    return made\nfor each in pkgutil.iter_modules(__path__):\n"
        '    importlib.import_module(f"{__name__}.{each.name}")\n'
        "importlib.import_module('.deep.third', __package__)\n",
        "steps/first.py": "from steps import add\n@add\ndef first(): pass\n",
        "steps/second.py": "from . import add\n@add\ndef second(): pass\n",
        "steps/deep/__init__.py": "",
        "steps/deep/third.py": "from .. import add\n@add\ndef third(): pass\n",
        "tasks/__init__.py": "",
        "tasks/add.py": "NAME = 'add'\ndef run(a, b):\n    return a + b\n",
        "tasks/mul.py": "NAME = 'mul'\ndef run(a, b):\n    return a * b\n",
    },
    "classes that their base class knows, and nobody names": {
        "main.py": "from base import Plugin, Shape\nclass ZLoss(Plugin):\n    value = 1\n"
        "class Alpha(Plugin, key='a'):\n    value = 2\n"
        "class Square(Shape):\n    def area(self):\n        return 4\nclass DataSource(Shape):\n"
        "    def area(self):\n        return 9\nclass Own:\n    pass\nclass Sub(Own):\n    pass\n"
        "print(list(Plugin.found), [c().area() for c in Shape.__subclasses__()])\n"
        "print([c.__name__ for c in Own.__subclasses__()])\n",
        "base.py": "class Plugin:\n    found = {}\n    def __init_subclass__(cls, key=None, **options):\n"
        "        super().__init_subclass__(**options)\n        Plugin.found[key or cls.__name__] = cls\n"
        "class Shape:\n    def area(self):\n        return 0\n",
    },
    "defaults and attributes that are read after their object has changed": {
        "main.py": "from settings import config, merge\nimport limits\ndef early(size=config['size']):\n"
        "    return size\n"
        "merge({'size': 16})\ndef quick(size=config['size'], found=[]):\n    found.append(size)\n"
        "    return found\n"
        "limits.MOST = 9\nclass Net:\n    most = limits.MOST\n    def __init__(self, most=limits.MOST):\n"
        "        self.most = most + 1\nprint(early(), quick(), quick(5), Net.most, Net().most)\n"
        "for turn in range(2):\n    print(turn, quick(turn))\n",
        "settings.py": "config = {'size': 2}\ndef merge(more):\n    config.update(more)\n",
        "limits.py": "MOST = 3\n",
    },
    "a module that looks at what was changed before it is imported": {
        "main.py": "import os\nimport settings\nsettings.VALUES.append(3)\nsettings.size = 4\n"
        "os.environ['THE_FLAG'] = 'set'\nimport deep\nfrom reader import SEEN\nprint(SEEN, deep.FLAG)\n"
        "for turn in range(2):\n    print(turn, SEEN[-1])\n",
        "settings.py": "VALUES = []\nsize = 1\n",
        "reader.py": "import settings\nSEEN = [*settings.VALUES, settings.size]\n",
        "deep.py": "import flags\nFLAG = flags.FLAG\n",
        "flags.py": "import os\nFLAG = os.environ.get('THE_FLAG', 'none')\n",
    },
    "an import in a text that is executed": {
        "main.py": "kind = 'big'\nexec(f'from nets.{kind} import Net')\nprint(Net.size)\n",
        "nets/__init__.py": "",
        "nets/big.py": "class Net:\n    size = 7\n",
    },
    "definitions that decorators keep, and nobody names": {
        "main.py": "import atexit\nfrom registry import FOUND, Registry, add, other\n@add\nclass Zebra:\n    size = 3\n"
        "@other.register('net')\ndef build_model(width):\n    return [width] * 2\n@add\n"
        "def loss(x):\n    return x * 2\n"
        "@add\nclass Apple:\n    size = 1\n@atexit.register\ndef bye():\n    print('bye')\n"
        "handlers = {}\ndef on(event):\n    def keep(function):\n"
        "        handlers.setdefault(event, []).append(function)\n"
        "        return function\n    return keep\n@on('turn')\ndef tell(turn):\n    print('turn', turn)\n"
        "@on('end')\ndef end():\n    print('end')\nprint(list(FOUND), list(other.found))\n# train\n"
        "for turn in range(2):\n    for each in handlers['turn']:\n        each(turn)\n# evaluate\n"
        "print(handlers['end'][0](), other.found['net'](4), FOUND['loss'](3), FOUND['Apple'].size)\n",
        "registry.py": "FOUND = {}\ndef add(made):\n    FOUND[made.__name__] = made\n    return made\n"
        "class Registry:\n    def __init__(self):\n        self.found = {}\n    def register(self, name):\n"
        "        def keep(made):\n            self.found[name] = made\n            return made\n        return keep\n"
        "other = Registry()\n",
    },
    "what stands for the module inside of f-strings": {
        "main.py": '"""A "doc" that it isn\'t."""\nimport os, other\n'
        'print(f"{os.path.basename(__file__)}", f\'{__name__} {__doc__!s:>30}\', f"{__name__=}")\n'
        'print(f"""{os.path.basename(__file__)} "{__name__}" """, other.NAME, f"{f\'{__name__}\'}")\n',
        "other.py": "import os\nNAME = f\"{os.path.basename(os.path.dirname(__file__) + '/a')} {__name__}\"\n",
    },
    "a module that hides a folder of its name": {
        "main.py": "from lib import tools\nprint(tools.NAME)\n",
        "lib/__init__.py": "",
        "lib/tools.py": "NAME = 'module'\n",
        "lib/tools/more.py": "NAME = 'hidden'\n",
    },
    "modules with the names of files that every project has": {
        "main.py": "import output\nfrom files import save\nsave(output.add(2))\n",
        "files.py": "def save(x):\n    print('saving', x)\n",
        "output.py": "def add(x):\n    return x + 1\n",
    },
    "modules and folders whose names are no identifiers": {
        "main.py": """
import importlib
import sys
sys.path.append("exp-a")
from data import rows
odd = importlib.import_module("2-odd name")
print(rows(), odd.twice(4), odd.helper.NAME)
""",
        "2-odd name.py": "import helper\ndef twice(x):\n    return 2 * x\n",
        "2 odd-name.py": "def twice(x):\n    return 3 * x\n",
        "helper.py": "NAME = __name__\n",
        "exp-a/data.py": "def rows():\n    return [1, 2]\n",
        "exp-b/data.py": "def rows():\n    return [3, 4]\n",
    },
    "a library that comes with a star, and its state": {
        "main.py": """
from tools import *
random.seed(3)
print(random.random(), double(2))
random.seed(SEED)
print(random.random())
""",
        "tools.py": "import random\nSEED = 4\ndef double(x):\n    return 2 * x\n",
    },
    "modules that are chosen by a name made of literals": {
        "main.py": """
from importlib import import_module
import importlib
choice = "small"
for kind in ["small", "large"]:
    print(importlib.import_module("nets." + kind).SIZE, import_module(f"nets.{kind}").__name__.split(".")[-1])
print(getattr(import_module("nets.small"), "make")(), importlib.import_module("json").dumps([choice]))
""",
        "nets/__init__.py": "",
        "nets/small.py": "from .large import SIZE as OTHER\nSIZE = 1\ndef make():\n    return SIZE + OTHER\n",
        "nets/large.py": "SIZE = 10\n",
    },
}


@pytest.mark.parametrize("name", FOLDERS)
def test_prints_the_same(name: str, tmp_path: Path) -> None:
    files = {path: text.lstrip("\n") for path, text in FOLDERS[name].items()}
    original = run_original(files, tmp_path / "original")
    assert original.returncode == 0, original.stderr
    result = convert(files, tmp_path / "project").run()
    assert result.stdout == original.stdout, result.stderr
    assert result.returncode == 0, result.stderr


CONFIGURED = {
    "config.py": """
import os
from dataclasses import dataclass
SEED = 3  # where it starts
BETAS = (0.9,
         0.999)
DATA = os.path.join("data", "x")
RATE = 0.5
@dataclass
class ModelConfig:
    hidden: int = 4
    rate: float = 2.0
""",
    "utils/__init__.py": "VERSION = 2\n",
    "utils/settings.py": "rate = 0.25\nsettings = {'a': rate}\nsteps = 0\nsteps += 1\n",
    "utils/nets.py": "WIDTH = 3\nclass NetConfig:\n    depth = 2\ndef size():\n    return WIDTH * NetConfig.depth\n",
    "main.py": """
import config
from config import *
from utils.settings import rate, settings
from utils import nets, settings as other
config.RATE = 0.75
print(SEED, config.BETAS, DATA, config.RATE, ModelConfig(), rate, settings, other.steps, nets.size())
""",
}


def test_configuration_in_local_modules_is_settings(tmp_path: Path) -> None:
    files = {path: text.lstrip("\n") for path, text in CONFIGURED.items()}
    original = run_original(files, tmp_path / "original")
    converted = convert(files, tmp_path / "project")
    assert converted.run().stdout == original.stdout
    fields = re.findall(
        r"^    (\w+): .* = option\((.*)\)$", converted.text("config/settings.py"), re.MULTILINE
    )
    assert fields == [
        ("SEED", "3, help='where it starts'"),
        ("BETAS", "(0.9, 0.999)"),
        ("RATE", "0.5"),
        ("hidden", "4"),
        ("ModelConfig_rate", "2.0"),
        ("depth", "2"),
        ("settings_rate", "0.25"),
    ]
    assert "SEED = settings.SEED  # where it starts\n" in converted.text("config/config.py")


def test_an_empty_module_of_a_role_shows_the_names_that_are_clear(tmp_path: Path) -> None:
    files = {
        "main.py": "import loss_a, loss_b\nw = 0\nfor i in range(3):\n    w += loss_a.mse_loss(loss_b.l1_loss(w))\n",
        "loss_a.py": "def mse_loss(x):\n    return x * x\ndef total_loss(x):\n    return x\n",
        "loss_b.py": "def l1_loss(x):\n    return abs(x)\ndef total_loss(x, y=1):\n    return x + y\n",
    }
    converted = convert(files, tmp_path)
    shown = converted.text("models/losses.py").splitlines()
    assert "from .loss_a import mse_loss as mse_loss" in shown
    assert "from .loss_b import l1_loss as l1_loss" in shown
    assert not [line for line in shown if "total_loss" in line]


STARS = {
    "of a local module": (
        "steps+loops",
        '''"""What it does."""
scale = 1
total = 2
from helper import *
print(scale, total, __doc__)
# train
for i in range(2):
    total += scale
    print(total, double(total))
# evaluate
scale = 7
print(scale, double(scale), hidden)
''',
    ),
    "of a library, after a variable": (
        "wrapped",
        "floor = 2\nfrom numpy import *\nprint(floor(2.5))\n",
    ),
    "of a module that need not be there": (
        "wrapped",
        "floor = 2\ntry:\n    from settings_of_this_machine import *\nexcept ImportError:\n    print('none')\n"
        "for i in range(2):\n    print(floor, i)\n",
    ),
    "of a library, after an import that it hides": (
        "steps+loops",
        "import random\nfrom numpy import *\n\ndef name():\n    return random.__name__, sum([[1, 2], [3, 4]], 0)\n\n"
        "# train\nfor i in range(2):\n    print(name(), abs(array([-1])))\n",
    ),
    "of a library, before an import that hides it": (
        "steps+loops",
        "from numpy import *\nimport random\n\ndef name():\n    return random.__name__, abs([-1])\n\n"
        "# train\nfor i in range(2):\n    print(name(), max([3, 4]), random.__name__)\n",
    ),
}
HELPER = "scale = 10\n_private = 3\nhidden = 5\ndef double(x):\n    return x * 2 * scale\n"


@pytest.mark.parametrize("name", STARS)
def test_import_of_a_star(name: str, tmp_path: Path) -> None:
    level, text = STARS[name]
    files = {"main.py": text, "helper.py": HELPER}
    original = run_original(files, tmp_path / "original")
    converted = convert(files, tmp_path / "project")
    assert converted.run().stdout == original.stdout
    assert [program.level for program in converted.modules.programs] == [level]
