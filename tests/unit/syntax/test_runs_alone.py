"""What keeps a program to one process, and what does not."""

from __future__ import annotations

import ast
import textwrap

import pytest

from graduate.syntax.runs_alone import SourceTree, find_alone

LOOP = """
from torch.utils.data import DataLoader
for x in DataLoader(data):
    loss = f(x)
    loss.backward()
"""


def alone(text: str, *others: str) -> list[tuple[int, str]]:
    texts = [text, *others]
    modules = [SourceTree(f"m{n}.py", ast.parse(textwrap.dedent(each))) for n, each in enumerate(texts)]
    return [(each.line, each.why) for each in find_alone(modules)]


@pytest.mark.parametrize(
    "text",
    [
        LOOP,
        "import time\nstart = time.time()\n" + LOOP + "print(time.time() - start)\n",
        "import time\nlast = time.time()\n"
        + LOOP
        + "    if time.time() - last > 5:\n        print(f'{i} so far')\n        last = time.time()\n",
        "import numpy as np, random\nnp.random.seed(0)\nrandom.seed(1)\nr = np.random.default_rng(3)\n"
        + LOOP,
        "import multiprocessing\nworkers = multiprocessing.cpu_count()\n" + LOOP,
        "from torch import nn\nm = nn.DataParallel(m)\n" + LOOP,
        "threshold = 3\n" + LOOP + "    if loss.item() > threshold:\n        break\n",
        "from transformers import AutoModel\n" + LOOP,
        "from torch import nn\nm = nn.Linear(2, 1)\nfor i in range(0, n, 10):\n    m(x[i:i + 10]).backward()\n",
        "import torch\nclass Net(torch.nn.Module):\n    pass\nfor e in range(9):\n    f(Net()(x)).backward()\n",
        "from torchvision import models\nm = models.resnet18()\nfor x in batches:\n    m(x).backward()\n",
    ],
)
def test_programs_that_several_processes_can_run(text: str) -> None:
    assert alone(text) == []


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("x = 1\n", 1, "it has no training loop in PyTorch"),
        (
            "for e in range(3):\n    for i in range(0, n, 10):\n        f(x[i:i + 10]).backward()\n",
            2,
            "come from no DataLoader",
        ),
        (
            "from torch import nn\nw = nn.Parameter(w)\nloss = nn.MSELoss()\n"
            "for i in range(0, n, 10):\n    loss(x[i:i + 10] @ w, y).backward()\n",
            4,
            "go into no `nn.Module`",
        ),
        (
            "import gym\nenv = gym.make(0)\nfor i in range(9):\n    s, r, d, i = env.step(a)\n    loss.backward()\n",
            4,
            "steps an environment",
        ),
        ("import torch.distributed as dist\n" + LOOP, 1, "processes of its own"),
        ("from torch.nn.parallel import DistributedDataParallel as DDP\n" + LOOP, 1, "processes of its own"),
        (
            "import torch.nn as nn\nm = nn.parallel.DistributedDataParallel(m)\n" + LOOP,
            2,
            "processes of its own",
        ),
        ("from accelerate import Accelerator\n" + LOOP, 1, "Accelerate"),
        ("import lightning.pytorch as pl\n" + LOOP, 1, "Lightning"),
        ("from transformers import AutoModel, Trainer\n" + LOOP, 1, "the Trainer"),
        ("from torch.func import vmap\n" + LOOP, 1, "torch.func"),
        ("import torch\nm = torch.jit.script(m)\n" + LOOP, 2, "compiled code"),
        ("from multiprocessing import Pool\n" + LOOP, 1, "processes of its own"),
        ("import threading\nt = threading.Thread(target=f)\n" + LOOP, 2, "threads of its own"),
        ("import numpy as np\nr = np.random.default_rng()\n" + LOOP, 2, "takes its seed from the system"),
        ("import random, time\nrandom.seed(time.time())\n" + LOOP, 2, "from the time or the process"),
        (
            "import time\nstart = time.time()\n" + LOOP + "    if time.time() - start > 60:\n        break\n",
            8,
            "decides by the time",
        ),
        (
            "import time\nt = time.time()\nwhile time.time() < t + 9:\n    f(DataLoader(d)).backward()\n",
            3,
            "decides by the time",
        ),
        (
            "import time\nt = time.time()\n"
            + LOOP
            + "    if time.time() > t:\n        print(evaluate(model))\n",
            8,
            "decides by the time",
        ),
    ],
)
def test_programs_that_one_process_has_to_run(text: str, line: int, why: str) -> None:
    found = alone(text)
    assert found
    assert found[0][0] == line
    assert any(part in found[0][1] for part in why.split("|"))


def test_the_loader_may_be_made_in_another_module() -> None:
    loop = "for x in loaders.train():\n    f(x).backward()\n"
    assert (
        alone(loop, "from torch.utils.data import DataLoader\ndef train():\n    return DataLoader(d)\n") == []
    )
    assert alone(loop, "x = 1\n")[0][0] == 1
