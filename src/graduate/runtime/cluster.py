"""What a cluster needs to run the training: a batch script for Slurm, manifests for Kubernetes."""

from __future__ import annotations

import os
import re
from typing import Any

from .log import say
from .paths import PROJECT_ROOT
from .world import number

_PORT = 29500
_AHEAD = 300
"""Seconds before the time limit at which a job is told to save and stop."""


def _job(package: str) -> dict[str, Any]:
    gpus, processes = number("GPUS", 0), number("PROCS", 0)
    return {
        "package": package,
        "name": re.sub(r"[^a-z0-9-]+", "-", package.lower()).strip("-") or "train",
        "nodes": number("NODES", 1),
        "gpus": gpus,
        "processes": gpus or processes or 1,
        "kind": "GPUS" if gpus else "PROCS",
        "restarts": number("RESTARTS", 3),
        "arguments": os.environ.get("ARGS", ""),
    }


def write(kind: str, package: str) -> int:
    """Write what a "slurm" or "k8s" cluster needs; the exit code."""
    job = _job(package)
    return _write_slurm(job) if kind == "slurm" else _write_kubernetes(job)


def _write_slurm(job: dict[str, Any]) -> int:
    """Write slurm.sbatch."""
    limit, partition = os.environ.get("TIME") or "24:00:00", os.environ.get("PARTITION", "")
    options = [
        f"--job-name={job['name']}",
        f"--nodes={job['nodes']}",
        "--ntasks-per-node=1",
        f"--gpus-per-node={job['gpus']}" if job["gpus"] else f"--cpus-per-task={job['processes']}",
        f"--time={limit}",
        *([f"--partition={partition}"] if partition else []),
        f"--signal=USR1@{_AHEAD}",
        "--requeue",
        "--open-mode=append",
        "--output=logs/slurm-%j.out",
    ]
    head = "\n".join(f"#SBATCH {each}" for each in options)
    python = os.environ.get("PYTHON_USED") or ".venv/bin/python"
    text = f"""#!/bin/bash
{head}
# Submit in the project folder, which all machines share: mkdir -p logs && sbatch slurm.sbatch
# {_AHEAD} s ahead of the limit, and on preemption, all processes save; the job is queued again and goes on from there.
set -u
cd "$SLURM_SUBMIT_DIR"
export {job["kind"]}={job["processes"]} NODES="$SLURM_JOB_NUM_NODES" RESTARTS={job["restarts"]}
MASTER="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):{_PORT}"
export MASTER
trap : TERM USR1 # the signal is for the processes; this script waits until they have saved
srun --kill-on-bad-exit=1 bash -c \\
  'NODE_RANK="$SLURM_NODEID" exec "{python}" -m {job["package"]} train {job["arguments"]}' &
code=
while [ -z "$code" ] || kill -0 "$!" 2>/dev/null; do wait "$!"; code=$?; done
if [ "$code" -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""
    return _write("slurm.sbatch", text, "mkdir -p logs && sbatch slurm.sbatch")


def _write_kubernetes(job: dict[str, Any]) -> int:
    """Write k8s/job.yaml (a Job, with a Service where there are several machines) and k8s/trainjob.yaml (Kubeflow)."""
    documents = [_kubernetes_job(job)]
    if job["nodes"] > 1:
        documents.insert(0, _service(job))
    _write("k8s/job.yaml", _yaml(documents), "")
    return _write(
        "k8s/trainjob.yaml", _yaml([_train_job(job)]), "kubectl apply -f k8s/job.yaml (or trainjob.yaml)"
    )


def _container(job: dict[str, Any], rank: str, address: str) -> dict[str, Any]:
    run = f'NODE_RANK="${{{rank}:-0}}" MASTER="{address}" exec python -m {job["package"]} train {job["arguments"]}'
    limits = {"nvidia.com/gpu": job["gpus"]} if job["gpus"] else {"cpu": str(job["processes"])}
    return {
        "name": "train",
        "image": os.environ.get("IMAGE") or f"{job['name']}:latest",
        "command": ["sh", "-c", run.strip()],
        "env": [
            {"name": job["kind"], "value": str(job["processes"])},
            {"name": "NODES", "value": str(job["nodes"])},
            {"name": "RESTARTS", "value": str(job["restarts"])},
        ],
        "resources": {"limits": limits},
        "volumeMounts": [
            {"name": "project", "mountPath": "/app"},
            {"name": "memory", "mountPath": "/dev/shm"},
        ],
    }


def _volumes(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The project folder, which all machines share, and memory for the workers of loaders."""
    return [
        {"name": "project", "persistentVolumeClaim": {"claimName": os.environ.get("CLAIM") or job["name"]}},
        {"name": "memory", "emptyDir": {"medium": "Memory"}},
    ]


def _kubernetes_job(job: dict[str, Any]) -> dict[str, Any]:
    name = job["name"]
    container = _container(job, "JOB_COMPLETION_INDEX", f"{name}-0.{name}:{_PORT}")
    pod: dict[str, Any] = {
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": _AHEAD,
        "containers": [container],
        "volumes": _volumes(job),
    }
    if job["nodes"] > 1:
        pod["subdomain"] = name
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completions": job["nodes"],
            "parallelism": job["nodes"],
            "completionMode": "Indexed",
            "backoffLimit": 6,
            "template": {"metadata": {"labels": {"job": name}}, "spec": pod},
        },
    }


def _service(job: dict[str, Any]) -> dict[str, Any]:
    """The names by which the machines of a Job find the first one."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": job["name"]},
        "spec": {"clusterIP": "None", "selector": {"job": job["name"]}, "ports": [{"port": _PORT}]},
    }


def _train_job(job: dict[str, Any]) -> dict[str, Any]:
    container = _container(job, "PET_NODE_RANK", "${PET_MASTER_ADDR:-localhost}:${PET_MASTER_PORT:-29500}")
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": job["name"]},
        "spec": {
            "runtimeRef": {"name": "torch-distributed"},
            "trainer": {
                "image": container["image"],
                "command": container["command"],
                "env": container["env"],
                "numNodes": job["nodes"],
                "resourcesPerNode": container["resources"],
            },
            "podTemplateOverrides": [
                {
                    "targetJobs": [{"name": "node"}],
                    "spec": {
                        "volumes": _volumes(job),
                        "containers": [{"name": "node", "volumeMounts": container["volumeMounts"]}],
                    },
                }
            ],
        },
    }


def _yaml(documents: list[dict[str, Any]]) -> str:
    import yaml

    return "---\n".join(yaml.safe_dump(each, sort_keys=False, width=1000) for each in documents)


def _write(path: str, text: str, then: str) -> int:
    target = PROJECT_ROOT / path
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    say(f"Wrote {path}." + (f" Next: {then}" if then else ""))
    return 0
