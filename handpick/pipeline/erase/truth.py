"""Blanks a simulated customer's id in the demo shop's hidden truth."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.dataset.oracle.truth_files import USERS_FILE
from handpick.lake.partitions import write_parquet
from handpick.settings.load import Settings

BLANK = "(erased)"


def erase_from_truth(settings: Settings, user_id: str) -> int:
    """Blank the id of a simulated customer, whose row stays, as other files count rows; return how many."""
    file = settings.path(settings.lake.truth) / USERS_FILE
    if not file.is_file():
        return 0
    rows = pq.read_table(file, partitioning=None)
    ids = rows.column("user_id")
    is_own = pc.equal(ids, user_id)
    count = int(pc.sum(is_own).as_py() or 0)
    if count:
        place = rows.column_names.index("user_id")
        staged = file.with_name(f".{file.name}.tmp")
        write_parquet(rows.set_column(place, "user_id", pc.if_else(is_own, pa.scalar(BLANK), ids)), staged)
        staged.replace(file)
    return count
