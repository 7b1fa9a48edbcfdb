"""`serve`: the stored model behind /predict, with /health, /ready, /metrics and a page of all that at /docs."""

from __future__ import annotations

import threading
import time
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import BaseModel, create_model

from . import model_input, model_record, model_request
from .log import say
from .paths import STATE_FOLDER
from .services import number
from .state import State
from .steps import Pipeline

PATHS = ("/predict", "/health", "/ready", "/metrics", "/docs")
OTHER = "other"
MOST_REQUESTS = int(number("SERVE_MAX_REQUESTS", 32))
"""How many requests to /predict are taken at once."""
LOOK_EVERY = number("SERVE_LOOK_SECONDS", 5)
"""Seconds after which it is looked whether the pipeline has stored another model."""

# Made by calls, not as classes, since types are checked without looking into libraries.
Answer: Any = create_model(
    "Answer",
    __doc__="One prediction for each input. `warnings` tell of values such as the first good run did not have.",
    predictions=(list[Any], ...),
    probabilities=(list[Any] | None, None),
    classes=(list[Any] | None, None),
    warnings=(list[str], []),
    model=(str, ...),
)


def serve(pipeline: Pipeline, host: str, port: int) -> int:
    """Answer until the process is stopped."""
    service = Service(pipeline)
    service.look()
    threading.Thread(target=service.keep_looking, name="look", daemon=True).start()
    say(f"serving: http://{host}:{port}/docs")
    limits: dict[str, Any] = {
        "limit_concurrency": 512,
        "timeout_keep_alive": 10,
        "timeout_graceful_shutdown": 20,
    }
    uvicorn.run(service, host=host, port=port, log_level="warning", access_log=False, **limits)
    return 0


