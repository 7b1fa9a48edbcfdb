"""Parts of loops on a Ray cluster (RAY_ADDRESS), whose machines share the project folder."""

from __future__ import annotations

import os
import signal
from typing import Any

from .log import say
from .parallel_wire import Unusable
from .paths import PROJECT_ROOT


def run_there(
    root: str, package: str, environment: dict[str, str], job: str, part: bytes, journal: str
) -> bytes:
    """Run by a worker of the cluster, which does not know the project."""
    import importlib
    import os
    import sys

    if root not in sys.path:
        os.environ.update(environment)
        sys.path.insert(0, root)
    turn = importlib.import_module(f"{package}.utils.parallel_turn")
    return bytes(turn.run_part(job, part, journal))


run_there.__module__ = "__main__"  # so that it is sent as code, not as a name


class Crew:
    """The cluster's workers; `workers` 0 is as many as it has processors."""

    def __init__(self, workers: int) -> None:
        # Ray takes the signals that the pipeline listens to.
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            import ray

            self.ray: Any = ray
            if not self.ray.is_initialized():
                self.ray.init(
                    address=os.environ["RAY_ADDRESS"].strip(), log_to_driver=False, logging_level="ERROR"
                )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        # It tells of lost machines on stdout, which is the research program's.
        ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None
        self.workers = workers or max(1, int(self.ray.cluster_resources().get("CPU", 1)))
        self.task = self.ray.remote(max_retries=0)(run_there)
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RAY_", "PYTHON", "PATH", "LD_", "HOME", "TMP", "VIRTUAL_ENV"))
        }
        # A library that has another number of threads there may round otherwise.
        self.environment.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))

    def run(self, job: str, parts: list[bytes], journal: str) -> list[bytes | None]:
        """What the parts of a chunk answer, in order; None where a worker or its machine was lost."""
        root, package = str(PROJECT_ROOT), __name__.partition(".")[0]
        asked = [self.task.remote(root, package, self.environment, job, part, journal) for part in parts]
        return [self._answer(each) for each in asked]

    def _answer(self, asked: Any) -> bytes | None:
        try:
            return bytes(self.ray.get(asked))
        except self.ray.exceptions.RayTaskError as error:
            raise Unusable(str(error).strip().rpartition("\n")[2]) from None
        except self.ray.exceptions.RayError as error:
            say(f"a worker of the Ray cluster was lost ({type(error).__name__})")
            return None
