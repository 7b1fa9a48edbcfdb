"""Two machines with addresses of their own (network namespaces of this one), one project folder: the result of one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Converted, convert
from shared_loops import HEAD
from test_distributed import LONG, once, wait, workers

pytestmark = [pytest.mark.torch, pytest.mark.slow]
ADDRESSES = ("10.77.5.1", "10.77.5.2")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def machines() -> Iterator[tuple[str, str]]:
    """The names of two network namespaces, joined by a cable."""
    names = (f"gr{os.getpid()}a", f"gr{os.getpid()}b")
    ends = (f"v{os.getpid()}a"[:15], f"v{os.getpid()}b"[:15])
    if shutil.which("ip") is None:
        pytest.skip("there is no `ip`")
    try:
        ip("netns", "add", names[0])
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr.decode()[:80]}")
    try:
        ip("netns", "add", names[1])
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for name, end, address in zip(names, ends, ADDRESSES, strict=True):
            ip("link", "set", end, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def start(project: Converted, machines: tuple[str, str], node: int) -> subprocess.Popen[str]:
    settings = {
        "NODES": "2",
        "NODE_RANK": str(node),
        "MASTER": f"{ADDRESSES[0]}:29517",
        "PROCS": "1",
        "RESTARTS": "1",
    }
    command = ["ip", "netns", "exec", machines[node], sys.executable, "-m", project.package, "train-all"]
    return subprocess.Popen(
        command,
        cwd=project.root,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CHECKPOINT_SECONDS": "0.3", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("killed", [None, 1])
def test_two_machines_give_the_result_of_one(
    machines: tuple[str, str], killed: int | None, tmp_path: Path
) -> None:
    one, two = (convert({"main.py": HEAD + LONG}, tmp_path / each) for each in ("one", "two"))
    expected = one.run(PROCS="2").stdout
    processes = [start(two, machines, node) for node in (1, 0)]
    if killed is not None:
        log = two.root / "log.csv"
        wait(lambda: log.exists() and log.read_text().count("\n") > 2)
        os.kill(workers(two)[killed], signal.SIGKILL)
    (_, errors_there), (output, errors) = (each.communicate(timeout=200) for each in processes)
    assert [each.returncode for each in processes] == [0, 0], errors + errors_there
    assert once(output) == expected.splitlines()
    assert (two.root / "log.csv").read_text() == (one.root / "log.csv").read_text()
    assert ("going on" in errors) == (killed is not None)
