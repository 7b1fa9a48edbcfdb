"""Headings of Markdown text."""

from __future__ import annotations

import re

_HEADING = re.compile(
    r"^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$|<h[1-6][^>]*>(.*?)</h[1-6]>", re.MULTILINE | re.IGNORECASE
)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>|\*\*|__|`|\[([^\]]*)\]\([^)]*\)")


def last_heading(markdown: str) -> str:
    """The last heading in Markdown text without its marks, "" if there is none."""
    found = ""
    for match in _HEADING.finditer(_FENCE.sub("", markdown)):
        found = _MARKUP.sub(lambda m: m[1] or "", match[1] or match[2] or "").strip() or found
    return found
