"""A run that fails, in every way that may name a secret: no file that it leaves and nothing that it says has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtime_project import ProjectUnderTest, make_project

PIPELINE = """
from .config.settings import settings
from .utils.checkpoint import Checkpoint, LoopState
from .utils.resume import Pipeline, Step


def prepare():
    return settings.MARKED, settings.hf_token


def train(values):
    import os
    import threading

    held = [settings.MARKED, settings.hf_token, os.environ["SERVICE_API_KEY"]]
    gone = os.environ.pop("LATER_PASSWORD")

    class Odd:
        def __init__(self, text):
            self.text = text

        def __reduce__(self):
            raise TypeError(f"cannot pickle what was made with {self.text}")

    how = os.environ["HOW"]
    if how == "loop":
        state = LoopState(odd=Odd(" ".join([*held, gone])), n=0)
        with Checkpoint("c", state) as checkpoint:
            for i in checkpoint.loop(range(3)):
                state.n += 1
        return state.n
    if how == "value":
        return Odd(" ".join([*held, gone]))
    if how == "key":
        {}[settings.MARKED]
    if how == "exit":
        raise SystemExit(f"no access with {held} {gone}")
    if how == "cause":
        try:
            raise ConnectionError(f"https://me:{gone}@example/?token={settings.hf_token}")
        except ConnectionError as error:
            error.add_note(f"tried with {settings.MARKED!r}")
            raise RuntimeError(f"{os.environ['SERVICE_API_KEY']}\\n{gone}") from error
    raise ValueError(held, gone)


def evaluate(value):
    print("end")


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("values",)),
    Step("train", train, role="train", program="a", takes=("values",), gives=("value",), retries=1),
    Step("evaluate", evaluate, role="evaluate", program="a", takes=("value",)),
    package=__package__,
)
"""

SETTINGS = """
MARKED: str = option("", secret=True)
hf_token: str = option("")
kind: int = option(1)
"""

SECRETS = {
    "PKG_MARKED": "m4rk'ed\"value",
    "PKG_HF_TOKEN": "hf_0123456789",
    "SERVICE_API_KEY": "sk-abcdefghij",
    "LATER_PASSWORD": "pa$$ wörd",
    "SHORT_SECRET": "q7#x",
}


def expect_no_secret(project: ProjectUnderTest, *texts: str) -> None:
    files = [
        path
        for folder in (".pipeline_state", "logs")
        for path in (project.root / folder).rglob("*")
        # Stored values are data: what the program itself keeps is kept.
        if path.is_file() and path.suffix != ".pack" and path.parent.name not in ("objects", "backups")
    ]
    assert {"events.jsonl", "pipeline.jsonl", "state.json"} <= {path.name for path in files}
    for where, text in [
        *((str(path), path.read_text()) for path in files),
        *(("said", each) for each in texts),
    ]:
        for secret in SECRETS.values():
            for form in (secret, repr(secret)[1:-1], secret.encode("unicode_escape").decode()):
                assert form not in text, (where, secret)


@pytest.mark.parametrize("how", ["key", "exit", "cause", "value", "loop", "args"])
def test_nothing_that_is_kept_or_said_has_a_secret(tmp_path: Path, how: str) -> None:
    project = make_project(tmp_path, PIPELINE, SETTINGS)
    environment = {**SECRETS, "PIPELINE_RETRY_SECONDS": "0.01", "HOW": how, "CHECKPOINT_EVERY": "1"}
    done = project.run("train-all", check=None, **environment)
    assert done.returncode == (0 if how in ("value", "loop") else 1), done.stderr
    if how != "exit":  # what a program says itself when it ends is its own output
        expect_no_secret(project, done.stdout, done.stderr)
    status = project.run("status", check=None, **environment)
    again = project.run("status", **{**environment, "PKG_MARKED": "another-secret"})
    assert "the setting MARKED changed" in again.stdout
    for said in (status.stdout, again.stdout, again.stderr):
        assert "another-secret" not in said
        expect_no_secret(project, said)
    if how == "cause":
        reports = list((project.root / ".pipeline_state" / "errors").iterdir())
        assert len(reports) == 2
        for report in reports:
            assert {"<LATER_PASSWORD>", "<SERVICE_API_KEY>"} <= set(
                re.findall("<[A-Z_]+>", report.read_text())
            )


def test_a_bad_secret_is_not_shown(tmp_path: Path) -> None:
    project = make_project(tmp_path, PIPELINE, "pin: int = option(1, secret=True)\nkind: int = option(1)\n")
    bad = project.run("status", check=2, PKG_PIN="12x45678")
    assert "(secret) is not a valid value of the setting 'pin'" in bad.stderr
    assert "12x45678" not in bad.stderr
    assert "'y' is not a valid value" in project.run("status", check=2, PKG_KIND="y").stderr
