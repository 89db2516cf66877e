"""Search queries of tonight, normalized."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType, TimestampType

from handpick.stages.transform.text_expressions import clean_text

QUERY_SCHEMA = StructType(
    [
        StructField("query_id", StringType()),
        StructField("user_id", StringType()),
        StructField("text", StringType()),
        StructField("image_path", StringType()),
        StructField("audio_path", StringType()),
        StructField("occurred_at", TimestampType()),
    ]
)


def normalize_queries(queries: DataFrame) -> DataFrame:
    """Normalize valid query rows into the columns of `QUERY_SCHEMA`; blank texts and paths become null."""
    words = {name: clean_text(F.col(name)) for name in ("text", "image_path", "audio_path")}
    return queries.withColumns(words).select(*QUERY_SCHEMA.fieldNames())
