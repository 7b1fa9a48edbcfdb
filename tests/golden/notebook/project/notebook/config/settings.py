"""The settings of notebook: configs/default.yaml, then environment variables, then the command line."""

from __future__ import annotations

from ..utils.configuration import ProjectSettings, option


class Settings(ProjectSettings):
    """What can be changed without touching the code; the names are those of the research code."""

    TOP: int = option(3)


settings = Settings.load()
