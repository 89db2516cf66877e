"""Preloads the libraries that most stages need into the scheduler, so that forked tasks share them.

LocalExecutor's workers are forked from the scheduler, and each task from a worker; a forked process shares
the modules that were imported before. Otherwise every task of a night imports Arrow, and most import torch. A
library of a single stage is not preloaded: it would delay the start by as much as it saves later. No module
of Handpick's own stays imported, so that a change of its code takes effect with the next task.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections import Counter

ALL_STAGES = ("pyarrow.dataset", "pyarrow.parquet", "pandas", "pydantic_settings", "openlineage.client")
"""Libraries that every stage imports."""
PLATFORM_WITHOUT_FORK = "darwin"
"""There, Airflow spawns a new process for every task, which inherits no imported modules."""
OWN_PACKAGES = ("handpick", "models")


def list_shared_libraries() -> list[str]:
    """Return the libraries that every stage, or more than one nightly stage of the registry, imports."""
    from handpick.pipeline.registry import list_nightly_stages

    counts = Counter(library for stage in list_nightly_stages() for library in stage.preload)
    return [*ALL_STAGES, *(library for library, stages in counts.items() if stages > 1)]


def preload_shared_libraries() -> None:
    """Import the shared libraries.

    One that cannot be imported is left to the stage that needs it, which reports it.
    """
    if sys.platform == PLATFORM_WITHOUT_FORK:
        return
    before = set(sys.modules)
    from handpick.runtime.telemetry import disable_telemetry

    disable_telemetry()
    for library in list_shared_libraries():
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    # Some of the libraries, such as `handpick.stages.feature_store.feast_loading`, are modules of Handpick's
    # own that import others.
    for name in set(sys.modules) - before:
        if name.split(".")[0] in OWN_PACKAGES:
            del sys.modules[name]
