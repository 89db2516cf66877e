"""The land stage: copies the rows of the pending files into the lake, as text and without validation."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from handpick.contracts import CONTRACTS, Contract
from handpick.errors import InputError
from handpick.lake.partitions import digest_partitions, write_parquet
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.runtime.log import log_progress

if TYPE_CHECKING:
    from handpick.stages.land.pending_files import PendingFile


def run(night: Night) -> StageResult:
    """Land all four sources, or none.

    Raises:
        InputError: If a needed source has no file for this night, or a file cannot be read in its format;
            nothing is landed then.
    """
    from handpick.stages.land.pending_files import get_download_folder, list_pending_files

    drift: dict[str, list[str]] = {}
    flows: list[Flow] = []
    # One stack for all sources: their partitions become visible together, after the last file was read.
    with ExitStack() as partitions:
        # Locked before the files are chosen: two nights at once must not both take a file.
        for source in CONTRACTS:
            partitions.enter_context(night.lake.lock_table(f"raw/{source}", night.logical_date))
        pending = {source: list_pending_files(night, source) for source in CONTRACTS}
        for source, contract in CONTRACTS.items():
            folder = partitions.enter_context(
                night.lake.replace_partition(f"raw/{source}", night.logical_date)
            )
            flow, unknown = _land(night, contract, pending[source], folder)
            flows.append(flow)
            if unknown:
                drift[source] = unknown
                log_progress(f"  {source}: unknown columns, kept in _extra: {', '.join(unknown)}")
    shutil.rmtree(get_download_folder(night), ignore_errors=True)
    digest = digest_partitions(night.lake, [f"raw/{source}" for source in CONTRACTS], night.logical_date)
    notes = {
        "files": sum(len(found) for found in pending.values()),
        "unknown_columns": drift,
        "is_demo": _is_demo(night),
    }
    return StageResult(
        "land", night.logical_date, str(night.lake.root / "raw"), tuple(flows), digest, notes=notes
    )


def _is_demo(night: Night) -> bool:
    """Return whether tonight's rows, or those of a night before, come from a demo shop.

    Models learn from all nights, so a lake that a demo shop was ever landed in stays a demo's.
    """
    from handpick.stages.land.pending_files import is_demo_source

    before = night.lake.latest_date_before("raw/events", night.logical_date)
    if before is not None and Night(night.settings, before).is_demo:
        return True
    return any(is_demo_source(night.settings, source) for source in CONTRACTS)


def _land(night: Night, contract: Contract, found: list[PendingFile], folder: Path) -> tuple[Flow, list[str]]:
    """Write the part files and manifest of a source; return its ledger line and sorted unknown columns."""
    from handpick.stages.land.derived_columns import keep_first_per_key
    from handpick.stages.land.file_formats import read_pending_file
    from handpick.stages.land.manifest import build_manifest_entry, write_manifest

    settings = night.settings.sources.of(contract.source)
    count, repeated = 0, 0
    unknown: set[str] = set()
    seen: set[str] = set()
    for number, file in enumerate(found):
        rows, extra = read_pending_file(file, contract, settings, night)
        unknown |= extra
        count += rows.num_rows
        if settings.first_per_key:
            kept = keep_first_per_key(rows, contract.key[0], seen)
            repeated += rows.num_rows - kept.num_rows
            rows = kept
        write_parquet(rows, folder / f"part-{number:05d}.parquet")
    is_first = night.lake.latest_date_before(f"raw/{contract.source}", night.logical_date) is None
    if not count and is_first and settings.needed != "never":
        names = ", ".join(str(file.path) for file in found)
        raise InputError(
            f"{contract.source}: no rows in {names}; nothing was landed tonight. Bring whole files."
        )
    if not found:
        write_parquet(contract.raw_schema().empty_table(), folder / "part-00000.parquet")
    write_manifest(folder, [build_manifest_entry(file.name, file.path) for file in found], sorted(unknown))
    dropped = {f"another row of the same {contract.key[0]}": repeated}
    return Flow(contract.source, count, count - repeated, dropped), sorted(unknown)
