"""Rows that were erased from a night's partitions after its stages had reported them.

Results of stages stay as they were reported. A file per night says by how many rows each table has shrunk
since, and from which digest to which, so that the ledger is reconciled and the lake verified with both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from handpick.errors import DamagedData
from handpick.lake.checksums import digest_json
from handpick.lake.partitions import Lake, digest_partition

ERASURES_FILE = ".erased.json"


@dataclass(frozen=True)
class Erasure:
    """What was erased from one partition.

    Args:
        rows: Rows that it lost.
        was: Its digest as its stage has reported it.
        previous: Its digest before it lost the last of them.
        now: Its digest without them.
    """

    rows: int
    was: str
    previous: str
    now: str


def read_erasures(lake: Lake, logical_date: date) -> dict[str, Erasure]:
    """Return what was erased from a night's partitions, by table.

    Raises:
        DamagedData: If the file is not what was written.
    """
    file = _get_file(lake, logical_date)
    try:
        stored = json.loads(file.read_text())
        if stored["sha256"] == digest_json(stored["tables"]):
            return {table: Erasure(**entry) for table, entry in stored["tables"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DamagedData(
        f"{file} is damaged: it does not say what was erased from the night of {logical_date}. Nothing was "
        f"changed; remove it and run `handpick night --date {logical_date}`, which makes the night anew "
        "without those who were erased."
    )


def record_erasure(lake: Lake, table: str, logical_date: date, rows: int, now: str) -> None:
    """Remember that a partition is about to be replaced by one without some rows; its lock must be held.

    Until the partition is replaced its digest is not `now`, and the entry counts for nothing.

    Args:
        lake: The lake.
        table: The partition's table.
        logical_date: Its night.
        rows: Rows that it loses.
        now: Its digest without them.
    """
    entries = read_erasures(lake, logical_date)
    stated = digest_partition(lake.partition(table, logical_date))
    before = entries.get(table)
    # A partition that its stage has written again since the last erasure has lost nothing yet.
    is_chained = before is not None and before.now == stated
    entries[table] = Erasure(
        rows + (before.rows if before and is_chained else 0),
        before.was if before and is_chained else stated,
        stated,
        now,
    )
    tables = {name: asdict(entry) for name, entry in sorted(entries.items())}
    file = _get_file(lake, logical_date)
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_suffix(".tmp")
    staged.write_text(json.dumps({"tables": tables, "sha256": digest_json(tables)}, indent=1))
    staged.replace(file)


def count_erased_rows(
    lake: Lake, logical_date: date, table: str, reported: Mapping[str, str], entries: Mapping[str, Erasure]
) -> int:
    """Return how many rows a table has lost since a stage reported its digest.

    Args:
        lake: The lake.
        logical_date: The night.
        table: The table.
        reported: Digests of tables as the stage has reported them.
        entries: What `read_erasures` returned.
    """
    entry = entries.get(table)
    if entry is None or reported.get(table, entry.was) != entry.was:
        return 0
    return entry.rows if digest_partition(lake.partition(table, logical_date)) == entry.now else 0


def _get_file(lake: Lake, logical_date: date) -> Path:
    """Return the file of a night."""
    return lake.partition("ledger", logical_date) / ERASURES_FILE
