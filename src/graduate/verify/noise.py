"""Which text is noise: tokens that differ between runs of the original itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TOKEN = re.compile(
    r"0x[0-9a-fA-F]+"
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"
    r"|\d+:\d\d(?::\d\d)?(?:\.\d+)?"
    r"|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
    r"|[A-Za-z_]\w*"
    r"|\s+"
    r"|.",
    re.DOTALL,
)
_ADDRESS = re.compile(r"(?<= at 0x)[0-9a-fA-F]{6,}\b")
_TELLS_TIME = re.compile(
    r"\b(elapsed|took|remaining|eta|duration|run ?time|(execution|training|total|wall|cpu) time|finished in|done in)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(r"\d+(?:\.\d+)?(?=\s*(?:ms|[uµ]s|s|secs?|seconds?|min|mins|minutes?)\b)")
_NUMBER = re.compile(
    r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$|\s*[-+]?(?:nan|inf)\s*$", re.IGNORECASE
)


def fits(references: Sequence[str], text: str) -> bool:
    """Whether `text` equals the references where these agree; what differs between them may be anything alike.

    A number may be another number, a word another word; all other tokens must be the same. Space does not count: a
    number of other width is set off by more or less of it.
    """
    if text in references:
        return True
    if len(set(references)) < 2:
        # What is alike in all runs is no noise, but where objects lie, and how long it took, is by its nature.
        return any(_without_noise(each) == _without_noise(text) for each in references)
    tokens = [_tokens(each) for each in references]
    own = _tokens(text)
    if len({len(each) for each in tokens}) == 1 and len(own) == len(tokens[0]):
        return all(_is_alike([each[n] for each in tokens], token) for n, token in enumerate(own))
    prefix = _common_start(references)
    suffix = _common_start([each[::-1] for each in references])[::-1]
    return text.startswith(prefix) and text.endswith(suffix) and len(text) >= max(len(prefix), len(suffix))


def _without_noise(text: str) -> str:
    text = _ADDRESS.sub("", text)
    return _DURATION.sub("", text) if _TELLS_TIME.search(text) else text


def _tokens(text: str) -> list[str]:
    return [token for token in _TOKEN.findall(text) if not token.isspace()]


def _common_start(texts: Sequence[str]) -> str:
    shortest, longest = min(texts), max(texts)
    same = next((n for n, letter in enumerate(shortest) if longest[n : n + 1] != letter), len(shortest))
    return shortest[:same]


def _is_alike(references: Sequence[str], token: str) -> bool:
    if token in references:
        return True
    if len(set(references)) < 2:
        return False
    return _kind(token) in {_kind(each) for each in references}


def _kind(token: str) -> str:
    if _NUMBER.match(token):
        return "number"
    if token[:1].isdigit():
        return "digits"
    return "word" if token[:1].isalpha() or token[:1] == "_" else token


def is_number(text: str) -> bool:
    return _NUMBER.match(text) is not None


def common_lines(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The lines that two outputs have in common, in order."""
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return [line for block in blocks for line in one[block.a : block.a + block.size]]
