"""Secrets are found by name and taken out in every form in which they may be written."""

from __future__ import annotations

import json
import urllib.parse

import pytest

from graduate.runtime import redaction
from graduate.runtime.redaction import is_secret, looks_like_key, redacted, without_secrets


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_seen", {})


@pytest.mark.parametrize(
    "name",
    [
        "GH_TOKEN",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "DB_PASSWORD",
        "PGPASSWORD",
        "WANDB_API_KEY",
        "OPENAI_APIKEY",
        "apiKey",
        "MY_KEY",
        "KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "CLIENT_SECRET",
        "BASIC_AUTH",
        "MAIL_PWD",
        "SMTP_PASS",
        "npm-token",
    ],
)
def test_names_of_keys(name: str) -> None:
    assert looks_like_key(name)


@pytest.mark.parametrize(
    "name",
    [
        "TOKENIZERS_PARALLELISM",
        "KEYBOARD",
        "MONKEY",
        "AUTHOR",
        "PWD",
        "OLDPWD",
        "PATH",
        "XAUTHORITY",
        "PASSES",
        "COMPASS",
        "HOME",
        "PYTHONPATH",
    ],
)
def test_other_names(name: str) -> None:
    assert not looks_like_key(name)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hf_token", "hf_abcdefgh", True),
        ("api_key", "sk-12345678", True),
        ("db_password", "correcthorse", True),
        ("pad_token", "<pad>", False),
        ("max_tokens", 100_000_000, False),
        ("key_path", "/data/all/of/it.csv", False),
        ("sort_key", "a text of words", False),
        ("tokenizer", "bert-base-uncased", False),
    ],
)
def test_settings_that_nobody_marked(name: str, value: object, expected: bool) -> None:
    assert is_secret(name, value) is expected


@pytest.mark.parametrize(
    "secret", ["hunter22", "pä ss'w\"o/rd\\+%", "-- BEGIN KEY --\nMIIEvQIBADAN\nBgkqhkiG9w0B\n"]
)
def test_every_form_of_it(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", secret)
    forms = [secret, repr(secret), str(KeyError(secret)), json.dumps(secret), urllib.parse.quote(secret)]
    forms += [urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), repr({"a": [secret]})]
    for form in forms:
        found = redacted(f"before {form} after")
        assert "<THE_TOKEN>" in found
        for part in (secret, secret[1:-1], *secret.splitlines()[1:]):
            assert part not in found
        assert found.startswith("before ")
        assert found.endswith(" after")


def test_what_was_secret_stays_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "abcdefgh")
    redacted("")
    monkeypatch.delenv("A_KEY")
    assert redacted("x abcdefgh") == "x <A_KEY>"


def test_switches_and_counts_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("false", "1", "4096", ""):
        monkeypatch.setenv("USE_AUTH", value)
        assert redacted(f"it is {value} in 4096") == f"it is {value} in 4096"


def test_passwords_in_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me:s3cr3t!@db.example/x")
    assert (
        redacted("no connection for s3cr3t! at db.example")
        == "no connection for <DATABASE_URL> at db.example"
    )


def test_values_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "abcdefgh")
    value = {"a": ["abcdefgh", 3, None, True, ("xabcdefghx",)], "b": ValueError("abcdefgh")}
    assert without_secrets(value) == {"a": ["<A_KEY>", 3, None, True, ["x<A_KEY>x"]], "b": "<A_KEY>"}
