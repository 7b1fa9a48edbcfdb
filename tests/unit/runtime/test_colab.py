"""What stands for Colab's own modules elsewhere."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from graduate.runtime.colab import colab_service


def test_uploads_are_the_files_that_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text("x\n")
    monkeypatch.chdir(tmp_path)
    uploaded = colab_service("files").upload()
    assert list(uploaded) == []
    assert uploaded["a.csv"] == b"x\n"
    with pytest.raises(FileNotFoundError):
        uploaded["b.csv"]


def test_secrets_are_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_HERE", "abc")
    monkeypatch.delenv("TOKEN_NOWHERE", raising=False)
    assert colab_service("userdata").get("TOKEN_HERE") == "abc"
    with pytest.raises(KeyError, match="set the environment variable TOKEN_NOWHERE"):
        colab_service("userdata").get("TOKEN_NOWHERE")


def test_the_rest_does_nothing_and_can_be_stored() -> None:
    drive = pickle.loads(pickle.dumps(colab_service("drive")))
    assert drive.mount("/content/drive", force_remount=True) is None
    assert not hasattr(drive, "__wrapped__")
