"""Loads what most stages need once, in the scheduler, so that tasks find it loaded.

LocalExecutor's workers are forked from the scheduler and each task from a worker; a forked process shares what was loaded
before. Otherwise every task of a night loads Arrow and most load torch. What one stage alone needs would delay the start
by as much as it saves. Nothing of Handpick's own stays loaded, so a change of its code holds from the next task on.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections import Counter

ALL_STAGES = ("pyarrow.dataset", "pyarrow.parquet", "pandas", "pydantic_settings", "openlineage.client")
"""What is loaded in the course of every stage."""
AFRESH = "darwin"
"""There, Airflow starts every task afresh, and nothing loaded ahead would be found."""
OWN = ("handpick", "models")


def shared_libraries() -> list[str]:
    """What more than one stage loads."""
    from handpick.pipeline.registry import nightly_stages

    counts = Counter(library for stage in nightly_stages() for library in stage.preload)
    return [*ALL_STAGES, *(library for library, stages in counts.items() if stages > 1)]


def preload() -> None:
    """Load them; one that cannot be loaded is left to the stage that needs it, which will say so."""
    if sys.platform == AFRESH:
        return
    before = set(sys.modules)
    from handpick.runtime.telemetry import switch_off_usage_statistics

    switch_off_usage_statistics()
    for library in shared_libraries():
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    for name in set(sys.modules) - before:
        if name.split(".")[0] in OWN:
            del sys.modules[name]
