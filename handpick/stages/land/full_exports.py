"""Sources that send all their rows every night: what is new in them, and what is gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.contracts import ORIGIN, Contract
from handpick.errors import InputError
from handpick.night import Night
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

GONE_FILE = "gone"
"""Name of the file, in ledger and quarantine, that the rows of gone phones and customers have."""
MIN_SHARED = {True: 0.9, False: 0.5}
"""Share of a file's rows that the next has too in full exports, of logs and of other tables."""
MIN_LIKELY_SHARE = 0.5
"""Share of the known keys in a night's file above which it is likely to be a full export."""
CLOSED_VALUES = {"catalog": ("in_stock", "false"), "users": ("consent", "false")}
"""What is set for a phone or customer that a full export no longer has: sold out, and no consent."""
SEPARATOR = "\x1f"


def is_full_export(rows: pa.Table, counts: Sequence[int], is_log: bool) -> bool:
    """Return whether each of several files repeats most rows of the file before it.

    Args:
        rows: The rows of all files, one after the other.
        counts: Number of rows of each file.
        is_log: Whether the rows are events or queries.
    """
    if len(counts) < 2 or min(counts) == 0:
        return False
    texts = _join_rows(
        rows.select([name for name in rows.column_names if name not in (RAW_COLUMN, LINE_COLUMN)])
    )
    start = 0
    for count, following in pairwise(counts):
        before, after = texts.slice(start, count), texts.slice(start + count, following)
        shared = pc.mean(pc.is_in(before, after.unique()).cast(pa.float64())).as_py()
        if shared < MIN_SHARED[is_log]:
            return False
        start += count
    return True


def find_new_rows(night: Night, contract: Contract, rows: pa.Table) -> pa.Array:
    """Return `(rows,)` whether no earlier night landed a row with the same values.

    Args:
        night: The night.
        contract: The contract of the source.
        rows: Rows in the raw schema.
    """
    texts = _join_rows(rows.select(_list_compared(contract)))
    is_known = pa.array([False] * rows.num_rows, pa.bool_())
    # One file at a time: all earlier nights together may be larger than memory.
    table = f"raw/{contract.source}"
    for file in night.lake.list_files(table, _list_days(night, table), with_bytes=True):
        earlier = _join_rows(pq.read_table(file, columns=_list_compared(contract)))
        is_known = pc.or_(is_known, pc.is_in(texts, earlier.unique()).combine_chunks())
    return pc.invert(is_known)


def close_gone(night: Night, contract: Contract, tonight: pa.Array) -> tuple[pa.Table, str]:
    """Return rows that close the phones or customers that tonight's full export no longer has, and a warning.

    The rows have the values that were valid last, but are sold out or without consent. They keep their time
    of change, so that the same row takes effect again when it comes back.

    Args:
        night: The night.
        contract: The contract of the source, which is not a log.
        tonight: The keys of tonight's export.

    Raises:
        InputError: If a larger share than `max_gone_share` is gone.
    """
    key = contract.key[0]
    last = _read_last_rows(night, contract)
    column, value = CLOSED_VALUES[contract.source]
    # Those that are closed already are not gone once more every night.
    present = last.filter(last.column(column))
    gone = present.filter(pc.invert(pc.is_in(present.column(key), tonight)))
    if not gone.num_rows:
        return contract.raw_schema().empty_table(), ""
    shown = ", ".join(gone.column(key)[:3].to_pylist())
    share = gone.num_rows / present.num_rows
    limit = night.settings.sources.of(contract.source).max_gone_share
    if share > limit:
        raise InputError(
            f"{contract.source}: {gone.num_rows:,} of {present.num_rows:,} ({share:.0%}) are gone from "
            f"tonight's full export, such as {shown}; {limit:.0%} are allowed "
            f"(sources.{contract.source}.max_gone_share). Nothing was landed tonight, and the lists "
            "published before stay current. Is the export cut? Bring the whole one; if they are gone, raise "
            'the limit for this night; if the file holds changes only, set mode = "changes".'
        )
    what = "sold out" if contract.source == "catalog" else "without consent"
    return _write_closed_rows(contract, gone, column, value), (
        f"{contract.source}: {gone.num_rows:,} of {present.num_rows:,} are gone from tonight's full export, "
        f"such as {shown}: they count as {what} from now on"
    )


