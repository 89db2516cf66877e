"""Runs stages as Airflow's scheduler starts them: `python -m benchmarks.run_forked_stages DATE STAGE ...`.

Prints one line with the seconds of each stage. Tasks of Handpick's DAGs are forked from a process that has
loaded the libraries that most of them need (`handpick.local_airflow.preload`); so are the stages here. The
settings file is that of `HANDPICK_CONFIG`.
"""

from __future__ import annotations

import os
import sys
import time

from handpick.local_airflow.preload import preload_shared_libraries


def main(day: str, *stages: str) -> None:
    """Run the stages of a night, each in its own process; exit with the status of the first that fails."""
    preload_shared_libraries()
    for stage in stages:
        began = time.perf_counter()
        child = os.fork()
        if not child:
            _run(stage, day)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(os.waitstatus_to_exitcode(status) or 1)
        print(f"{stage} {time.perf_counter() - began}", flush=True)


def _run(stage: str, day: str) -> None:
    """Run the command of one stage; it ends this process."""
    from handpick.cli import main
    from handpick.pipeline.registry import get_stage

    os.dup2(2, 1)  # the stage's output goes to stderr: stdout holds only the seconds
    sys.argv = ["handpick", get_stage(stage).command, "--date", day]
    main.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
