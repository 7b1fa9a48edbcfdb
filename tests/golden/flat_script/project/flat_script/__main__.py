"""The command line of the project: a command, then settings as --name value. `help` lists the commands."""

import sys

from .config import settings as settings  # a bad setting is told before anything runs
from .utils.command import main

if __name__ == "__main__":
    sys.exit(main(__package__))
