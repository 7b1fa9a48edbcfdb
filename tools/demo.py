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
GRADUATE = [sys.executable, "-m", "graduate.cli"]
# Checkpoints come often, so that the demo is short; a project by itself chooses the interval by what they cost.
ENVIRONMENT = {**os.environ, "CHECKPOINT_SECONDS": "0.5"}


def main() -> int:
    """Run the demo in demo/; the exit code is that of the verification."""
    name = "digits_torch" if importlib.util.find_spec("torch") else "simulation"
    source, project = ROOT / "examples" / "src" / name, DEMO / f"{name}-production"
    make = ["make", "-s", f"PYTHON={sys.executable}"]
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()

    say(f"graduate convert examples/src/{name} --no-lock")
    command = [*GRADUATE, "convert", str(source), "-o", str(project), "--no-lock"]
    subprocess.run(command, check=True, cwd=DEMO)

    say("make train-all, and SIGKILL in the middle of the loop")
    run = subprocess.Popen([*make, "train-all"], cwd=project, env=ENVIRONMENT, start_new_session=True)
    kill_after_checkpoint(run, project)
    subprocess.run([*make, "status"], cwd=project, check=True)

    say("make resume-all")
    subprocess.run([*make, "resume-all"], cwd=project, env=ENVIRONMENT, check=True)
    subprocess.run([*make, "status"], cwd=project, check=True)

    say("graduate verify: the original twice, the converted once, then killed and resumed 3 times")
    command = [*GRADUATE, "verify", str(source), str(project), "--python", sys.executable]
    return subprocess.run(command, cwd=DEMO, check=False).returncode


def say(message: str) -> None:
    print(f"\n=== {message}", flush=True)


def kill_after_checkpoint(run: subprocess.Popen[bytes], project: Path, limit: float = 300.0) -> None:
    """SIGKILL to the whole run as soon as a loop has stored a checkpoint and went on for a moment."""
    deadline = time.monotonic() + limit
    state = project / ".pipeline_state"
    while run.poll() is None and not any(state.glob("checkpoints/*/*.json")):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    time.sleep(1.0)
    if run.poll() is not None:
        raise SystemExit(f"the run ended (exit code {run.returncode}) before it could be killed")
    os.killpg(run.pid, signal.SIGKILL)
    print(f"killed by signal {-run.wait()}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
