"""Runs steps in several processes, started by torchrun: on this machine, and on others where the same command runs."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass

from .ends import ROLLED_BACK
from .log import say
from .paths import STATE_FOLDER
from .problems import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, Problem
from .process import run_child
from .signals import stop
from .state import State
from .steps import UNFINISHED, Pipeline
from .world import CHILD, cannot_be, number

_POLL = 0.5
_SIOCGIFADDR = 0x8915
"""The request to Linux for the address of a network interface."""


@dataclass(frozen=True)
class Job:
    """How many processes on how many machines; which of the machines this is, and where the first one listens."""

    processes: int
    nodes: int
    node: int
    address: str
    restarts: int
    elastic: bool

    @property
    def size(self) -> int:
        return self.processes * self.nodes


def asked_for() -> Job:
    """What GPUS, PROCS, NODES, NODE_RANK, MASTER and RESTARTS ask for. Raises `Problem`."""
    gpus, processes = number("GPUS", 0), number("PROCS", 0)
    if gpus and processes and gpus != processes:
        raise cannot_be(
            "GPUS and PROCS", f"{gpus} and {processes}", "one of them: there is a process for each GPU"
        )
    nodes, node = number("NODES", 1), number("NODE_RANK", 0)
    if node >= nodes:
        raise cannot_be("NODE_RANK", str(node), f"a number below NODES={nodes}")
    address = os.environ.get("MASTER", "")
    if nodes > 1 and ":" not in address:
        raise cannot_be("MASTER", repr(address), "HOST:PORT of the machine with NODE_RANK=0, the same on all")
    if gpus:
        _check_gpus(gpus)
    return Job(
        gpus or processes or 1,
        nodes,
        node,
        address,
        number("RESTARTS", 0),
        bool(os.environ.get("PIPELINE_ELASTIC")),
    )


def _check_gpus(wanted: int) -> None:
    """Raise `Problem` when there are fewer GPUs here. Asks the driver, so that torch need not be loaded."""
    import subprocess

    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        listed = ""
    there = sum(line.startswith("GPU ") for line in listed.splitlines())
    if there < wanted:
        raise Problem(
            f"GPUS={wanted}, but this machine has {there or 'none'}.",
            where="GPUS",
            fix="a smaller number, or PROCS=N for N processes on the processor",
        )


def is_shared(pipeline: Pipeline, index: int) -> bool:
    """Whether all processes take part in a step; the others are the first one's alone."""
    return pipeline.steps[index].role == "train"


def apart(pipeline: Pipeline, first: int, last: int) -> list[tuple[int, int]]:
    """Runs of steps, (first, last), that all processes take part in, or that the first one does alone."""
    parts: list[tuple[int, int]] = []
    for index in range(first, last + 1):
        shared = is_shared(pipeline, index)
        if parts and not shared and not is_shared(pipeline, parts[-1][1]):
            parts[-1] = (parts[-1][0], index)
        else:
            parts.append((index, index))
    return parts


def check_stopped(pipeline: Pipeline, state: State, indexes: list[int], job: Job) -> None:
    """Raise `Problem` when a step would go on with another number of processes than it had, and nobody asks for it."""
    for index in indexes:
        step = pipeline.steps[index]
        if state.record(step.name).status not in UNFINISHED or job.elastic:
            continue
        from .saved import Folder  # not at the top: a run with nothing to do need not load it

        size = job.size if is_shared(pipeline, index) else 1
        for saved in Folder(STATE_FOLDER / "checkpoints" / step.name, state.objects).read():
            before = int(saved.body.get("processes", 1))
            if before != size:
                raise Problem(
                    f"{step.name} was stopped with {before} process{'es' * (before > 1)}; this run has {size}.",
                    where=f".pipeline_state/checkpoints/{step.name}",
                    why="sums would be rounded in another order, so that the result differs in its last digits",
                    fix="the same number; or --elastic to go on all the same, or --fresh to start anew (ARGS=…)",
                )


def run_shared(job: Job, package: str, arguments: list[str], environment: dict[str, str]) -> int:
    """Run steps in all processes of the job; the exit code."""
    command = [sys.executable, "-m", f"{package}.utils.launch", "--nproc-per-node", str(job.processes)]
    by_network: dict[str, str] = {}
    if job.nodes > 1:
        host, _, port = job.address.rpartition(":")
        interface = _interface_to(host)
        by_network = {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": interface} if interface else {}
        command += ["--nnodes", str(job.nodes), "--node-rank", str(job.node)]
        command += ["--master-addr", host, "--master-port", port]
    else:
        command += ["--standalone"]
    command += ["--max-restarts", str(job.restarts), "--monitor-interval", "0.2", "-m", package, *arguments]
    inherited = {
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // job.processes)),
        **by_network,
        **environment,
        "PIPELINE_ON_GPUS": os.environ.get("GPUS", ""),
    }
    try:
        code = run_child(command, inherited, signal.SIGTERM)
    finally:
        if job.node == 0:
            import shutil

            shutil.rmtree(STATE_FOLDER / "ranks", ignore_errors=True)
    return EXIT_INTERRUPTED if stop else code


def _interface_to(host: str) -> str:
    """The network interface by which this machine reaches another; "" when the system does not tell."""
    import fcntl
    import socket
    import struct

    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            own = probe.getsockname()[0]
            for _, name in socket.if_nameindex():
                try:
                    found = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                except OSError:
                    continue
                if socket.inet_ntoa(found[20:24]) == own:
                    return name
    except OSError:
        return ""
    return ""


def follow(pipeline: Pipeline, state: State, chosen: list[int], job: Job, arguments: list[str]) -> int:
    """On another machine than the first: take part in the shared steps when the first one comes to them."""
    stop.install()
    try:
        for index in chosen:
            if is_shared(pipeline, index) and _waits_for(state, pipeline, index):
                environment = {**os.environ, CHILD: f"{index}-{index}"}
                code = run_shared(job, pipeline.package, arguments, environment)
                if code:
                    return code
    finally:
        stop.uninstall()
    return EXIT_INTERRUPTED if stop else 0


def _waits_for(state: State, pipeline: Pipeline, index: int) -> bool:
    """Wait until the first machine has come to a step; False when it is past it, or there is nothing to do."""
    while not stop:
        state.load()
        if not pipeline.reason(index, state):
            return False
        if not any(pipeline.reason(each, state) for each in range(index)):
            return True
        time.sleep(_POLL)
    return False


def main() -> int:
    """`torchrun`, with one line instead of its traceback when a process has failed."""
    import logging

    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    signal.signal(
        signal.SIGUSR1, signal.SIG_IGN
    )  # a batch system tells all processes; who runs steps hears it
    try:
        torchrun(sys.argv[1:])
    except SignalException:
        return EXIT_INTERRUPTED
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode in (EXIT_BAD_INPUT, EXIT_INTERRUPTED, ROLLED_BACK):
            return int(failure.exitcode)
        name = f"signal {-failure.exitcode}" if failure.exitcode < 0 else f"exit code {failure.exitcode}"
        log = f"; see logs/rank-{rank}.log" if rank else ""
        say(f"Process {rank} of the run ended with {name}{log}; the others were stopped.")
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
