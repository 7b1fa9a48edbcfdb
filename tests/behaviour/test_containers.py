"""An example in real containers, where there is a Docker engine: all that `make test-containers` tries."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine import make_stand_ins
from try_containers import Trial


@pytest.mark.slow
@pytest.mark.docker
def test_an_example_in_containers(tmp_path: Path) -> None:
    try:
        subprocess.run(["docker", "info"], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("there is no Docker engine")
    make_stand_ins(tmp_path)
    trial = Trial("simulation", tmp_path)
    trial.run()
    assert "same result" in trial.figures["docker kill"]
    assert "exit 75" in trial.figures["docker stop"]
