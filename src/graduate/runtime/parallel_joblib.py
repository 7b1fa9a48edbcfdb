"""Parts of loops in processes of this machine, by joblib."""

from __future__ import annotations

import os
from typing import Any

from . import parallel_turn
from .process import die_with_parent


class Crew:
    """The processes, which stay for later loops."""

    def __init__(self, workers: int) -> None:
        import joblib
        from joblib.externals.loky.process_executor import BrokenProcessPool

        self.joblib: Any = joblib
        self.lost: Any = BrokenProcessPool
        self.workers = workers
        # A library that has another number of threads there may round otherwise.
        self.threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)

    def run(self, job: str, parts: list[bytes], journal: str) -> list[bytes | None]:
        """What the parts of a chunk answer, in order; None for each where a process was lost."""
        call = self.joblib.delayed(parallel_turn.run_part)
        try:
            with self.joblib.parallel_config(
                "loky",
                n_jobs=self.workers,
                inner_max_num_threads=self.threads,
                initializer=die_with_parent,
                initargs=(os.getpid(),),
            ):
                run = self.joblib.Parallel(batch_size=1, pre_dispatch="all", max_nbytes=None)
                return list(run(call(job, part, journal) for part in parts))
        except self.lost:
            return [None for _ in parts]
