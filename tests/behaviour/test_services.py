"""What runs beside a pipeline, as processes of their own: `health`, `describe-model`, `serve`, `metrics`."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from graduate.emit.dashboard import PIPELINE, SERVE
from runtime_project import ProjectUnderTest, make_project

MODEL = """
    from .utils.checkpoint import Checkpoint, LoopState
    from .utils.resume import Pipeline, Step

    def load():
        import numpy as np
        return np.arange(20.0).reshape(10, 2), np.arange(10.0)

    def train(x, y):
        import os
        from .mean import Mean
        if os.environ.get("FAIL"):
            raise ValueError("asked to")
        state = LoopState(best=0.5, history={"loss": []})
        with Checkpoint("loop", state) as checkpoint:
            for i in checkpoint.loop(range(4)):
                state.history["loss"].append(1 / (i + 1))
        return Mean(float(os.environ.get("FACTOR", 1)))

    PIPELINE = Pipeline(
        Step("load", load, role="preprocess", gives=("x", "y")),
        Step("train", train, role="train", takes=("x", "y"), gives=("model",)),
        Step("report", lambda: print("done"), role="evaluate"),
        models=("model",),
        package=__package__,
    )
"""
MEAN = """
    import os
    import time

    class Mean:
        def __init__(self, factor):
            self.factor = factor

        def predict(self, batch):
            if batch.shape[1:] != (2,):
                raise ValueError("two columns")
            time.sleep(float(os.environ.get("SLOW", 0)))
            return batch.mean(axis=1) * self.factor
"""
NO_MODEL = """
    from .utils.resume import Pipeline, Step
    PIPELINE = Pipeline(Step("train", lambda: None, role="train"), package=__package__)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """A service that runs, and how to ask it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, str]:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"content-type": kind}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_for(self, path: str, code: int = 200) -> str:
        end = time.monotonic() + 60
        while (answer := self.ask(path))[0] != code:
            assert time.monotonic() < end, answer
            time.sleep(0.1)
        return answer[1]


@contextmanager
def running(project: ProjectUnderTest, command: str, **environment: str) -> Iterator[Service]:
    """A service that must end well when it is stopped."""
    service = Service(free_port())
    names = {f"{command.upper()}_PORT": str(service.port), "SERVE_LOOK_SECONDS": "0.2"}
    process = project.start(command, **names, **environment)
    try:
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            _, said = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode in (0, -signal.SIGTERM), said


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> ProjectUnderTest:
    project = make_project(tmp_path_factory.mktemp("trained"), MODEL, mean=MEAN)
    project.run("train-all", PIPELINE_PROGRESS_SECONDS="0.05")
    return project


def test_the_first_good_run_records_the_input(trained: ProjectUnderTest) -> None:
    recorded = json.loads((trained.root / ".pipeline_state" / "model.json").read_text())
    assert recorded["type"].endswith("pkg.mean.Mean")
    assert (recorded["name"], recorded["from"]) == ("model", "x")
    assert recorded["input"] == {"kind": "array", "shape": [2], "dtype": "float64", "min": 0.0, "max": 19.0}
    assert trained.run("train-all").stdout == "", "the model that nothing takes is stored"


def test_serve_answers_and_refuses(trained: ProjectUnderTest) -> None:
    with running(trained, "serve", SERVE_MAX_BYTES="5000", SERVE_MAX_ROWS="3") as service:
        service.wait_for("/ready")
        told = service.ask("/metrics")[1]
        assert 'serve_requests_total{path="/predict",status="200"} 0.0' in told, "a rate needs a beginning"
        assert 'serve_request_seconds_count{path="/predict"} 0.0' in told
        code, text = service.ask("/predict", {"inputs": [[4.0, 5.0], [6, 7]]})
        assert code == 200
        assert json.loads(text)["predictions"] == pytest.approx([4.5, 6.5])
        assert json.loads(text)["warnings"] == []
        assert "outside" in json.loads(service.ask("/predict", {"inputs": [[4.0, 99.0]]})[1])["warnings"][0]
        refused: list[Any] = [
            {"inputs": []},
            {"inputs": [[1.0]]},
            {"inputs": [[1.0, 2.0, 3.0]]},
            {"inputs": [["1", "2"]]},
            {"inputs": [[True, 2.0]]},
            {"inputs": [[1.0, 2.0]] * 4},
            {"inputs": [[1.0, 2.0]], "more": 1},
            {},
            b'{"inputs": [[NaN, 1.0]]}',
            b"no json",
        ]
        assert [service.ask("/predict", each)[0] for each in refused] == [422] * len(refused)
        assert service.ask("/predict", b" " * 6000)[0] == 413
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp"):
            code, text = service.ask("/predict", {"inputs": [[4.0, 5.0]]}, kind)
            assert code == 415
            assert "content-type: application/json" in text
        assert service.ask("/predict", {"inputs": [[4.0, 5.0]]}, "application/json; charset=utf-8")[0] == 200
        assert [service.ask("/predict", each)[0] for each in (b"[" * 4000, b'{"inputs": "\xff"}')] == [
            400,
            400,
        ]
        assert service.ask("/predict")[0] == 405
        assert '"maxItems":2' in service.ask("/openapi.json")[1].replace(" ", "")
        parts = re.findall(r'(?:src|href)="([^"]+)"', service.ask("/docs")[1])
        assert len(parts) >= 2, "the page's scripts and styles"
        assert [service.ask(part)[0] for part in parts] == [200] * len(parts), "all of it is served here"
        assert service.ask("/health") == (200, '{"status":"ok"}')
        metrics = service.ask("/metrics")[1]
        assert 'serve_requests_total{path="/predict",status="413"} 1.0' in metrics
        assert "serve_rows_total 4.0" in metrics
        told = set(re.findall(r"^(serve_\w+)", metrics, re.MULTILINE))
        assert told >= {
            name for panel in SERVE for query, _ in panel.queries for name in re.findall(r"serve_\w+", query)
        }
        assert trained.run("health", "--service", SERVE_PORT=str(service.port)).returncode == 0
    assert trained.run("health", "--service", SERVE_PORT=str(service.port), check=None).returncode == 1


def test_what_a_column_cannot_hold_is_refused() -> None:
    """A number too big for the type that the model was trained with is the client's mistake, not a failure."""
    from pydantic import ValidationError

    from graduate.runtime.model_request import make_request

    for dtype, good, bad in (
        ("int8", [-128, 127], [128, -129, 1.0]),
        ("uint16", [0, 65535], [-1, 65536]),
        ("int64", [2**63 - 1], [2**63, 10**30]),
        ("float32", [3.4e38], [3.5e38, "1"]),
        ("float64", [1e300, 7], [float("inf"), float("nan")]),
        ("bool", [True], [1]),
    ):
        request = make_request({"kind": "table", "columns": {"a b": {"dtype": dtype}}})
        for value in good:
            assert request(inputs=[{"a b": value}]).inputs[0].model_dump(by_alias=True) == {"a b": value}
        for value in bad:
            with pytest.raises(ValidationError):
                request(inputs=[{"a b": value}])


