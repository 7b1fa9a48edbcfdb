"""What `try_containers.py` does by commands and requests: Docker, Compose, HTTP, and stand-ins for public images.

An image registry may be out of reach: Prometheus is Debian's, and what stands in for Grafana shows what it is given.
"""

from __future__ import annotations

import json
import math
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BASE = "python:3.11-slim-bookworm"
STAND_INS = {
    "graduate-prometheus:debian": f"""FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/* \\
 && mkdir -p /prometheus && chown 65534:65534 /prometheus
USER 65534
ENTRYPOINT ["/usr/bin/prometheus"]
""",
    "graduate-grafana:stand-in": f"""FROM {BASE}
ENTRYPOINT ["python", "-m", "http.server", "3000", "--directory", "/etc/grafana"]
""",
}
PROMETHEUS, GRAFANA = STAND_INS


class Failed(Exception):
    """Something is not as it has to be."""


def make_stand_ins(folder: Path) -> None:
    """The images of `STAND_INS`, with `folder` for their Dockerfiles."""
    for tag, dockerfile in STAND_INS.items():
        context = folder / tag.replace(":", "-")
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(dockerfile)
        docker("build", "--network", "host", "--tag", tag, str(context))


def docker(*arguments: str) -> str:
    return call(["docker", *arguments]).stdout


def compose() -> list[str]:
    done = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker-compose"] if done.returncode else ["docker", "compose"]


def call(
    command: list[str], folder: Path = ROOT, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, which must succeed."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
    return done


def fetch(url: str, body: bytes | None = None) -> tuple[int, str]:
    """Status and text of an answer; 0 when there is none."""
    request = urllib.request.Request(url, body, {"content-type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


class Prometheus:
    """What a Prometheus that listens on a port here has scraped."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v1/"

    def value(self, query: str) -> float:
        """The first value for a query now; 0 when there is none."""
        found = self._ask("query", {"query": query})
        return float(found[0]["value"][1]) if found else 0.0

    def has_data(self, query: str) -> bool:
        """Whether there has been a number for a query in the last quarter of an hour, as a panel would draw it."""
        now = time.time()
        found = self._ask("query_range", {"query": query, "start": now - 900, "end": now, "step": 5})
        return any(math.isfinite(float(value)) for series in found for _, value in series["values"])

    def _ask(self, what: str, query: dict[str, Any]) -> list[Any]:
        code, text = fetch(f"{self.url}{what}?{urllib.parse.urlencode(query)}")
        if code == 400:
            raise Failed(f"Prometheus refuses {query['query']}: {text}")
        return list(json.loads(text)["data"]["result"]) if code == 200 else []


def wait_for(is_so: Callable[[], Any], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise Failed(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.1)
