"""What other stages may import from `embed`: encoding a night's items and queries with other encoders."""

from handpick.stages.embed.embedding_tables import (
    ITEMS,
    KEPT_COLUMNS,
    QUERIES,
    build_table,
    encode_items,
    encode_queries,
)
from handpick.stages.embed.encoders import NightEncoders
from handpick.stages.embed.threads import one_torch_thread

__all__ = [
    "ITEMS",
    "KEPT_COLUMNS",
    "QUERIES",
    "NightEncoders",
    "build_table",
    "encode_items",
    "encode_queries",
    "one_torch_thread",
]
