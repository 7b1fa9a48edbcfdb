"""The project around the package: commands, data files."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = [
    "help",
    "install",
    "lock",
    "download-data",
    "preprocess-data",
    "validate-data",
    "resume-data",
    "train",
    "evaluate",
    "train-all",
    "resume-train",
    "resume-all",
    "sweep",
    "status",
    "slurm",
    "k8s",
    "test",
    "integration-test",
    "lint",
    "typecheck",
    "audit",
    "serve",
    "metrics",
    "build",
    "docker-run",
    "deploy",
    "undeploy",
    "logs",
    "clean",
]
RUNS = [
    "download-data",
    "preprocess-data",
    "validate-data",
    "resume-data",
    "train",
    "evaluate",
    "train-all",
    "resume-train",
    "resume-all",
    "status",
]
MANIFEST: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "data" / "checksums.json").read_text(encoding="utf-8")
)["files"]
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@needs_make
def test_make_help_lists_every_target_with_a_sentence() -> None:
    lines = re.findall(r"^  ([a-z0-9-]+) +(\S.*)$", make("help"), re.MULTILINE)
    assert [name for name, _ in lines] == TARGETS


@needs_make
@pytest.mark.parametrize("target", RUNS)
def test_a_run_is_one_command_that_gets_the_signals(target: str) -> None:
    commands = make("--dry-run", target, "PYTHON=some-python", "ARGS=--name value").splitlines()[1:]
    assert commands == [f'exec "some-python" -m notebook {target} --name value']


@pytest.mark.parametrize("path", sorted(MANIFEST))
def test_a_data_file_has_the_content_that_was_recorded(path: str) -> None:
    file, recorded = ROOT / path, MANIFEST[path]
    if not file.exists() and "message" in recorded:
        pytest.skip(recorded["message"])
    assert file.stat().st_size == recorded["bytes"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == recorded["sha256"]
    assert (ROOT / recorded.get("research_path", path)).resolve() == file.resolve()
