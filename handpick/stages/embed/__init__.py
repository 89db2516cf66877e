"""The `embed` stage: encodes new and changed content, and reuses the previous night's vectors of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handpick.ledger.flows import StageResult
from handpick.night import Night

if TYPE_CHECKING:
    import pyarrow as pa

    from handpick.stages.embed.vector_columns import VectorColumn

BERT_MODULE = "transformers.models.bert.modeling_bert"
"""The code of most text encoders; importing it takes seconds, so it is imported while the tables are read."""


def run(night: Night) -> StageResult:
    """Write tonight's `embeddings/items` and `embeddings/queries`.

    There is a row for each item, and for each query so far. Each table has a column of vectors for each
    modality, null where the row has no such content. `<modality>_key` holds the content key that a vector was
    made of, and the schema's metadata the fingerprint of the encoder that made it. Encoders trained on the
    shop that have no version yet are trained first.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
        EncoderUnusable: If a configured encoder cannot be loaded.
        NightStopped: If training an encoder fails.
    """
    from handpick.dataset.content_tables import read_items, read_queries
    from handpick.dataset.media_files import MediaFiles
    from handpick.lake.partitions import digest_partitions
    from handpick.runtime.prefetch import prefetch_library
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
    from handpick.stages.embed.precompute import run_precompute
    from handpick.stages.pretrain.public import EncoderTrainer

    with prefetch_library(BERT_MODULE):
        items, queries = read_items(night), read_queries(night)
        previous = {table: _read_previous(night, table) for table in (ITEMS, QUERIES)}
    files = MediaFiles(night)
    trainer = EncoderTrainer(night, items, queries, files, night.logical_date)
    with use_one_torch_thread(), run_precompute(trainer) as precomputed:
        encoders = NightEncoders(replace(trainer, precomputed=precomputed))
        # Queries first: while the worker process still encodes pictures, their texts and recordings can be
        # encoded here.
        query_columns, query_flows = encode_queries(queries, files, encoders, previous[QUERIES])
        item_columns, item_flows = encode_items(items, files, encoders, previous[ITEMS])
    night.lake.write(ITEMS, night.logical_date, build_table(items, KEPT_COLUMNS[ITEMS], item_columns))
    night.lake.write(QUERIES, night.logical_date, build_table(queries, KEPT_COLUMNS[QUERIES], query_columns))
    files.save_cache()
    return StageResult(
        "embed",
        night.logical_date,
        str(night.lake.root / "embeddings"),
        (*item_flows, *query_flows),
        digest_partitions(night.lake, (ITEMS, QUERIES), night.logical_date),
        notes=_count_contents({"items": item_columns, "queries": query_columns}),
    )


def _read_previous(night: Night, table: str) -> pa.Table | None:
    """Return the last partition before tonight; None on a first night."""
    earlier = night.lake.latest_date_before(table, night.logical_date)
    return None if earlier is None else night.lake.read(table, earlier)


def _count_contents(tables: Mapping[str, Mapping[str, VectorColumn]]) -> dict[str, Any]:
    """Return how many distinct contents were encoded and reused, by `<table>.<modality>`."""
    return {
        f"{what}_count": {
            f"{table}.{name}": getattr(column, what)
            for table, columns in tables.items()
            for name, column in columns.items()
        }
        for what in ("encoded", "reused")
    }
