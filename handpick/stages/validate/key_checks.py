"""Finds rows whose key is not new: repeated within the night, or landed on an earlier night."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.contracts import Column, Contract
from handpick.contracts.rules import ALREADY_LANDED, CHANGED_CONTENT, REPEATED_TONIGHT
from handpick.night import Night
from handpick.stages.validate.row_checks import CheckedRows

REPEAT_REASONS = (None, REPEATED_TONIGHT, CHANGED_CONTENT, ALREADY_LANDED)
"""The reason for each code that `find_repeated_keys` returns."""

ReasonCodes = npt.NDArray[np.int8]


def find_repeated_keys(
    night: Night,
    contract: Contract,
    checked: CheckedRows,
    hashes: Sequence[npt.NDArray[np.int64]],
    is_valid: Sequence[npt.NDArray[np.bool_]],
    is_late: Sequence[npt.NDArray[np.bool_]],
) -> list[ReasonCodes]:
    """Find the rows whose key is not new.

    Of rows that share a key the first by file and line is kept, unless an earlier night has the key. Key
    hashes, eight bytes per row, find the few candidates; whole keys and contents are compared for those only.

    Args:
        night: The night.
        contract: The contract of the source.
        checked: The rows of the night.
        hashes: Per batch, `(rows,)` int64 hashes of the keys.
        is_valid: Per batch, `(rows,)` whether a row breaks no other rule; only such rows are compared.
        is_late: Per batch, `(rows,)` whether a row is late and breaks no other rule; it is looked for in
            earlier nights only.

    Returns:
        Per batch, `(rows,)` int8 indices into `REPEAT_REASONS`, 0 where the key is new.
    """
    codes = [np.zeros(len(mask), np.int8) for mask in is_valid]
    suspects = _find_shared_hashes(hashes, is_valid)
    if any(len(rows) for rows in suspects):
        _mark_repeated(contract, checked, suspects, codes)
    days = [day for day in night.lake.list_dates(f"valid/{contract.source}") if day < night.logical_date]
    nights = night.settings.validation.duplicate_nights
    if contract.is_log and days and nights:
        files = night.lake.list_files(f"valid/{contract.source}", days[-nights:], with_bytes=True)
        asked = [valid | late for valid, late in zip(is_valid, is_late, strict=True)]
        _mark_known(contract, checked, [str(file) for file in files], asked, codes)
    return codes


def _find_shared_hashes(
    hashes: Sequence[npt.NDArray[np.int64]], is_valid: Sequence[npt.NDArray[np.bool_]]
) -> list[npt.NDArray[np.int64]]:
    """Return, per batch, the rows whose key hash another row of the night has too."""
    kept = [mine[mask] for mine, mask in zip(hashes, is_valid, strict=True)]
    ordered = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(shared):
        return [np.zeros(0, np.int64) for _ in kept]
    return [np.flatnonzero(mask)[np.isin(mine, shared)] for mine, mask in zip(kept, is_valid, strict=True)]


def _mark_repeated(
    contract: Contract,
    checked: CheckedRows,
    suspects: Sequence[npt.NDArray[np.int64]],
    codes: list[ReasonCodes],
) -> None:
    """Write the codes of rows that repeat the key of an earlier row of the night into `codes`."""
    compared = _list_compared_columns(contract)
    batches = checked.read([*contract.key, *(column.name for column in compared)])
    rows = pa.concat_tables([batch.take(mine) for batch, mine in zip(batches, suspects, strict=True)])
    place = np.repeat(np.arange(len(suspects)), [len(mine) for mine in suspects])
    # The unit separator cannot occur in an id, so that joined keys are as distinct as the keys.
    keys = pc.binary_join_element_wise(
        *[rows.column(name).cast(pa.string()) for name in contract.key], "\x1f"
    )
    group = keys.combine_chunks().dictionary_encode().indices.to_numpy()
    # The sort is stable: the first row of each group is the first by file and line.
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    first = np.empty(len(group), np.int64)  # for each row, the first row with its key
    first[order] = np.repeat(order[starts], np.diff(starts, append=len(order)))
    follows = first != np.arange(len(first))
    same = _compare_rows(rows, rows.take(first), compared)
    code = (
        np.where(same, REPEAT_REASONS.index(REPEATED_TONIGHT), REPEAT_REASONS.index(CHANGED_CONTENT))
        * follows
    )
    where = np.concatenate(suspects)
    for number, mine in enumerate(codes):
        mine[where[place == number]] = code[place == number]


def _mark_known(
    contract: Contract,
    checked: CheckedRows,
    files: list[str],
    is_valid: Sequence[npt.NDArray[np.bool_]],
    codes: list[ReasonCodes],
) -> None:
    """Write the codes of rows whose key an earlier night has into `codes`."""
    (key,) = contract.key
    compared = _list_compared_columns(contract)
    names = list(dict.fromkeys([key, *(column.name for column in compared)]))
    for batch, mask, mine in zip(checked.read(names), is_valid, codes, strict=True):
        keys = batch.column(key).filter(pa.array(mask)).combine_chunks()
        # Earlier nights may hold far more rows than memory: each file is filtered before it is kept.
        hits = [hit for file in files if (hit := _read_rows_with_keys(file, key, keys, names)) is not None]
        if not hits:
            continue
        earlier = pa.concat_tables(hits)
        place = pc.fill_null(
            pc.index_in(batch.column(key), earlier.column(key).combine_chunks()), -1
        ).to_numpy()
        found = np.flatnonzero((place >= 0) & mask)
        same = _compare_rows(batch.take(found), earlier.take(place[found]), compared)
        mine[found] = np.where(
            same, REPEAT_REASONS.index(ALREADY_LANDED), REPEAT_REASONS.index(CHANGED_CONTENT)
        )


def _read_rows_with_keys(file: str, key: str, keys: pa.Array, names: list[str]) -> pa.Table | None:
    """Return the rows of a file that have one of the keys, or None if no row has."""
    mask = pc.is_in(pq.read_table(file, columns=[key]).column(key), keys)
    return pq.read_table(file, columns=names).filter(mask) if pc.any(mask).as_py() else None


def _compare_rows(ours: pa.Table, theirs: pa.Table, columns: Sequence[Column]) -> npt.NDArray[np.bool_]:
    """Return, row by row, whether two tables agree in all of some columns; two nulls agree."""
    same = np.ones(ours.num_rows, np.bool_)
    for column in columns:
        one, other = ours.column(column.name), theirs.column(column.name)
        equal = pc.fill_null(pc.equal(one, other), False)
        both_empty = pc.and_(pc.is_null(one), pc.is_null(other))
        same &= pc.or_(equal, both_empty).to_numpy()
    return same


def _list_compared_columns(contract: Contract) -> list[Column]:
    """Return the columns that are compared: those whose values validation never sets to null."""
    return [column for column in contract.columns if column.severity == "critical"]
