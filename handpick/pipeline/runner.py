"""Runs stages: loads their libraries, times them, keeps their results, checks the ledger, emits lineage."""

from __future__ import annotations

import importlib
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from handpick.errors import DamagedData, HandpickError
from handpick.errors.safe_text import make_showable
from handpick.lake.partitions import digest_partition
from handpick.ledger.flows import StageResult
from handpick.ledger.reconcile import describe_published_lists, reconcile_ledger
from handpick.night import Night
from handpick.pipeline.registry import Stage, get_stage
from handpick.runtime.disk_errors import report_disk_errors
from handpick.runtime.log import log_progress
from handpick.runtime.numerical_threads import fix_numerical_threads
from handpick.runtime.private_files import tighten_folders


def run_stage(name: str, night: Night) -> StageResult:
    """Run one stage: check its inputs, time it, store its result, check that the ledger balances.

    Raises:
        Busy: If another process runs a stage of this night; says which one.
        DamagedData: If an input is not what its stage wrote.
        LedgerImbalance: If the ledger does not balance up to this stage.
        HandpickError: If the stage fails for a reason that a person can fix.
    """
    stage = get_stage(name)
    tighten_folders(night.settings)
    log_progress(f"{name} {night.logical_date}: {stage.title}")
    started = time.perf_counter()
    # Imported by name before the clock of the stage's work starts: a cold import takes seconds.
    for library in stage.preload:
        importlib.import_module(library)
    body: Callable[[Night], StageResult] = importlib.import_module(stage.module).run
    loaded = time.perf_counter()
    what, command = f"{name} of {night.logical_date}", f"handpick {stage.command} --date {night.logical_date}"
    with (
        report_disk_errors(what, command, describe_published_lists([], name)),
        night.lock(what, "night" if stage.is_nightly else name),
        _record_failure(name, night),
        # The threads are those of the settings, not of the machine: they decide the last bits of sums.
        fix_numerical_threads(night.settings.training.threads),
    ):
        check_inputs(stage, night)
        checked = time.perf_counter()
        with _explain_damage(stage, night):
            result = body(night)
        seconds = round(time.perf_counter() - checked, 3)
        measured = {
            "loading_seconds": round(loaded - started, 3),
            "checking_seconds": round(checked - loaded, 3),
            "peak_mib": measure_peak_mib(),
        }
        notes = {**result.notes, **measured}
        result = replace(result, seconds=seconds, notes=notes, partitions=_digest_outputs(stage, night))
        # What the stage has done to the published lists is done by now.
        with report_disk_errors(f"the result of {what}", command, describe_published_lists([result], name)):
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


def check_inputs(stage: Stage, night: Night) -> None:
    """Check that tonight's partitions of the tables that a stage reads are what was written, byte by byte.

    Partitions of earlier nights are checked where they are read: there are too many of them to read all.

    Raises:
        DamagedData: If one is not, or a folder of such a table only looks like a partition.
    """
    for table in night.lake.list_tables(stage.reads):
        tonight = [day for day in night.lake.list_dates(table) if day == night.logical_date]
        night.lake.check(table, tonight, with_bytes=True)


@contextmanager
def _explain_damage(stage: Stage, night: Night) -> Iterator[None]:
    """Raise for a damaged input of any night instead of what a library says that stumbled over it.

    Raises:
        DamagedData: If the block fails unexpectedly, and an input of an earlier night is damaged.
    """
    try:
        yield
    except HandpickError:
        raise
    except Exception:
        for table in night.lake.list_tables(stage.reads):
            try:
                night.lake.check(table, night.lake.list_dates(table, night.logical_date), with_bytes=True)
            except DamagedData as damage:
                raise damage from None
        raise


@contextmanager
def _record_failure(name: str, night: Night) -> Iterator[None]:
    """Leave the reason where a stage fails, for the status and the alerts; remove it where it succeeds."""
    file = night.failure_file(name)
    try:
        yield
    except Exception as error:
        reason = str(error) if isinstance(error, HandpickError) else f"{type(error).__name__}: {error}"
        # The stage's own error matters more than one of writing it down, such as of a full disk.
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            file.write_text(json.dumps({"reason": make_showable(reason), "at": at}))
        raise
    file.unlink(missing_ok=True)


def _digest_outputs(stage: Stage, night: Night) -> dict[str, str]:
    """Return the digests of the partitions that a stage has written tonight, by table."""
    return {
        table: digest_partition(night.lake.partition(table, night.logical_date))
        for table in night.lake.list_tables(stage.writes)
        if night.lake.has(table, night.logical_date)
    }


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
