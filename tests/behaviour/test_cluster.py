"""`make slurm` and `make k8s`: what they write is valid, and the script saves, asks to be queued again, and goes on."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness import convert
from shared_loops import HEAD
from test_distributed import LONG, once, wait, workers

SRUN = """#!/bin/bash
shift
for node in 0 1; do SLURM_NODEID=$node "$@" & pids+=($!); done
code=0
for pid in ${pids[*]}; do wait $pid; c=$?; [ $c -gt $code ] && code=$c; done
exit $code
"""
SCONTROL = """#!/bin/bash
if [ "$1" = show ]; then echo 127.0.0.1; else echo "queued again: $2"; fi
"""
SMALL = (
    "import torch\nfrom torch.utils.data import DataLoader\nfor x in DataLoader([1.0]):\n    x.backward()\n"
)


def test_the_manifests_name_every_machine_and_the_first_one(tmp_path: Path) -> None:
    project = convert({"main.py": SMALL}, tmp_path)
    done = project.run("k8s", NODES="3", GPUS="2", CLAIM="shared", IMAGE="registry/x:1")
    assert done.returncode == 0, done.stderr
    service, job = yaml.safe_load_all((project.root / "k8s" / "job.yaml").read_text())
    pod = job["spec"]["template"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert (job["spec"]["completions"], job["spec"]["completionMode"]) == (3, "Indexed")
    container = pod["spec"]["containers"][0]
    assert 'MASTER="study-0.study:29500"' in container["command"][2]
    assert container["resources"] == {"limits": {"nvidia.com/gpu": 2}}
    assert {"name": "NODES", "value": "3"} in container["env"]
    train = yaml.safe_load((project.root / "k8s" / "trainjob.yaml").read_text())
    assert train["kind"] == "TrainJob"
    assert train["spec"]["trainer"]["numNodes"] == 3
    mounts = {each["name"] for each in container["volumeMounts"]}
    assert mounts == {each["name"] for each in pod["spec"]["volumes"]}


def test_one_machine_needs_no_service(tmp_path: Path) -> None:
    project = convert({"main.py": SMALL}, tmp_path)
    assert project.run("k8s", PROCS="2").returncode == 0
    (job,) = yaml.safe_load_all((project.root / "k8s" / "job.yaml").read_text())
    assert job["spec"]["template"]["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "2"}}


def test_the_batch_script_is_bash_and_asks_for_what_was_given(tmp_path: Path) -> None:
    project = convert({"main.py": SMALL}, tmp_path)
    done = project.run("slurm", NODES="4", GPUS="8", TIME="1:00:00", PARTITION="fast", ARGS="--lr 0.1")
    assert done.returncode == 0, done.stderr
    script = project.root / "slurm.sbatch"
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    text = script.read_text()
    for each in (
        "--nodes=4",
        "--gpus-per-node=8",
        "--time=1:00:00",
        "--partition=fast",
        "--requeue",
        "--signal=USR1@300",
    ):
        assert f"#SBATCH {each}\n" in text
    assert "-m study train --lr 0.1" in text


@pytest.mark.torch
@pytest.mark.slow
def test_a_job_near_its_limit_saves_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    whole, project = (convert({"main.py": HEAD + LONG}, tmp_path / each) for each in ("whole", "job"))
    expected = whole.run(PROCS="2").stdout
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tools / name).write_text(text)
        (tools / name).chmod((tools / name).stat().st_mode | stat.S_IXUSR)
    assert project.run("slurm", NODES="2", PROCS="1", PYTHON_USED=sys.executable).returncode == 0
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "SLURM_SUBMIT_DIR": str(project.root),
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_NODELIST": "nodes",
        "SLURM_JOB_ID": "77",
    }
    command = ["bash", str(project.root / "slurm.sbatch")]
    log = project.root / "log.csv"
    job = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait(lambda: log.exists() and log.read_text().count("\n") > 2)
    for process in workers(project).values():
        os.kill(process, signal.SIGUSR1)
    output, errors = job.communicate(timeout=90)
    assert job.returncode == 75, errors
    assert "queued again: 77" in output
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    printed = [line for line in once(output + again.stdout) if not line.startswith("queued")]
    assert printed == expected.splitlines()