def describe_closed_rows(rows: pa.Table) -> dict[str, Any]:
    """Return the entry of the closed rows in the manifest; no file of that name is ever landed."""
    return {"name": GONE_FILE, "bytes": 0, "sha256": "", "rows": rows.num_rows}


def describe_likely_gone(night: Night, contract: Contract, tonight: pa.Array) -> str:
    """Return a warning if tonight's file looks like a full export, not declared so, that lacks known keys."""
    table, key = f"valid/{contract.source}", contract.key[0]
    days = _list_days(night, table)
    if not days:
        return ""
    columns = [night.lake.read(table, day, [key]).column(key) for day in days]
    known = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string()).unique()
    if not len(known):
        return ""
    is_here = pc.is_in(known, tonight)
    share = pc.mean(is_here.cast(pa.float64())).as_py()
    if share < MIN_LIKELY_SHARE or share == 1:
        return ""
    gone = known.filter(pc.invert(is_here))
    return (
        f"{contract.source}: {len(gone):,} of the {len(known):,} known are not in tonight's file, such as "
        f"{', '.join(gone[:3].to_pylist())}, and stay as they were. If the file holds all rows, set sources."
        f'{contract.source}.mode = "full": then they are delisted'
    )


def _read_last_rows(night: Night, contract: Contract) -> pa.Table:
    """Return the last valid row of each key of all earlier nights."""
    found: pa.Table | None = None
    table, key = f"valid/{contract.source}", contract.key[0]
    order = contract.freshness.column if contract.freshness else ""
    for day in _list_days(night, table):
        rows = night.lake.read(table, day)
        if order:
            rows = rows.take(pc.sort_indices(rows, sort_keys=[(order, "ascending")]))
        # The last of each key within the night wins, and the night over those before it.
        rows = rows.take(_find_last(rows.column(key)))
        if found is not None:
            rows = pa.concat_tables(
                [found.filter(pc.invert(pc.is_in(found.column(key), rows.column(key)))), rows]
            )
        found = rows
    return contract.arrow_schema().empty_table() if found is None else found


def _find_last(keys: pa.ChunkedArray) -> pa.Array:
    """Return the place of the last row of each key, ascending."""
    places = pa.table({"key": keys, "place": pa.array(range(len(keys)), pa.int64())})
    last = places.group_by("key").aggregate([("place", "max")]).column("place_max")
    return pc.take(last, pc.sort_indices(last))


def _write_closed_rows(contract: Contract, gone: pa.Table, column: str, value: str) -> pa.Table:
    """Return valid rows as raw rows, with one value replaced, sorted by key."""
    gone = gone.take(pc.sort_indices(gone, sort_keys=[(contract.key[0], "ascending")]))
    columns = []
    for field in contract.raw_schema():
        if field.name == ORIGIN[0]:
            columns.append(pa.repeat(pa.scalar(GONE_FILE), gone.num_rows))
        elif field.name == ORIGIN[1]:
            columns.append(pa.array(range(1, gone.num_rows + 1), pa.int64()))
        elif field.name == column:
            columns.append(pa.repeat(pa.scalar(value), gone.num_rows))
        elif field.name in contract.column_names:
            columns.append(_format(gone.column(field.name)))
        else:
            columns.append(pa.nulls(gone.num_rows, pa.string()))
    return pa.table(columns, schema=contract.raw_schema())


def _format(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return valid values as the texts that validation reads as the same values."""
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%SZ")
    return column.cast(pa.string())


def _join_rows(rows: pa.Table) -> pa.ChunkedArray:
    """Return each row as one text."""
    columns = [pc.fill_null(rows.column(name).cast(pa.string()), "\x00") for name in rows.column_names]
    return pc.binary_join_element_wise(*columns, SEPARATOR)


def _list_compared(contract: Contract) -> list[str]:
    """Return the columns that make two raw rows the same."""
    return [*contract.column_names, "_extra", "_raw"]


def _list_days(night: Night, table: str) -> list[date]:
    """Return the earlier nights that have a table."""
    return [day for day in night.lake.list_dates(table) if day < night.logical_date]
