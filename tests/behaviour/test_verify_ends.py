"""A verification that is told to stop leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from handmade_project import write_pair


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stopped_verification_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    pair = write_pair(tmp_path)
    told = tmp_path / "pid"
    pair.change_source(
        'print("done")',
        f"import os\nwith open({str(told)!r}, 'w') as out:\n    out.write(str(os.getpid()))\ntime.sleep(60)",
    )
    code = (
        "import sys; from pathlib import Path; from graduate import conversion; "
        f"conversion.verify(Path({pair.sources.root!r}), Path({str(pair.project)!r}), python=Path(sys.executable))"
    )
    # A shell's background job ignores SIGINT and hands that on: the test must not depend on how it was started.
    verifying = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(lambda: told.exists() and told.read_text() != "")
        running = int(told.read_text())
        verifying.send_signal(number)
        assert verifying.wait(30) != 0
        wait_for(lambda: not is_alive(running))
    finally:
        verifying.kill()


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"it did not happen within {seconds} s")
