"""What other stages may import from `embed`: encoding a night's items and queries with other encoders."""

from handpick.stages.embed.batch_threads import use_one_torch_thread
from handpick.stages.embed.embedding_tables import (
    ITEMS,
    KEPT_COLUMNS,
    QUERIES,
    build_table,
    encode_items,
    encode_queries,
)
from handpick.stages.embed.encoders import NightEncoders

__all__ = [
    "ITEMS",
    "KEPT_COLUMNS",
    "QUERIES",
    "NightEncoders",
    "build_table",
    "encode_items",
    "encode_queries",
    "use_one_torch_thread",
]
