"""The land stage: copies the rows of the pending files into the lake, as text and without validation."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from handpick.contracts import CONTRACTS, Contract
from handpick.contracts.rules import ALREADY_LANDED
from handpick.errors import InputError
from handpick.lake.erased_users import ERASED_REASON, ErasedUsers
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
    doubts: list[str] = []
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
            flow, unknown, told = _land(night, contract, pending[source], folder)
            flows.append(flow)
            doubts += told
            if unknown:
                drift[source] = unknown
                log_progress(f"  {source}: unknown columns, kept in _extra: {', '.join(unknown)}")
    shutil.rmtree(get_download_folder(night), ignore_errors=True)
    digest = digest_partitions(night.lake, [f"raw/{source}" for source in CONTRACTS], night.logical_date)
    for doubt in doubts:
        log_progress(f"  doubt: {doubt}")
    notes = {
        "files": sum(len(found) for found in pending.values()),
        "unknown_columns": drift,
        "doubts": doubts,
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


@dataclass
class _Tally:
    """Counts and remarks on the files of one source.

    Args:
        rows: Rows that were read, and those that a full export no longer has.
        repeated: Rows that were left out, as another row has their key.
        known: Rows that were left out, as an earlier night landed the same row of a full log.
        erased: Rows that were left out, as their user was erased.
        unknown: Columns that the contract does not know.
        doubts: Doubts about how the files were read.
        keys: Keys of the rows of tables that are no logs.
    """

    rows: int = 0
    repeated: int = 0
    known: int = 0
    erased: int = 0
    unknown: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)
    keys: list[pa.ChunkedArray] = field(default_factory=list)


def _land(
    night: Night, contract: Contract, found: list[PendingFile], folder: Path
) -> tuple[Flow, list[str], list[str]]:
    """Write the part files and manifest of a source; return its ledger line, unknown columns and doubts."""
    from handpick.stages.land.file_formats import read_pending_file
    from handpick.stages.land.manifest import build_manifest_entry, write_manifest

    settings = night.settings.sources.of(contract.source)
    tally = _Tally()
    seen: set[str] = set()
    erased = ErasedUsers.load(night.settings)
    for number, file in enumerate(found):
        rows, extra = read_pending_file(file, contract, settings, night)
        tally.unknown |= extra
        rows = _select_rows(night, contract, file, rows, tally, seen, erased)
        write_parquet(rows, folder / f"part-{number:05d}.parquet")
    entries = [build_manifest_entry(file.name, file.path) for file in found]
    if found and not contract.is_log:
        entries += _close_gone(night, contract, tally, folder / f"part-{len(found):05d}.parquet")
    is_first = night.lake.latest_date_before(f"raw/{contract.source}", night.logical_date) is None
    if not tally.rows and is_first and settings.needed != "never":
        names = ", ".join(str(file.path) for file in found)
        raise InputError(
            f"{contract.source}: no rows in {names}; nothing was landed tonight. Bring whole files."
        )
    if not found:
        write_parquet(contract.raw_schema().empty_table(), folder / "part-00000.parquet")
    write_manifest(folder, entries, sorted(tally.unknown))
    dropped = {f"another row of the same {contract.key[0]}": tally.repeated}
    if tally.known:
        dropped[ALREADY_LANDED] = tally.known
    if tally.erased:
        dropped[ERASED_REASON] = tally.erased
    flow = Flow(contract.source, tally.rows, tally.rows - sum(dropped.values()), dropped)
    return flow, sorted(tally.unknown), tally.doubts


def _select_rows(
    night: Night,
    contract: Contract,
    file: PendingFile,
    rows: pa.Table,
    tally: _Tally,
    seen: set[str],
    erased: ErasedUsers,
) -> pa.Table:
    """Return the rows of a file that are landed, and count the others."""
    from handpick.stages.land.derived_columns import keep_one_per_key
    from handpick.stages.land.doubts import read_doubts
    from handpick.stages.land.full_exports import find_new_rows

    settings = night.settings.sources.of(contract.source)
    tally.doubts += [f"{contract.source}: {file.name} {doubt}" for doubt in read_doubts(rows)]
    if file.is_changed:
        told = "was landed before with other content, and is landed again"
        tally.doubts.append(f"{contract.source}: {file.name} {told}")
    rows = rows.replace_schema_metadata(None)
    tally.rows += rows.num_rows
    if "user_id" in contract.column_names and (is_erased := erased.find_rows(rows)).any():
        tally.erased += int(is_erased.sum())
        rows = rows.filter(pa.array(~is_erased))
    if settings.mode == "full" and contract.is_log and not file.is_released:
        kept = rows.filter(find_new_rows(night, contract, rows))
        tally.known += rows.num_rows - kept.num_rows
        rows = kept
    if settings.first_per_key:
        # A customer signed up at the first event of a log, and a phone is what the last one says.
        when = next(column.name for column in contract.columns if column.must_be_past)
        kept = keep_one_per_key(rows, contract.key[0], when, None if contract.source == "catalog" else seen)
        tally.repeated += rows.num_rows - kept.num_rows
        rows = kept
    if not contract.is_log and not file.is_released:
        tally.keys.append(rows.column(contract.key[0]))
    return rows


def _close_gone(night: Night, contract: Contract, tally: _Tally, file: Path) -> list[dict[str, Any]]:
    """Write the rows that close what a full export no longer has; return their entries in the manifest."""
    from handpick.stages.land.full_exports import close_gone, describe_closed_rows, describe_likely_gone

    tonight = pa.chunked_array(tally.keys, pa.string())
    if night.settings.sources.of(contract.source).mode == "changes":
        warning = describe_likely_gone(night, contract, tonight)
        tally.doubts += [warning] if warning else []
        return []
    gone, warning = close_gone(night, contract, tonight)
    if not gone.num_rows:
        return []
    tally.doubts.append(warning)
    tally.rows += gone.num_rows
    write_parquet(gone, file)
    return [describe_closed_rows(gone)]
