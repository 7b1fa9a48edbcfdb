"""The demo: convert an example, run it, kill it in mid-training, resume it, verify it, show the verdict."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo"


def say(message: str) -> None:
    print(f"\n=== {message}", flush=True)


def main() -> int:
    """Run the demo in demo/; the exit code is that of the verification."""
    name = "digits_torch" if importlib.util.find_spec("torch") else "simulation"
    source = ROOT / "examples" / "src" / name
    project = DEMO / f"{name}-production"
    environment = {**os.environ, "CHECKPOINT_SECONDS": "0.5"}
    make = ["make", "-s", f"PYTHON={sys.executable}"]
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()

    say(f"graduate convert examples/src/{name}")
    graduate = [sys.executable, "-m", "graduate.cli"]
    subprocess.run([*graduate, "convert", str(source), "-o", str(project), "--no-lock"], check=True, cwd=DEMO)

    say("make train-all, and SIGKILL in mid-training")
    run = subprocess.Popen([*make, "train-all"], cwd=project, env=environment, start_new_session=True)
    wait_for_checkpoint(project, run)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    print(f"killed: exit code {run.returncode}")
    subprocess.run([*make, "status"], cwd=project, check=True)

    say("make resume-all")
    subprocess.run([*make, "resume-all"], cwd=project, env=environment, check=True)
    subprocess.run([*make, "status"], cwd=project, check=True)

    say("graduate verify: original twice, converted, then killed and resumed 3 times")
    command = [*graduate, "verify", str(source), str(project), "--python", sys.executable]
    return subprocess.run(command, cwd=DEMO, check=False).returncode


def wait_for_checkpoint(project: Path, run: subprocess.Popen[bytes], limit: float = 120.0) -> None:
    """Until the training has stored a checkpoint, or is over."""
    start = time.monotonic()
    folder = project / ".pipeline_state" / "checkpoints"
    while run.poll() is None and time.monotonic() - start < limit:
        if any(folder.rglob("MANIFEST*")):
            time.sleep(0.3)
            return
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
