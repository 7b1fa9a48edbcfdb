"""A step that downloads, and a server that fails now and then."""

from __future__ import annotations

import http.server
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime_project import ProjectUnderTest, make_project

PIPELINE = """
from .utils.resume import Pipeline, Step


def setup():
    import random

    random.seed(1)


def prepare():
    return [1]


def download(found):
    import os
    import random
    import urllib.request

    with open("got.txt", "a") as file:
        file.write("begin\\n")
    found.append(random.random())
    with urllib.request.urlopen(os.environ["URL"], timeout=5) as answer:
        text = answer.read().decode()
    with open("got.txt", "a") as file:
        file.write(text + "\\n")
    print(text, len(found), found[1], random.random())
    return text


PIPELINE = Pipeline(
    Step("preprocess-data", prepare, role="preprocess", program="a", gives=("found",)),
    Step(
        "download-data",
        download,
        role="download",
        program="a",
        takes=("found",),
        gives=("text",),
        retries=3,
    ),
    setup=setup,
    package=__package__,
)
"""


class Server:
    """Answers with the codes that it is given, then with 200."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                code = outer.codes.pop(0) if outer.codes else 200
                if code == 0:
                    self.connection.close()
                    return
                self.send_response(code)
                self.end_headers()
                self.wfile.write(b"data" if code == 200 else b"")

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/x"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def project(tmp_path: Path) -> ProjectUnderTest:
    return make_project(tmp_path, PIPELINE)


def events(project: ProjectUnderTest) -> list[tuple[str, int]]:
    lines = (project.root / ".pipeline_state" / "events.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [(each["event"], each.get("retry", 0)) for each in found if each["step"] == "download-data"]


def test_it_is_tried_again_and_the_result_is_that_of_an_undisturbed_run(
    project: ProjectUnderTest, server: Server
) -> None:
    straight = project.run("train-all", URL=server.url).stdout
    project.run("clean")
    (project.root / "got.txt").unlink()
    server.codes = [503, 0, 429]
    done = project.run("train-all", URL=server.url, PIPELINE_RETRY_SECONDS="0.05")
    assert done.stdout == straight
    assert (project.root / "got.txt").read_text() == "begin\ndata\n"
    assert [f"retry {number} of 3" in done.stderr for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert "Traceback" not in done.stderr
    attempt = [("started", 0), ("failed", 0)]
    assert events(project)[-11:] == [
        *(*attempt, ("retry", 1)),
        *(*attempt, ("retry", 2)),
        *(*attempt, ("retry", 3)),
        *(("started", 0), ("done", 0)),
    ]
    assert len(list((project.root / ".pipeline_state" / "errors").iterdir())) == 3


def test_after_the_last_retry_it_has_failed_and_the_next_run_has_all_its_retries(
    project: ProjectUnderTest, server: Server
) -> None:
    server.codes = [500] * 4
    failed = project.run("train-all", check=1, URL=server.url, PIPELINE_RETRY_SECONDS="0.01")
    assert server.asked == 4
    assert "HTTPError: HTTP Error 500" in failed.stderr
    assert project.statuses()["download-data"] == "failed"
    server.codes = [500] * 3
    project.run("train-all", URL=server.url, PIPELINE_RETRY_SECONDS="0.01")
    assert project.statuses()["download-data"] == "done"


def test_what_the_network_has_no_part_in_is_not_tried_again(
    project: ProjectUnderTest, server: Server
) -> None:
    server.codes = [404, 500]
    failed = project.run("train-all", check=1, URL=server.url, PIPELINE_RETRY_SECONDS="0.01")
    assert server.asked == 1
    assert "trying again" not in failed.stderr


def test_a_failing_step_leaves_what_there_was(project: ProjectUnderTest, server: Server) -> None:
    project.run("train-all", URL=server.url)
    before = json.loads(project.run("status", "--history", "--json").stdout)[0]["generation"]
    objects = project.root / ".pipeline_state" / "objects"
    kept = {path.name: path.read_bytes() for path in objects.iterdir()}
    text = (project.root / "pkg/pipeline.py").read_text()
    project.write("pkg/pipeline.py", text.replace("timeout=5", "timeout=6"))
    server.codes = [500] * 4
    project.run("train-all", check=1, URL=server.url, PIPELINE_RETRY_SECONDS="0.01")
    assert {name: (objects / name).read_bytes() for name in kept} == kept
    assert project.statuses()["preprocess-data"] == "done"
    # With the code of then, the result of then is there again.
    project.write("pkg/pipeline.py", text)
    project.run("rollback", str(before))
    (project.root / "got.txt").write_text("begin\ndata\n")
    asked = server.asked
    assert project.run("train-all", URL=server.url).stdout == ""
    assert server.asked == asked


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("codes", [[500], [500, 500]], ids=["first", "second, in a process of its own"])
def test_a_signal_during_the_pause(
    project: ProjectUnderTest, server: Server, number: signal.Signals, codes: list[int]
) -> None:
    server.codes = list(codes)
    seconds = "30" if len(codes) == 1 else "1"
    running = project.start("train-all", URL=server.url, PIPELINE_RETRY_SECONDS=seconds)
    assert running.stderr is not None
    while f"retry {len(codes)} of 3" not in running.stderr.readline():
        assert running.poll() is None
    started = time.monotonic()
    running.send_signal(number)
    _, said = running.communicate(timeout=30)
    assert time.monotonic() - started < 0.9
    assert running.returncode == 75, said
    assert project.statuses()["download-data"] == "interrupted"
    assert project.run("resume-all", URL=server.url).stdout.startswith("data 2")


LOOP = """
from .utils.checkpoint import Checkpoint, LoopState
from .utils.resume import Pipeline, Step


def fetch(number):
    import os
    import urllib.request

    with urllib.request.urlopen(os.environ["URL"], timeout=5) as answer:
        return answer.read().decode() + str(number)


def download():
    fetch("listing")
    state = LoopState(texts=[])
    with Checkpoint("download", state) as checkpoint:
        for number in checkpoint.loop(range(5)):
            state.texts.append(fetch(number))
    print(state.texts)


PIPELINE = Pipeline(Step("download-data", download, role="download", retries=2), package=__package__)
"""


def test_a_loop_goes_on_where_the_network_failed_it(tmp_path: Path, server: Server) -> None:
    project = make_project(tmp_path, LOOP)
    # Once in the loop, and once before it, while it catches up.
    server.codes = [200, 200, 200, 200, 503, 503]
    done = project.run("download-data", URL=server.url, PIPELINE_RETRY_SECONDS="0.01", CHECKPOINT_EVERY="1")
    assert done.stdout == "['data0', 'data1', 'data2', 'data3', 'data4']\n"
    # The listing three times, each item once, and the item that failed once more.
    assert server.asked == 3 + 5 + 1
