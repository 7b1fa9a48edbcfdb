"""Takes secrets out of everything that is said, logged or reported.

Secret are settings that are marked so, variables of the environment with names like those of keys, and passwords in
their addresses (`scheme://user:password@host`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

_SURE_WORD = re.compile(r"secret|passw|passphrase|credential|(api|access|private|auth)_?key", re.IGNORECASE)
_WORD = re.compile(r"(?:^|_)(?:keys?|tokens?|auth|pass|pat|(?<=_)pwd)(?:$|_)", re.IGNORECASE)
_ADDRESS = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_WORDS = frozenset({"true", "false", "none", "null", "yes", "auto", "default"})
_SHORT = 4
"""A secret shorter than this is only taken out where it stands as a word of its own."""
_SURE = 8
"""From this length on a text is a secret that only its name tells of."""

_seen: dict[str, str] = {}
"""What was secret at some time in this process; a program may remove a variable once it has read it."""


def looks_like_key(name: str) -> bool:
    """Whether a name has a word in it that names of keys have: GH_TOKEN and apiKey, not TOKENIZERS or keyboard."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|\W", "_", name)
    return bool(_SURE_WORD.search(words) or _WORD.search(words))


def is_secret(name: str, value: Any) -> bool:
    """Whether a setting that nobody marked holds a secret: `hf_token` may, `pad_token` (`<pad>`) and `key_path` not."""
    if not isinstance(value, str):
        return False
    last = name if _SURE_WORD.search(name) else name.rpartition("_")[2]
    return looks_like_key(last) and len(value) >= _SURE and not re.search(r"\s", value)


def secrets() -> dict[str, str]:
    """The texts that must not be written anywhere, each with what stands in its place."""
    _note_environment()
    from . import configuration

    settings = configuration.loaded()
    for each, value in settings.known() if settings is not None else ():
        if each.is_secret(value):
            _seen.update(dict.fromkeys(_texts(value), f"<{each.name}>"))
    return {form: place for text, place in _seen.items() for form in _forms(text)}


def redacted(text: str) -> str:
    """The text without secrets, the longest taken out first."""
    for secret, place in sorted(secrets().items(), key=lambda each: -len(each[0])):
        if len(secret) >= _SHORT:
            text = text.replace(secret, place)
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _, to=place: to, text)  # type: ignore[misc]
    return text


def without_secrets(value: Any) -> Any:
    """A value for JSON with every text in it redacted, before JSON escapes anything."""
    if isinstance(value, dict):
        return {key: without_secrets(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(each) for each in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redacted(str(value))


def _note_environment() -> None:
    for name, text in os.environ.items():
        if looks_like_key(name) and not _is_harmless(text):
            _seen[text] = f"<{name}>"
        for password in _ADDRESS.findall(text):
            _seen[password] = f"<{name}>"


def _is_harmless(text: str) -> bool:
    """Whether a variable that is called like a key is a switch or a count: to take it out would only hide others."""
    return len(text) < _SHORT or text.lower() in _WORDS or (text.isdecimal() and len(text) < _SURE)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _texts(each)
    elif value is not None and not isinstance(value, bool) and str(value):
        yield str(value)


def _forms(text: str) -> set[str]:
    """A secret as it may stand in a message: as it is, in a literal, in JSON, in an address; each of its lines too."""
    lines = [each for each in text.splitlines() if len(each) >= _SURE] if "\n" in text else []
    found = {text, repr(text)[1:-1], json.dumps(text)[1:-1]}
    for safe in ("", "/"):
        found |= {_quoted(text, safe), _quoted(text, safe).replace("%20", "+")}
    return found.union(*(_forms(each) for each in lines))


def _quoted(text: str, safe: str) -> str:
    """As `urllib.parse.quote`, which takes long to import."""
    plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~" + safe
    return "".join(c if c in plain else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)


_note_environment()  # the research program may change it
