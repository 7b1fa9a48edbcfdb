"""What stands for the modules of `google.colab` outside of Colab: files are those of the folder that the notebook runs
in, secrets are in the environment, and what concerns the browser does nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


class Uploaded(dict[str, bytes]):
    """What `files.upload()` gives: the content of a file that is here, by its name."""

    def __missing__(self, name: str) -> bytes:
        return Path(name).read_bytes()


class ColabService:
    """`google.colab.<service>`. The folder itself stands for the drive, and a download is where it was written: what is
    called beside `upload` and `get` does nothing."""

    stands_for_platform = True

    def __init__(self, service: str) -> None:
        self.service = service

    def upload(self, *_: Any, **__: Any) -> Uploaded:
        return Uploaded()

    upload_file = upload

    def get(self, key: str) -> str:
        """A secret. Raises `KeyError` when the environment has none of that name."""
        if key not in os.environ:
            raise KeyError(f"the secret {key} of Colab: set the environment variable {key}")
        return os.environ[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


colab_service = ColabService