class Service:
    """An ASGI application that changes when another model is stored, and refuses bodies that are too big."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.registry = CollectorRegistry()
        self.requests = Counter("serve_requests", "Requests.", ["path", "status"], registry=self.registry)
        self.seconds = Histogram(
            "serve_request_seconds", "Duration of requests.", ["path"], registry=self.registry
        )
        # From nothing on: Prometheus does not count what a series is born with.
        for path in (*PATHS, OTHER):
            self.seconds.labels(path)
            self.requests.labels(path, "200")
        self.rows = Counter("serve_rows", "Rows that were predicted.", registry=self.registry)
        self.ready = Gauge("serve_ready", "1 when a model is loaded.", registry=self.registry)
        self.loaded = Gauge(
            "serve_model_loaded_timestamp_seconds", "When it was loaded.", registry=self.registry
        )
        self.model: Any = None
        self.described: dict[str, Any] = {}
        self.hash = ""
        self.why_not = "no model has been looked for yet"
        self.taken = 0
        self._lock = threading.Lock()
        self.app = self._make_app(None, {}, "")

    # -- the model --------------------------------------------------------------------------

    def keep_looking(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            try:
                self.look()
            except Exception as error:
                say(f"serve: the state could not be looked at ({type(error).__name__}: {error})")

    def look(self) -> None:
        """Load the model that is stored now, unless it is the one that is served. An earlier one stays until then."""
        state = State(STATE_FOLDER)
        state.load()
        found = model_record.find_stored(self.pipeline, state)
        if self.model is not None and any(each.hash == self.hash for each in found[:1]):
            return
        try:
            stored, model = model_record.load(self.pipeline, state)
            if stored.hash == self.hash and self.model is not None:
                return
            described = self._described(state, stored, model)
        except model_record.NoModel as error:
            if str(error) != self.why_not:
                say(f"serve: {error}")
            self.why_not = str(error)
            return
        app = self._make_app(model, described, stored.hash)
        with self._lock:
            # In this order: once /ready says so, /predict is the new one.
            self.app, self.described, self.hash, self.why_not, self.model = (
                app,
                described,
                stored.hash,
                "",
                model,
            )
        self.ready.set(1)
        self.loaded.set(time.time())
        say(f"serve: {stored.name} ({described['type']}) of {stored.step}, {stored.hash[:12]}, is loaded")

    def _described(self, state: State, stored: model_record.Stored, model: Any) -> dict[str, Any]:
        """The recorded input, when it is still that of the model. Raises `NoModel`."""
        known = model_record.read()
        if known is None:
            raise model_record.NoModel("no good run has recorded its input yet; `describe-model` does it")
        if model_input.takes(model, known["input"]):
            return known
        found = model_record.describe(self.pipeline, state, stored, model)
        changed = model_record.differences(known, found) or "it fails on the input"
        raise model_record.NoModel(f"{changed} that was recorded; `describe-model --accept` records it anew")

    # -- the application --------------------------------------------------------------------

    def _make_app(self, model: Any, described: dict[str, Any], content: str) -> FastAPI:
        """What serves this model: a request that was made for it must not meet the one that comes next."""
        # The page at /docs brings its scripts: production has no way to the ones that FastAPI's own page loads.
        app = FastAPIOffline(title=self.pipeline.package, description=__doc__, redoc_url=None)
        app.add_exception_handler(RequestValidationError, model_request.refuse)
        app.add_api_route("/health", self._health, summary="The process answers")
        app.add_api_route("/ready", self._is_ready, summary="A model is loaded", responses={503: {}})
        app.add_api_route("/metrics", self._metrics, summary="For Prometheus", response_class=Response)
        if model is None:
            app.add_api_route("/predict", self._refuse, methods=["POST"], status_code=503)
            return app

        def predict(request: Any) -> Any:
            return self._predict(model, described["input"], content, request.inputs)

        predict.__annotations__ = {
            "request": model_request.make_request(described["input"]),
            "return": Answer,
        }
        name, kind = described["name"], described["type"]
        app.add_api_route(
            "/predict",
            predict,
            methods=["POST"],
            summary=f"What {name} ({kind}) says",
            response_model_exclude_none=True,
            responses={413: {"description": f"More than {model_request.MOST_BYTES} bytes"}},
        )
        return app

    # These wait for nothing, so they need no thread, which long predictions may have taken all.
    async def _health(self) -> dict[str, str]:
        return {"status": "ok"}

    async def _is_ready(self) -> dict[str, Any]:
        if self.model is None:
            raise HTTPException(503, self.why_not)
        return {
            "status": "ready",
            "model": self.described["name"],
            "hash": self.hash,
            "input": self.described["input"],
        }

    async def _metrics(self) -> Response:
        return Response(generate_latest(self.registry), media_type="text/plain; version=0.0.4")

    async def _refuse(self) -> None:
        raise HTTPException(503, self.why_not)

    def _predict(self, model: Any, described: dict[str, Any], content: str, inputs: list[Any]) -> Any:
        rows = [each.model_dump(by_alias=True) if isinstance(each, BaseModel) else each for each in inputs]
        try:
            with self._lock:
                result = model_input.predict(model, described, rows)
        except Exception as error:
            say(f"serve: a prediction failed ({type(error).__name__}: {error})")
            raise HTTPException(500, "the model failed on this input") from error
        self.rows.inc(len(rows))
        return Answer(**result, warnings=model_input.find_outside(described, rows), model=content)

    # -- around it --------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Count and time requests; a body is read here, up to the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in PATHS else OTHER
        start, status = time.perf_counter(), 500

        async def note(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        is_prediction = path == "/predict"
        self.taken += is_prediction
        try:
            await self._answer(is_prediction, scope, receive, note)
        finally:
            self.taken -= is_prediction
            self.requests.labels(path, str(status)).inc()
            self.seconds.labels(path).observe(time.perf_counter() - start)

    async def _answer(self, is_prediction: bool, scope: Any, receive: Any, send: Any) -> None:
        if is_prediction and self.taken > MOST_REQUESTS:
            await model_request.busy()(scope, receive, send)
            return
        request = await model_request.read_request(scope, receive)
        if isinstance(request, Response):
            await request(scope, receive, send)
        elif request is not None:
            await self.app(scope, model_request.replay(request, receive), send)
