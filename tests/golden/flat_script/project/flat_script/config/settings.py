"""The settings of flat_script: configs/default.yaml, then environment variables, then the command line."""

from __future__ import annotations

from ..utils.configuration import ProjectSettings, option


class Settings(ProjectSettings):
    """What can be changed without touching the code; the names are those of the research code."""

    RATE: float = option(0.05, help="found by trying")
    EPOCHS: int = option(200)


settings = Settings.load()