def test_long_predictions_leave_health_alone_and_too_many_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    project.run("train-all")
    with running(project, "serve", SLOW="0.5", SERVE_MAX_REQUESTS="4") as service:
        service.wait_for("/ready")
        with ThreadPoolExecutor(12) as pool:
            answers = [pool.submit(service.ask, "/predict", {"inputs": [[4.0, 5.0]]}) for _ in range(12)]
            time.sleep(0.2)
            start = time.monotonic()
            assert service.ask("/health")[0] == 200
            assert time.monotonic() - start < 0.4
            codes = sorted(each.result()[0] for each in answers)
        assert codes == [200] * 4 + [503] * 8
        assert service.ask("/predict", {"inputs": [[4.0, 5.0]]})[0] == 200


def test_a_client_that_does_not_send_holds_nothing_up(trained: ProjectUnderTest) -> None:
    head = (
        "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{"
    )
    with running(trained, "serve", SERVE_READ_SECONDS="0.5", SERVE_MAX_REQUESTS="1") as service:
        service.wait_for("/ready")
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as slow:
            slow.sendall(head.encode())
            assert b"408" in slow.recv(100)
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as gone:
            gone.sendall(head.encode())
        time.sleep(0.1)
        assert service.ask("/predict", {"inputs": [[4.0, 5.0]]})[0] == 200


