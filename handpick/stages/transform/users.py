"""The customers as of one night, normalized."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from handpick.runtime.dataframes import DataFrame, F, Window
from handpick.stages.transform.first_rows import keep_first_row
from handpick.stages.transform.text_expressions import clean_text

USER_SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string()),
        pa.field("signed_up_at", pa.timestamp("us", tz="UTC")),
        pa.field("country", pa.string()),
        pa.field("locale", pa.string()),
        pa.field("owned_item_id", pa.string()),
        pa.field("is_consented", pa.bool_()),
        pa.field("first_seen_date", pa.date32()),
    ]
)


def normalize_users(users: DataFrame, logical_date: date) -> DataFrame:
    """Normalize valid user rows into the columns of `USER_SCHEMA`; the last line of a customer wins."""
    newest = keep_first_row(users, ["user_id"], F.col("_source_file").desc(), F.col("_source_line").desc())
    return newest.select(
        "user_id",
        "signed_up_at",
        F.upper(F.trim("country")).alias("country"),
        F.regexp_replace(F.lower(F.trim("locale")), "_", "-").alias("locale"),
        clean_text(F.col("owned_item_id")).alias("owned_item_id"),
        F.coalesce(F.col("consent"), F.lit(False)).alias("is_consented"),
        F.lit(logical_date).alias("first_seen_date"),
    )


def update_user_snapshot(
    previous: DataFrame | None, tonight: DataFrame, *, is_from_log: bool = False
) -> DataFrame:
    """Merge tonight's customers into the last snapshot; tonight's row wins, with the first `first_seen_date`.

    Args:
        previous: The last night's `clean/users`, or None on a first night.
        tonight: What `normalize_users` returned.
        is_from_log: Whether customers are taken from the event log, where the first event stands for the
            registration: the earliest one stays, as a later night only sees later events.
    """
    if previous is None:
        return tonight
    both = previous.select(*USER_SCHEMA.names, F.lit(0).alias("_tonight")).unionByName(
        tonight.withColumn("_tonight", F.lit(1))
    )
    first = F.min("first_seen_date").over(Window.partitionBy("user_id"))
    merged = both.withColumn("first_seen_date", first)
    if is_from_log:
        merged = merged.withColumn("signed_up_at", F.min("signed_up_at").over(Window.partitionBy("user_id")))
    return keep_first_row(merged, ["user_id"], F.col("_tonight").desc()).select(*USER_SCHEMA.names)
