"""Keys that are not new: repeated within the night, or landed on an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.contracts import Column, Contract
from handpick.contracts.rules import CHANGED, KNOWN, REPEATED
from handpick.night import Night
from handpick.stages.validate.row_checks import Judged

REASONS = (None, REPEATED, CHANGED, KNOWN)
"""What the codes that `repeats` returns stand for."""

Codes = npt.NDArray[np.int8]


def repeats(
    night: Night,
    contract: Contract,
    judged: Judged,
    hashes: Sequence[npt.NDArray[np.int64]],
    is_whole: Sequence[npt.NDArray[np.bool_]],
) -> list[Codes]:
    """For each batch and row, the place in `REASONS` of why its key is not new; 0 where it is.

    Of rows that share a key the first by file and line is kept, unless an earlier night has the key. The hashes of
    the keys, eight bytes a row, find the few suspects; whole keys and contents are compared for those alone.

    Args:
        night: Tonight.
        contract: The source's contract.
        judged: Tonight's rows.
        hashes: Of their keys, for each batch and row.
        is_whole: For each batch and row, whether it breaks no other rule; only such rows take part.
    """
    codes = [np.zeros(len(mask), np.int8) for mask in is_whole]
    suspects = _sharing(hashes, is_whole)
    if any(len(rows) for rows in suspects):
        _mark_repeated(contract, judged, suspects, codes)
    days = [day for day in night.lake.dates(f"valid/{contract.source}") if day < night.logical_date]
    nights = night.settings.validation.duplicate_nights
    if contract.is_log and days and nights:
        folders = [night.lake.partition(f"valid/{contract.source}", day) for day in days[-nights:]]
        files = [str(file) for folder in folders for file in sorted(folder.glob("*.parquet"))]
        _mark_known(contract, judged, files, is_whole, codes)
    return codes


def _sharing(
    hashes: Sequence[npt.NDArray[np.int64]], is_whole: Sequence[npt.NDArray[np.bool_]]
) -> list[npt.NDArray[np.int64]]:
    """For each batch, the rows whose hash another row of the night has too."""
    kept = [mine[mask] for mine, mask in zip(hashes, is_whole, strict=True)]
    ordered = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(shared):
        return [np.zeros(0, np.int64) for _ in kept]
    return [np.flatnonzero(mask)[np.isin(mine, shared)] for mine, mask in zip(kept, is_whole, strict=True)]


def _mark_repeated(
    contract: Contract, judged: Judged, suspects: Sequence[npt.NDArray[np.int64]], codes: list[Codes]
) -> None:
    compared = _compared(contract)
    batches = judged.read([*contract.key, *(column.name for column in compared)])
    rows = pa.concat_tables([batch.take(mine) for batch, mine in zip(batches, suspects, strict=True)])
    place = np.repeat(np.arange(len(suspects)), [len(mine) for mine in suspects])
    keys = pc.binary_join_element_wise(
        *[rows.column(name).cast(pa.string()) for name in contract.key], "\x1f"
    )
    group = keys.combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    first = np.empty(len(group), np.int64)
    first[order] = np.repeat(order[starts], np.diff(starts, append=len(order)))
    follows = first != np.arange(len(first))
    same = _same(rows, rows.take(first), compared)
    code = np.where(same, REASONS.index(REPEATED), REASONS.index(CHANGED)) * follows
    where = np.concatenate(suspects)
    for number, mine in enumerate(codes):
        mine[where[place == number]] = code[place == number]


def _mark_known(
    contract: Contract,
    judged: Judged,
    files: list[str],
    is_whole: Sequence[npt.NDArray[np.bool_]],
    codes: list[Codes],
) -> None:
    (key,) = contract.key
    compared = _compared(contract)
    names = list(dict.fromkeys([key, *(column.name for column in compared)]))
    for batch, mask, mine in zip(judged.read(names), is_whole, codes, strict=True):
        wanted = batch.column(key).filter(pa.array(mask)).combine_chunks()
        hits = [hit for file in files if (hit := _holding(file, key, wanted, names)) is not None]
        if not hits:
            continue
        earlier = pa.concat_tables(hits)
        place = pc.fill_null(
            pc.index_in(batch.column(key), earlier.column(key).combine_chunks()), -1
        ).to_numpy()
        found = np.flatnonzero((place >= 0) & mask)
        same = _same(batch.take(found), earlier.take(place[found]), compared)
        mine[found] = np.where(same, REASONS.index(KNOWN), REASONS.index(CHANGED))


def _holding(file: str, key: str, wanted: pa.Array, names: list[str]) -> pa.Table | None:
    """A file's rows that have one of the wanted keys; only keys are read where there are none."""
    mask = pc.is_in(pq.read_table(file, columns=[key]).column(key), wanted)
    return pq.read_table(file, columns=names).filter(mask) if pc.any(mask).as_py() else None


def _same(ours: pa.Table, theirs: pa.Table, columns: Sequence[Column]) -> npt.NDArray[np.bool_]:
    """Row by row, whether two tables say the same in all of these columns."""
    same = np.ones(ours.num_rows, np.bool_)
    for column in columns:
        one, other = ours.column(column.name), theirs.column(column.name)
        equal = pc.fill_null(pc.equal(one, other), False)
        both_empty = pc.and_(pc.is_null(one), pc.is_null(other))
        same &= pc.or_(equal, both_empty).to_numpy()
    return same


def _compared(contract: Contract) -> list[Column]:
    """Columns that tell two contents apart: those that validation never empties."""
    return [column for column in contract.columns if column.severity == "critical"]
