"""Runs stages: loads their libraries, times them, keeps their results, checks the ledger, emits lineage."""

from __future__ import annotations

import importlib
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from handpick.ledger.flows import StageResult
from handpick.ledger.reconcile import reconcile_ledger
from handpick.night import Night
from handpick.pipeline.registry import get_stage
from handpick.runtime.disk_errors import report_disk_full
from handpick.runtime.log import log_progress


def run_stage(name: str, night: Night) -> StageResult:
    """Run one stage: time it, store its result, check that the ledger balances, and log what it did.

    Raises:
        LedgerImbalance: If the ledger does not balance up to this stage.
        HandpickError: If the stage fails for a reason that a person can fix.
    """
    stage = get_stage(name)
    log_progress(f"{name} {night.logical_date}: {stage.title}")
    started = time.perf_counter()
    # Imported by name before the clock of the stage's work starts: a cold import takes seconds.
    for library in stage.preload:
        importlib.import_module(library)
    body: Callable[[Night], StageResult] = importlib.import_module(stage.module).run
    loaded = time.perf_counter()
    with report_disk_full(
        f"{name} of {night.logical_date}", f"handpick {stage.command} --date {night.logical_date}"
    ):
        result = body(night)
        measured = {"loading_seconds": round(loaded - started, 3), "peak_mib": measure_peak_mib()}
        seconds = round(time.perf_counter() - loaded, 3)
        result = replace(result, seconds=seconds, notes={**result.notes, **measured})
        _store_result(result, night.result_file(name))
    # Other stages have no place in the order of a night, so no line before or after theirs.
    if stage.is_nightly:
        reconcile_ledger(night.results(), night.lake, night.logical_date, name)
    _emit_lineage(result, night)
    for flow in result.flows:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in flow.dropped.items())
        log_progress(
            f"  {flow.source}: {flow.rows_in:,} in, {flow.rows_out:,} out"
            + (f", dropped {reasons}" if reasons else "")
        )
    log_progress(f"{name} done in {result.seconds:.1f} s: {result.where}")
    return result


def measure_peak_mib() -> int:
    """Return the peak resident memory of this process plus that of its largest child so far, in MiB."""
    own, children = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return int((own + children) / 1024)  # Linux gives KiB


def _emit_lineage(result: StageResult, night: Night) -> None:
    """Send the stage's OpenLineage event; a rejected event does not stop the night."""
    from handpick.lineage.stage_events import emit_stage_event

    settings = night.settings
    try:
        emit_stage_event(result, settings.lineage, settings.home, datetime.now(UTC))
    except Exception as error:  # whatever the transport raises
        reason = " ".join(str(error).split())
        log_progress(
            f"  lineage: the event of {result.stage} was rejected ({reason}); see [lineage]. Continuing."
        )


def _store_result(result: StageResult, file: Path) -> None:
    """Write a stage's result atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # Renamed when complete: a killed stage must not leave half a result, which would count as done.
    staged = file.with_suffix(".tmp")
    staged.write_text(result.to_json())
    staged.replace(file)