def test_a_model_that_answers_with_no_number(tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    project.run("train-all", FACTOR="nan")
    with running(project, "serve") as service:
        service.wait_for("/ready")
        code, text = service.ask("/predict", {"inputs": [[4.0, 5.0]]})
        assert (code, json.loads(text)["predictions"]) == (200, [None])


@pytest.mark.parametrize("command", ["serve", "metrics"])
def test_a_port_that_cannot_be_had(trained: ProjectUnderTest, command: str) -> None:
    name = f"{command.upper()}_PORT"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = trained.run(command, check=2, **{name: str(port)}).stderr
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert f"next:  stop what listens there, or give another port as {name}" in said
    for wrong in ("80 80", "70000"):
        said = trained.run(command, check=2, **{name: wrong}).stderr
        assert name in said
        assert "Traceback" not in said
    said = trained.run("serve", check=2, SERVE_MAX_ROWS="many").stderr
    assert said.startswith("'many' is no number.\n  where: SERVE_MAX_ROWS")


def test_serve_waits_for_a_model_and_takes_a_newer_one(tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    with running(project, "serve") as service:
        assert "has finished yet" in service.wait_for("/ready", 503)
        assert service.ask("/predict", {"inputs": [[4.0, 5.0]]})[0] == 503
        project.run("train-all", PIPELINE_RECORD="0")
        end = time.monotonic() + 60
        while "has recorded its input" not in service.wait_for("/ready", 503):
            assert time.monotonic() < end
        project.run("describe-model")
        first = json.loads(service.wait_for("/ready"))["hash"]
        project.run("train-all", "--fresh", FACTOR="2")
        end = time.monotonic() + 60
        while json.loads(service.wait_for("/ready"))["hash"] == first:
            assert time.monotonic() < end
            time.sleep(0.1)
        predictions = json.loads(service.ask("/predict", {"inputs": [[8.0, 10.0]]})[1])["predictions"]
        assert predictions == pytest.approx([18.0])


def test_an_object_without_its_hash_is_not_loaded(tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    project.run("train-all", PIPELINE_BACKUP_BELOW="0")
    newest = json.loads((tmp_path / ".pipeline_state" / "state.json").read_text())
    (group,) = [g for g in newest["steps"]["report"]["groups"] if "model" in g["names"]]
    (tmp_path / ".pipeline_state" / "objects" / group["object"]).write_bytes(
        b"cos\nsystem\n(S'touch owned'\ntR."
    )
    with running(project, "serve") as service:
        assert "damaged" in service.wait_for("/ready", 503)
    assert not (tmp_path / "owned").exists()


def test_another_input_than_recorded_is_not_served(trained: ProjectUnderTest, tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    project.run("train-all")
    record = tmp_path / ".pipeline_state" / "model.json"
    record.write_text(record.read_text().replace("2\n", "3\n", 1))
    assert json.loads(record.read_text())["input"]["shape"] == [3]
    with running(project, "serve") as service:
        assert "it takes the shape [2], not [3]" in service.wait_for("/ready", 503)
    assert "not [3]" in project.run("describe-model", check=2).stderr
    project.run("describe-model", "--accept")
    assert json.loads(record.read_text())["input"]["shape"] == [2]


def test_a_project_without_a_model_says_so(tmp_path: Path) -> None:
    project = make_project(tmp_path, NO_MODEL)
    assert "yields no model" in project.run("serve").stderr
    project.run("train-all")
    assert not (tmp_path / ".pipeline_state" / "model.json").exists()


@pytest.mark.slow
def test_a_kept_model_that_shares_something_with_the_context_does_not_bring_its_old_state_back(
    tmp_path: Path,
) -> None:
    pipeline = """
    from .utils.context import Context
    from .utils.resume import Pipeline, Step

    context = Context()

    def train():
        from .mean import Mean
        model = Mean(1.0)
        context.owner = [model]
        context.count = 1
        return model

    def start():
        context.count = 10

    def report():
        import os
        if os.environ.get("FAIL"):
            raise ValueError("asked to")
        print("count", context.count)

    PIPELINE = Pipeline(
        Step("train", train, role="train", program="a", gives=("model",)),
        Step("start", start, role="preprocess", program="b"),
        Step("report", report, role="evaluate", program="b"),
        context=context,
        models=("model",),
        package=__package__,
    )
    """
    project = make_project(tmp_path, pipeline, mean=MEAN)
    project.run("train-all", FAIL="1", check=1)
    assert project.run("train-all", SERVE_INPUT_SHAPE="2").stdout == "count 10\n"
    with running(project, "serve", SERVE_INPUT_SHAPE="2") as service:
        service.wait_for("/ready")
        assert service.ask("/predict", {"inputs": [[1.0, 3.0]]})[0] == 200


def test_health_is_that_of_the_steps(tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    assert project.run("health").stdout == "healthy\n"
    project.run("train-all", FAIL="1", check=1)
    assert project.run("health", check=1).stdout == "train failed\n"
    project.run("train-all")
    assert project.run("health").stdout == "healthy\n"


def test_metrics_tell_what_the_dashboard_shows(trained: ProjectUnderTest) -> None:
    with running(trained, "metrics") as service:
        text = service.wait_for("/metrics")
    assert 'pipeline_step_status{program="",status="done",step="train"} 1.0' in text
    assert 'pipeline_step_starts_total{step="train"} 1.0' in text
    assert 'pipeline_value{name="history.loss",step="train"} 0.25' in text
    assert 'pipeline_step_iterations{step="train"} 4.0' in text
    told = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    shown = {
        name
        for panel in PIPELINE
        for query, _ in panel.queries
        for name in re.findall(r"pipeline_\w+", query)
    }
    assert shown <= told | {f"{name}_total" for name in told}


def test_metrics_of_a_run_that_fails_and_of_no_run(tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    with running(project, "metrics") as service:
        assert "pipeline_generation 0.0" in service.wait_for("/metrics")
        for _ in range(2):
            project.run("train-all", FAIL="1", check=1)
        text = service.wait_for("/metrics")
    assert 'pipeline_step_errors_total{step="train"} 2.0' in text
    assert 'status="failed",step="train"} 1.0' in text


def test_a_run_writes_no_progress_unless_asked(tmp_path: Path) -> None:
    project = make_project(tmp_path, MODEL, mean=MEAN)
    project.run("train-all")
    assert not (tmp_path / ".pipeline_state" / "progress.json").exists()
