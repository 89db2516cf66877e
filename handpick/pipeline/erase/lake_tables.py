"""Erases a person from the lake's partitions, each of which is replaced as a whole, with its checksums."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.lake.checksums import digest_from_checksums, list_data_files
from handpick.lake.partitions import Lake, write_parquet
from handpick.ledger.erasures import record_erasure
from handpick.pipeline.erase.footprint import Footprint, find_user_lists
from handpick.stages.publish.public import rewrite_export

RAW_PREFIX, LEDGER = "raw/", "ledger"
BLANK = "(erased)"
"""Stands where a page or a list has named the person."""
MODEL_IDS, MODEL_ARRAYS = "user_ids", ("user_ids", "users")
"""Arrays of a stored model that have a row per user: their ids, as code points, and their vectors."""

Change = Callable[[Path], None]
"""Writes a file without the person, given the place that it has in the new partition."""


def erase_from_lake(lake: Lake, person: Footprint, removed: Counter[str]) -> list[tuple[str, date]]:
    """Erase a person's rows from all tables but those that they were landed in, which tell the rest.

    Args:
        lake: The lake.
        person: What belongs to the person.
        removed: Rows by table, which is added to.

    Returns:
        The partitions that were replaced, by table and night.

    Raises:
        DamagedData: If a partition that holds the person is damaged.
        Busy: If another process writes a table for too long.
    """
    tables = [table for table in lake.list_tables() if table != LEDGER and not table.startswith(RAW_PREFIX)]
    return [
        (table, day)
        for table in tables
        for day in lake.list_dates(table)
        if erase_from_partition(lake, table, day, person, removed)
    ]


def erase_from_partition(
    lake: Lake,
    table: str,
    day: date,
    person: Footprint,
    removed: Counter[str],
    finish: Callable[[Path], bool] | None = None,
) -> bool:
    """Replace one partition by one without the person's rows, if it has any; return whether it had.

    Args:
        lake: The lake.
        table: Its table.
        day: Its night.
        person: What belongs to the person.
        removed: Rows by table, which is added to.
        finish: Changes further files of the new folder; returns whether any had to be changed.
    """
    folder = lake.partition(table, day)
    changes, rows = _find_changes(folder, table, person)
    if not changes and (finish is None or not finish(folder)):
        return False
    lake.check(table, [day], with_bytes=True)

    def account(staging: Path) -> None:
        record_erasure(lake, table, day, rows, digest_from_checksums(staging) or "")

    with lake.replace_partition(table, day, account) as staging:
        for file in list_data_files(folder):
            target = staging / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            if file in changes:
                changes[file](target)
            elif not target.exists():
                # A copy, as the new file may be changed below and the old one is still read.
                shutil.copy2(file, target)
        if finish is not None:
            finish(staging)
    removed[table] += rows
    return True


def _find_changes(folder: Path, table: str, person: Footprint) -> tuple[dict[Path, Change], int]:
    """Return how files of a partition are written without the person, and the rows that they lose."""
    changes: dict[Path, Change] = {}
    total = 0
    for file in sorted(folder.rglob("*.parquet")):
        kept, lost = _filter_rows(file, person)
        if lost:
            total += lost
            if table == "exports":
                changes[file] = lambda target, rows=kept: rewrite_export(rows, target)  # type: ignore[misc]
                changes[file.with_suffix(".csv")] = lambda _: None
            else:
                changes[file] = lambda target, rows=kept: write_parquet(rows, target)  # type: ignore[misc]
        elif (blanked := _blank_lists(file, person)) is not None:
            total += 1
            changes[file] = lambda target, rows=blanked: write_parquet(rows, target)  # type: ignore[misc]
    for file in sorted(folder.rglob("*.safetensors")):
        if (arrays := _filter_arrays(file, person)) is not None:
            total += 1
            changes[file] = lambda target, kept=arrays: _save_arrays(kept, target)  # type: ignore[misc]
    pattern = person.compile_pattern()
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".html", ".json"} and file.is_file() and pattern.search(file.read_bytes()):
            content = pattern.sub(BLANK.encode(), file.read_bytes())
            changes[file] = lambda target, text=content: target.write_bytes(text)  # type: ignore[misc]
    return changes, total


def _filter_rows(file: Path, person: Footprint) -> tuple[pa.Table, int]:
    """Return a file's rows without the person's, and the number of those; no rows where there are none."""
    schema = pq.read_schema(file)
    columns = [name for name in ("user_id", "event_id", "query_id", "_raw") if name in schema.names]
    if not columns:
        return schema.empty_table(), 0
    found = person.find_rows(pq.read_table(file, columns=columns, partitioning=None))
    lost = int(pc.sum(found).as_py() or 0) if found is not None else 0
    if not lost:
        return schema.empty_table(), 0
    return pq.read_table(file, partitioning=None).filter(pc.invert(found)), lost


def _blank_lists(file: Path, person: Footprint) -> pa.Table | None:
    """Return a file's rows with the person blank in lists of users; None where no list names them."""
    names = find_user_lists(file)
    if not names:
        return None
    rows = pq.read_table(file, partitioning=None)
    is_named = False
    for name in names:
        lists = rows.column(name).combine_chunks()
        users = lists.values
        found = pc.fill_null(pc.equal(users, person.user_id), False)
        if pc.any(found).as_py():
            is_named = True
            blank = pc.if_else(found, pa.scalar(BLANK), users)
            column = pa.ListArray.from_arrays(lists.offsets, blank)
            rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows if is_named else None


def _filter_arrays(file: Path, person: Footprint) -> dict[str, object] | None:
    """Return the arrays of a stored model without the person's row; None where it does not know them."""
    from safetensors import safe_open
    from safetensors.numpy import load_file

    from models.collaborative.bpr import decode_ids

    with safe_open(file, "numpy") as opened:
        if MODEL_IDS not in opened.keys():  # noqa: SIM118 - not a mapping
            return None
    arrays = load_file(file)
    is_other = decode_ids(arrays[MODEL_IDS]) != person.user_id
    if is_other.all():
        return None
    return {name: array[is_other] if name in MODEL_ARRAYS else array for name, array in arrays.items()}


def _save_arrays(arrays: dict[str, object], target: Path) -> None:
    """Write the arrays of a stored model."""
    import numpy as np
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, target)
