"""Versions of a day, the reasons for others, and why there are none. The index is a server of this machine."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from graduate.emit.lock import lock_project
from graduate.emit.resolve import NewerPython, Resolved, Wanted, read_wanted, resolve
from graduate.errors import ToolError
from graduate.model.project import Project, ProjectFile


class Index:
    """A package index that tells when files were uploaded, where `dated` says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, list[dict[str, object]]] = {}

    def publish(self, name: str, version: str, day: str, *needs: str, python: str = "") -> None:
        path = self.folder / f"{name}-{version}-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Requires-Dist: {each}\n" for each in needs)
        metadata += f"Requires-Python: {python}\n" if python else ""
        with zipfile.ZipFile(path, "w") as wheel:
            info = f"{name}-{version}.dist-info"
            wheel.writestr(f"{info}/METADATA", metadata)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        file: dict[str, object] = {"filename": path.name, "url": f"/{path.name}"}
        (self.folder / f"{path.name}.metadata").write_text(metadata)
        file["core-metadata"] = True
        file["hashes"] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        if day:
            file["upload-time"] = f"{day}T12:00:00Z"
        if python:
            file["requires-python"] = python
        self.files.setdefault(name, []).append(file)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    (tmp_path / "files").mkdir()
    made = Index(tmp_path / "files")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/").removeprefix("simple/")
            body, kind = b"", "application/octet-stream"
            if name in made.files:
                page = {
                    "meta": {"api-version": "1.1"},
                    "name": name,
                    "files": made.files[name],
                    "versions": [],
                }
                body, kind = json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json"
            elif (made.folder / name).is_file():
                body = (made.folder / name).read_bytes()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    yield made
    server.shutdown()
    server.server_close()


def pins(resolved: Resolved) -> list[str]:
    return [line.split(" ")[0] for line in resolved.text.split("\n") if "==" in line]


def ask(*requirements: str, as_of: str = "", preferred: tuple[str, ...] = ()) -> Resolved:
    wanted = [Wanted(text, f"requirements.txt:{n}") for n, text in enumerate(requirements, 1)]
    day = date.fromisoformat(as_of) if as_of else None
    return resolve(wanted, "3.11", as_of=day, preferred=preferred)


def test_versions_of_the_day(index: Index) -> None:
    index.publish("alpha", "1.0", "2024-01-01", "bravo")
    index.publish("alpha", "2.0", "2025-01-01", "bravo")
    index.publish("bravo", "1.0", "2024-01-01")
    index.publish("bravo", "3.0", "2025-06-01")
    index.publish("pydantic", "2.11", "2025-06-01")
    assert pins(ask("alpha", as_of="2024-01-01")) == ["alpha==1.0", "bravo==1.0"]
    assert pins(ask("alpha", as_of="2025-01-01")) == ["alpha==2.0", "bravo==1.0"]
    assert pins(ask("alpha")) == ["alpha==2.0", "bravo==3.0"]
    assert pins(ask("alpha", "pydantic", as_of="2024-01-01"))[2] == "pydantic==2.11", "of the pipeline itself"


def test_a_pin_wins_over_the_day(index: Index) -> None:
    index.publish("alpha", "1.0", "2024-01-01")
    index.publish("alpha", "2.0", "2025-01-01")
    resolved = ask("alpha==2.0", as_of="2024-01-01")
    assert pins(resolved) == ["alpha==2.0"]
    assert resolved.as_of is None
    assert resolved.notes[0].startswith(
        "no versions of 2024-01-01 fit together, so the newest are taken: alpha==2.0"
    )


def test_an_index_without_dates_is_said_to_be_one(index: Index) -> None:
    index.publish("alpha", "1.0", "")
    resolved = ask("alpha", as_of="2024-01-01")
    assert pins(resolved) == ["alpha==1.0"]
    assert resolved.notes == (
        "the index does not tell when files were uploaded, so the newest versions are taken, not those of 2024-01-01",
    )


def test_code_that_is_older_than_the_python(index: Index) -> None:
    index.publish("alpha", "1.0", "2023-05-01")
    index.publish("alpha", "2.0", "2024-01-01")
    resolved = ask("alpha", as_of="2018-03-04")
    assert pins(resolved) == ["alpha==1.0"]
    assert resolved.notes == (
        "the code is of 2018-03-04, before there were libraries for Python 3.11: as of 2023-06-01 instead",
    )


def test_a_conflict_names_both_requirements_and_their_places(index: Index) -> None:
    index.publish("alpha", "1.0", "2024-01-01")
    index.publish("bravo", "1.0", "2024-01-01", "alpha>=2")
    index.publish("charlie", "1.0", "2024-01-01")
    with pytest.raises(ToolError) as caught:
        ask("charlie", "alpha==1.0", "bravo")
    assert caught.value.where == "requirements.txt:2, requirements.txt:3"
    assert caught.value.why.startswith(
        "alpha==1.0 (requirements.txt:2) and bravo (requirements.txt:3) cannot be had together; uv says: "
    )
    assert "127.0.0.1" not in str(caught.value)


def test_a_pin_that_needs_a_newer_python(index: Index) -> None:
    index.publish("alpha", "1.0", "2024-01-01", python=">=3.12")
    with pytest.raises(NewerPython) as caught:
        ask("alpha==1.0")
    assert caught.value.python == "3.12"


def test_remarks_of_requirements() -> None:
    text = "# Direct\nalpha>=1  # train.py:1; a remark\n-r other.in\nbravo\n"
    assert read_wanted(text) == [Wanted("alpha>=1", "train.py:1; a remark"), Wanted("bravo")]


@pytest.mark.parametrize(
    ("requirement", "line"), [("alpha", "AS_OF ?= 2024-01-01"), ("alpha==2.0", "AS_OF ?=")]
)
def test_the_makefile_names_the_day_that_holds(index: Index, requirement: str, line: str) -> None:
    index.publish("alpha", "1.0", "2024-01-01")
    index.publish("alpha", "2.0", "2025-01-01")
    index.publish("tool", "1.0", "2025-01-01")
    files = (
        ProjectFile("Makefile", text="PYTHON_VERSION := 3.11\nAS_OF ?= 2024-01-01\n"),
        ProjectFile("requirements.in", text=f"{requirement}\n"),
        ProjectFile("requirements-dev.in", text="-r requirements.in\ntool\n"),
    )
    locked = lock_project(Project("study", files))
    texts = {file.path: file.text or "" for file in locked.project.files}
    assert texts["Makefile"].split("\n")[1] == line
    assert "tool==1.0" in texts["requirements-dev.lock"], "tools are of today"
