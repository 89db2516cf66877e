"""Search queries of tonight, normalized."""

from __future__ import annotations

import pyarrow as pa

from handpick.runtime.dataframes import DataFrame, F
from handpick.stages.transform.text_expressions import clean_text

QUERY_SCHEMA = pa.schema(
    [
        pa.field("query_id", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("image_path", pa.string()),
        pa.field("audio_path", pa.string()),
        pa.field("occurred_at", pa.timestamp("us", tz="UTC")),
    ]
)


def normalize_queries(queries: DataFrame) -> DataFrame:
    """Normalize valid query rows into the columns of `QUERY_SCHEMA`; blank texts and paths become null."""
    words = {name: clean_text(F.col(name)) for name in ("text", "image_path", "audio_path")}
    return queries.withColumns(words).select(*QUERY_SCHEMA.names)
