"""The command line of the project: python -m flat_script COMMAND [--setting VALUE …]"""

import sys

from .config import settings as settings  # a bad setting is told before anything runs
from .utils.command import main

if __name__ == "__main__":
    sys.exit(main(__package__))
