"""Downloading, preparing and validating the data."""

import re
from typing import Any

from ..utils.notebook import display, shell


def read_text() -> Any:
    """Read the text"""
    text = open('text.txt').read()
    words = re.findall(r'[a-z]+', text.lower())
    display(len(words))

    shell("cat text.txt | wc -l")
    return words
