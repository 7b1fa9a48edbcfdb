"""Whether a checkpoint still belongs to the step as it is now: its code, inputs, settings and data files."""

from __future__ import annotations

from typing import Any

from .children import children
from .files import FileRecord, record_of, recorder, stat_of
from .paths import PROJECT_ROOT
from .running import settings_read
from .state import StepRecord
from .steps import changed_settings


class Validity:
    """What a step depended on until now, to be kept with a checkpoint and compared when it is to be used."""

    def __init__(self, record: StepRecord, random: str = "") -> None:
        self.record = record
        self.random = random
        """The random state with which the step begins, where the step before left it."""
        self._files: dict[str, FileRecord] = {}

    def now(self) -> dict[str, Any]:
        children.gather()
        read = {
            path: found.to_json() for path in list(recorder.read) if (found := self._file(path)) is not None
        }
        return {
            "code": self.record.code,
            "inputs": self.record.inputs,
            "environment": self.record.environment,
            "random": self.random,
            "settings": dict(settings_read.step),
            "read": {path: each for path, each in read.items() if path not in recorder.written},
        }

    def problem(self, body: dict[str, Any]) -> str:
        """Why a checkpoint with this body cannot be used; "" when it can."""
        if body["code"] != self.record.code:
            return "the code of the step changed"
        if body["inputs"] != self.record.inputs:
            return "its inputs changed"
        if body["environment"] != self.record.environment:
            return "the locked libraries or Python changed"
        if body["random"] != self.random:
            return "the step before left the random generators in another state"
        if changed := changed_settings(body["settings"]):
            return changed
        for path, each in body["read"].items():
            found = self._file(path)
            if found is None or found.hash != FileRecord.from_json(each).hash:
                return f"{path}, which it reads, changed"
        return ""

    def _file(self, path: str) -> FileRecord | None:
        """The file's record; its content is only hashed again when its stat changed."""
        known = self._files.get(path)
        if known is None or known.stat != stat_of(PROJECT_ROOT / path):
            known = record_of(path)
            if known is not None:
                self._files[path] = known
        return known
