"""The tables `embeddings/items` and `embeddings/queries`.

Each modality has a column of vectors and a column of content keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from handpick.dataset.item_text import build_spec_sheet, format_item_text, hash_text, serialize_spec_sheet
from handpick.dataset.media_files import MediaFiles
from handpick.ledger.flows import Flow
from handpick.stages.embed.encoders import NightEncoders
from handpick.stages.embed.vector_columns import VectorColumn, build_vector_column
from models.encoders.interface import Encoder

ITEMS, QUERIES = "embeddings/items", "embeddings/queries"
KEPT_COLUMNS = {ITEMS: ("item_id", "content_hash"), QUERIES: ("query_id",)}
"""Columns of the marts that the tables keep."""


def encode_items(
    items: pa.Table, files: MediaFiles, encoders: NightEncoders, previous: pa.Table | None
) -> tuple[dict[str, VectorColumn], list[Flow]]:
    """Return the vector columns of the items by modality, and the ledger lines of their rows and files.

    Args:
        items: What `read_items` returns.
        files: The night's media files.
        encoders: One for each modality.
        previous: `embeddings/items` of an earlier night; its vectors are reused where content and encoder are
            the same.
    """
    rows, threads = items.to_pylist(), files.embed.threads
    sheets = [build_spec_sheet(row) for row in rows]
    text = encode_texts([format_item_text(row) for row in rows], encoders.text, previous, threads)
    keys = [hash_text(serialize_spec_sheet(sheet)) for sheet in sheets]
    specs = build_vector_column("specs", keys, sheets.__getitem__, encoders.specs, previous)
    image, flow = encode_media("image", "item", items, files, encoders, previous)
    return {"text": text, "image": image, "specs": specs}, [Flow("items", len(items), len(items)), flow]


def encode_queries(
    queries: pa.Table, files: MediaFiles, encoders: NightEncoders, previous: pa.Table | None
) -> tuple[dict[str, VectorColumn], list[Flow]]:
    """Return the vector columns of the queries and their ledger lines; arguments as for `encode_items`."""
    text = encode_texts(queries["text"].to_pylist(), encoders.text, previous, files.embed.threads)
    audio, audio_flow = encode_media("audio", "query", queries, files, encoders, previous)
    # Pictures come last: on a first night the worker process may still be encoding them.
    image, image_flow = encode_media("image", "query", queries, files, encoders, previous)
    columns = {"text": text, "image": image, "audio": audio}
    return columns, [Flow("queries", len(queries), len(queries)), image_flow, audio_flow]


def encode_texts(
    texts: Sequence[str | None], encoder: Encoder[str], previous: pa.Table | None, threads: int
) -> VectorColumn:
    """Return the vector column `text`; null where a row has no text.

    Args:
        texts: One a row.
        encoder: The text encoder.
        previous: The table of an earlier night.
        threads: Batches that are encoded at the same time.
    """
    keys = [hash_text(text) if text else None for text in texts]
    return build_vector_column("text", keys, texts.__getitem__, encoder, previous, threads=threads)


def encode_media(
    kind: str,
    whose: str,
    rows: pa.Table,
    files: MediaFiles,
    encoders: NightEncoders,
    previous: pa.Table | None,
) -> tuple[VectorColumn, Flow]:
    """Return the vector column of media files, and their ledger line.

    A row whose file cannot be used keeps its place and has no vector; the ledger line counts it with the
    reason.

    Args:
        kind: `image` or `audio`.
        whose: `item` or `query`.
        rows: Rows with the column `<kind>_path`.
        files: The night's media files.
        encoders: One for each modality.
        previous: The table of an earlier night.
    """
    paths = rows[f"{kind}_path"].to_pylist()
    keys, unusable = files.compute_content_keys(paths, kind)

    def decode(row: int) -> Any:
        return files.decode_checked(paths[row], kind)

    encoder = encoders.image if kind == "image" else encoders.audio
    precomputed = encoders.precomputed_pictures(whose) if kind == "image" else {}
    column = build_vector_column(
        kind, keys, decode, encoder, previous, precomputed=precomputed, threads=files.embed.threads
    )
    dropped = Counter(unusable)
    dropped.update(column.unreadable)
    named = sum(path is not None for path in paths)
    # Without an encoder no file is decoded, so those that were not counted above are dropped for that reason.
    dropped["no encoder"] = named - sum(dropped.values()) if encoder is None else 0
    return column, Flow(f"{whose} {kind} files", named, len(column.keys) - column.keys.null_count, dropped)


def build_table(rows: pa.Table, kept: Sequence[str], columns: Mapping[str, VectorColumn]) -> pa.Table:
    """Return some columns of the rows, followed by the vectors and content keys of each modality.

    The schema's metadata holds the fingerprint of each modality's encoder.

    Args:
        rows: Rows of a mart.
        kept: Names of the columns to keep.
        columns: Vector columns by modality, in the order of `rows`.
    """
    rows = rows.select(list(kept))
    for name, column in columns.items():
        rows = rows.append_column(name, column.vectors).append_column(f"{name}_key", column.keys)
    return rows.replace_schema_metadata({name: column.fingerprint for name, column in columns.items()})
