"""The files around containers: what they promise is written in them. `make test-containers` tries them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from graduate.emit import render_project, write_project
from graduate.model.project import Bundle, Project
from made_bundle import make_bundle, make_source, with_dependencies


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    made = make_bundle(make_source(tmp_path_factory.mktemp("research") / "walk"))
    return replace(made, modules=replace(made.modules, models=("model",)), output_folders=("results",))


@pytest.fixture(scope="module")
def project(bundle: Bundle) -> Project:
    return render_project(bundle)


def text_of(project: Project, path: str) -> str:
    return next(file.text or "" for file in project.files if file.path == path)


def stages(project: Project) -> dict[str, list[str]]:
    """The instructions of each stage of the Dockerfile, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", text_of(project, "Dockerfile"))
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("FROM "):
            instructions = found.setdefault(line.rpartition(" AS ")[2] if " AS " in line else "", [])
            instructions.append(line)
        elif line and not line.startswith("#") and found:
            instructions.append(line)
    return found


def services(project: Project) -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(text_of(project, "compose.yaml"))["services"])


def test_the_targets_of_the_dockerfile(project: Project) -> None:
    found = stages(project)
    assert {"test", "runtime", "cuda", "service"} <= set(found)
    assert found[""] == ["FROM runtime"], "what is built when no target is named"


@pytest.mark.parametrize("target", ["runtime", "cuda"])
def test_what_the_images_are_like(project: Project, target: str) -> None:
    lines = stages(project)[target]
    assert 'ENTRYPOINT ["python", "-m", "walk"]' in lines
    assert 'CMD ["train-all"]' in lines
    assert "USER 10001" in lines
    assert any(line.startswith("HEALTHCHECK ") and '"walk", "health"' in line for line in lines)
    assert sum("org.opencontainers.image" in line for line in lines) == 1
    assert not any("pip install" in line or "install-lock" in line for line in lines), (
        "nothing is installed here"
    )
    assert lines.index("USER 10001") > next(
        i for i, each in enumerate(lines) if each.startswith("COPY --from=project")
    )


def test_dependencies_are_a_layer_that_no_source_change_touches(project: Project) -> None:
    copied = [line for line in stages(project)["builder"] if line.startswith("COPY")]
    assert copied == ["COPY requirements.* ./"]
    runtime = [line for line in stages(project)["runtime"] if line.startswith("COPY")]
    assert runtime == [
        "COPY --from=builder /opt/venv /opt/venv",
        "COPY --from=project --chown=10001 /app /app",
    ]


def test_the_lock_is_what_is_installed(project: Project) -> None:
    script = text_of(project, "docker/install-lock.sh")
    assert "install --require-hashes -r" in script
    text = text_of(project, "Dockerfile")
    assert re.findall(r"sh /install-lock.sh (.*)", text) == [
        "requirements",
        "requirements-cuda requirements",
        "requirements-dev",
        "requirements-service",
    ]
    assert text.count("type=secret,id=ca") == text.count("type=secret,id=pip") == 4


def test_what_is_not_of_the_image_stays_out_of_it(project: Project) -> None:
    ignored = text_of(project, ".dockerignore").splitlines()
    assert {".git", ".venv", ".pipeline_state", "secrets", "results/*", "!results/.gitkeep"} <= set(ignored)


def test_every_service_is_confined(project: Project) -> None:
    for name, service in services(project).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        assert {"cpus", "mem_limit"} <= set(service), name
        for port in service.get("ports", ()):
            assert port.startswith("${BIND:-127.0.0.1}:"), name


def test_the_pipeline_is_started_again_and_has_time_to_stop(project: Project) -> None:
    pipeline = services(project)["pipeline"]
    assert pipeline["restart"] == "on-failure"
    assert pipeline["stop_grace_period"] == "5m"
    assert pipeline["volumes"] == [".:/app"]


def test_what_watches_comes_with_a_profile(project: Project) -> None:
    watching = {name for name, each in services(project).items() if each.get("profiles") == ["monitoring"]}
    assert watching == {"metrics", "prometheus", "grafana"}
    targets = yaml.safe_load(text_of(project, "monitoring/prometheus.yml"))["scrape_configs"][0][
        "static_configs"
    ]
    assert targets == [{"targets": ["metrics:9100", "serve:8000"]}]
    for path in ("datasources/prometheus.yml", "dashboards/pipeline.yml"):
        assert yaml.safe_load(text_of(project, f"monitoring/grafana/provisioning/{path}"))["apiVersion"] == 1


def test_the_dashboard_has_a_panel_for_each_question(project: Project) -> None:
    board = json.loads(text_of(project, "monitoring/grafana/dashboards/pipeline.json"))
    titles = " ".join(panel["title"] for panel in board["panels"]).lower()
    for word in (
        "state",
        "duration",
        "loss",
        "throughput",
        "checkpoint",
        "cost",
        "memory",
        "error",
        "prediction",
    ):
        assert word in titles
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_no_model_no_serve(bundle: Bundle) -> None:
    project = render_project(replace(bundle, modules=replace(bundle.modules, models=())))
    assert "serve" not in services(project)
    assert "serve:8000" not in text_of(project, "monitoring/prometheus.yml")
    assert "serve" not in text_of(project, "monitoring/grafana/dashboards/pipeline.json")
    assert "SERVICES :=\n" in text_of(project, "Makefile")


def test_dependencies_of_the_day_pass_and_later_ones_are_found(bundle: Bundle, tmp_path: Path) -> None:
    """deptry on the project as it comes, and after an import that nothing declares."""
    out = tmp_path / "out"
    write_project(
        render_project(with_dependencies(bundle, "openpyxl")), out, source_root=Path(bundle.source_root)
    )
    command = [sys.executable, "-m", "deptry", ".", "--no-ansi"]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"openpyxl"' in (out / "pyproject.toml").read_text().partition("DEP002")[2].partition("\n")[0]
    with (out / "walk" / "training" / "trainer.py").open("a") as file:
        file.write("import requests_html\n")
    (out / "pyproject.toml").write_text(
        (out / "pyproject.toml")
        .read_text()
        .replace("dependencies = [\n", 'dependencies = [\n  "left-pad",\n', 1)
    )
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DEP001 'requests_html'" in done.stderr
    assert "DEP002 'left-pad'" in done.stderr


def test_torch_is_an_extra(bundle: Bundle) -> None:
    text = text_of(render_project(with_dependencies(bundle, "torch")), "pyproject.toml")
    import tomllib

    found = tomllib.loads(text)
    assert not any("torch" in each for each in found["project"]["dependencies"])
    assert found["project"]["optional-dependencies"]["cuda"] == ["torch"]
    assert found["tool"]["uv"]["conflicts"] == [[{"extra": "cpu"}, {"extra": "cuda"}]]


def test_hadolint_has_nothing_to_say(project: Project, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(text_of(project, "Dockerfile"))
    hadolint = shutil.which("hadolint") or str(Path(sys.executable).with_name("hadolint"))
    command = [hadolint, "Dockerfile"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
