"""What each step's code hashes to, kept on disk so that looking at a pipeline does not parse the package."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from . import store
from .fingerprint import CodeIndex
from .objects import digest
from .paths import PACKAGE_FOLDER, STATE_FOLDER


class CodeHashes:
    """`CodeIndex.reach` with its answers kept on disk for as long as no file of the package changes."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.path = STATE_FOLDER / "code.json"
        self._index: CodeIndex | None = None
        self._known: dict[str, dict[str, str]] | None = None
        self._stamp = ""

    def reach(self, starts: list[tuple[str, str]]) -> dict[str, str]:
        known = self._load()
        key = json.dumps(sorted(set(starts)))
        if key not in known:
            if self._index is None:
                self._index = CodeIndex(self.package, PACKAGE_FOLDER)
            known[key] = self._index.reach(starts)
            self._save()
        return known[key]

    def _load(self) -> dict[str, dict[str, str]]:
        if self._known is None:
            files = sorted(PACKAGE_FOLDER.rglob("*.py"))
            stats = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
            self._stamp = json.dumps([[path.relative_to(PACKAGE_FOLDER).as_posix() for path in files], stats])
            self._known = {}
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                text = self.path.read_bytes()
                reach = json.loads(text)["reach"]
                if text == self._text(reach):
                    self._known = reach
        return self._known

    def _save(self) -> None:
        with contextlib.suppress(OSError):
            store.make_folder(self.path.parent)
        store.publish(self.path, self._text(self._known))

    def _text(self, reach: Any) -> bytes:
        """The file's content; its first member says whether the rest is whole and of this very code."""
        stamp = digest(json.dumps([self._stamp, reach]).encode())
        return json.dumps({"stamp": stamp, "reach": reach}).encode()
