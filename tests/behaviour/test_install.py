"""`make lock` and `make install` with real tools, on an index and wheels in folders: with uv, and with pip only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graduate.emit.makefile import render_makefile
from made_wheels import make_wheel, publish

TOOLS = (
    "make",
    "sh",
    "awk",
    "cp",
    "mkdir",
    "rm",
    "grep",
    "ls",
    "mktemp",
    "mv",
    "sed",
    "basename",
    "tail",
    "touch",
    "tr",
)
REQUIREMENTS = {
    "requirements.in": "torch  # train.py:1\nalpha\n",
    "requirements-dev.in": "-r requirements.in\ntool\n",
    "requirements-service.in": "-r requirements.in\nweb\n",
    "requirements-sweep.in": "-r requirements.in\n",
    "requirements-audit.in": "tool\n",
}


class Folder:
    """A project that asks for PyTorch, of which there are a build for this machine and the index's own."""

    def __init__(self, root: Path) -> None:
        self.root = root / "project"
        self.root.mkdir()
        self.commands = root / "bin"
        self.commands.mkdir()
        index, wheels = root / "index", root / "wheels"
        for folder in (index, wheels):
            folder.mkdir()
        make_wheel(wheels, "torch", "2.0+cpu", "alpha")
        publish(index, "torch", "2.0", "alpha", "cuda-libraries")
        for name in ("alpha", "tool", "web", "cuda-libraries"):
            publish(index, name, "1.0")
        values = {"name": "walk", "title": "Walk", "image": "walk:latest", "python": "3.11", "as_of": ""}
        (self.root / "Makefile").write_text(
            render_makefile({**values, "models": (), "secrets": [], "parallel": {}})
        )
        for path, text in REQUIREMENTS.items():
            (self.root / path).write_text(text)
        self.environment = {
            "PATH": str(self.commands),
            "HOME": str(root),
            "PIP_FIND_LINKS": str(wheels),
            "PIP_INDEX_URL": index.as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_DEFAULT_INDEX": index.as_uri(),
            "UV_CACHE_DIR": str(root / "cache"),
        }
        for tool in TOOLS:
            (self.commands / tool).symlink_to(shutil.which(tool) or tool)
        (self.commands / "python3.11").symlink_to(Path(sys.executable).resolve())

    def make(self, *arguments: str, uv: bool) -> None:
        """Run make with or without uv on the PATH."""
        link = self.commands / "uv"
        link.unlink(missing_ok=True)
        if uv:
            from uv import find_uv_bin

            link.symlink_to(find_uv_bin())
        done = subprocess.run(
            ["make", "-s", *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def installed(self) -> dict[str, str]:
        found = (self.root / ".venv").glob("lib/python*/site-packages/*.dist-info")
        pairs = (path.name.removesuffix(".dist-info").split("-") for path in found)
        return {name: version for name, version in pairs if name not in ("pip", "setuptools")}


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "pip"])
def test_extras_can_be_changed_for_others(tmp_path: Path, uv: bool) -> None:
    folder = Folder(tmp_path)
    folder.make("lock", uv=True)
    assert "torch==2.0+cpu " in (folder.root / "requirements.lock").read_text()
    cuda = (folder.root / "requirements-cuda.lock").read_text()
    assert "torch==2.0 " in cuda
    assert "cuda-libraries==1.0 " in cuda
    cpu = {"torch": "2.0+cpu", "alpha": "1.0", "tool": "1.0"}
    folder.make("install", "EXTRAS=cpu", uv=uv)
    assert folder.installed() == cpu
    folder.make("install", "EXTRAS=cuda service", uv=uv)
    with_cuda = {**cpu, "torch": "2.0", "cuda_libraries": "1.0", "web": "1.0"}
    assert folder.installed() == with_cuda
    folder.make("install", "EXTRAS=cuda service", uv=uv)
    assert folder.installed() == with_cuda, "a second time changes nothing"
    folder.make("install", uv=uv)
    assert folder.installed()["torch"] == "2.0+cpu"


def test_an_environment_of_uv_is_taken_over_by_pip(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.make("lock", "install", uv=True)
    folder.make("install", "EXTRAS=service", uv=False)
    assert folder.installed()["web"] == "1.0"
