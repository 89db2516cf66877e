"""Embed: vectors of phones and queries, of what is new or changed; everything else is taken from the night before."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night

if TYPE_CHECKING:
    from handpick.stages.embed.encoders import Encoders
    from handpick.stages.embed.media_files import Files
    from handpick.stages.embed.vector_columns import Column
    from models.encoders.interface import Encoder

ITEMS, QUERIES = "embeddings/items", "embeddings/queries"
KEPT = {ITEMS: ("item_id", "content_hash"), QUERIES: ("query_id",)}
"""What both tables keep of the marts' rows."""
ARCHITECTURE = "transformers.models.bert.modeling_bert"
"""What most text encoders are; it takes seconds to load, and tables are read meanwhile."""


def run(night: Night) -> StageResult:
    """Write tonight's `embeddings/items` and `embeddings/queries`: a row for every phone and for every query so far.

    Each has a vector column for each modality, null where the row has no such content; `<modality>_key` says what
    content a vector was made of, and the schema's metadata with which encoder.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
        EncoderUnusable: If a configured encoder cannot be loaded.
        NightStopped: If training an encoder fails.
    """
    from handpick.lake.partitions import digest_of
    from handpick.runtime.prefetch import loading
    from handpick.stages.embed.encoders import Encoders
    from handpick.stages.embed.media_files import Files
    from handpick.stages.embed.precompute import ahead
    from handpick.stages.embed.threads import one_thread
    from handpick.stages.pretrain import corpus
    from handpick.stages.pretrain.trainer import Trainer

    with loading(ARCHITECTURE):
        items, queries = corpus.items(night), corpus.queries(night)
        earlier = {table: _previous(night, table) for table in (ITEMS, QUERIES)}
    files = Files(night)
    trainer = Trainer(night, items, queries, files, night.logical_date)
    with one_thread(), ahead(trainer) as other:
        encoders = Encoders(replace(trainer, ahead=other))
        asked, query_flows = queries_encoded(queries, files, encoders, earlier[QUERIES])
        phones, item_flows = items_encoded(items, files, encoders, earlier[ITEMS])
    night.lake.write(ITEMS, night.logical_date, table_of(items, KEPT[ITEMS], phones))
    night.lake.write(QUERIES, night.logical_date, table_of(queries, KEPT[QUERIES], asked))
    files.keep()
    digest = hashlib.sha256()
    for table in (ITEMS, QUERIES):
        digest.update(digest_of(night.lake.partition(table, night.logical_date)).encode())
    notes = _notes({"items": phones, "queries": asked})
    where = str(night.lake.root / "embeddings")
    return StageResult(
        "embed", night.logical_date, where, (*item_flows, *query_flows), digest.hexdigest(), notes=notes
    )


def items_encoded(
    items: pa.Table, files: Files, encoders: Encoders, previous: pa.Table | None
) -> tuple[dict[str, Column], list[Flow]]:
    """A column of vectors for each modality of the phones, and what became of their rows and files.

    Args:
        previous: `embeddings/items` of another time, from which vectors are taken where nothing has changed.
    """
    from handpick.stages.embed.vector_columns import column, key_of
    from handpick.stages.pretrain.corpus import phone_text, sheet, sheet_text

    rows, threads = items.to_pylist(), files.embed.threads
    sheets = [sheet(row) for row in rows]
    text = text_column([phone_text(row) for row in rows], encoders.text, previous, threads)
    keys = [key_of(sheet_text(told)) for told in sheets]
    specs = column("specs", keys, sheets.__getitem__, encoders.specs, previous)
    image, flow = media_column("image", "item", items, files, encoders, previous)
    return {"text": text, "image": image, "specs": specs}, [Flow("items", len(items), len(items)), flow]


def queries_encoded(
    queries: pa.Table, files: Files, encoders: Encoders, previous: pa.Table | None
) -> tuple[dict[str, Column], list[Flow]]:
    """The same of the queries; pictures come last, as another process may still be busy with them."""
    text = text_column(queries["text"].to_pylist(), encoders.text, previous, files.embed.threads)
    audio, sounds = media_column("audio", "query", queries, files, encoders, previous)
    image, pictures = media_column("image", "query", queries, files, encoders, previous)
    columns = {"text": text, "image": image, "audio": audio}
    return columns, [Flow("queries", len(queries), len(queries)), pictures, sounds]


def text_column(
    texts: Sequence[str | None], encoder: Encoder[str], previous: pa.Table | None, threads: int
) -> Column:
    """The vectors of texts."""
    from handpick.stages.embed.vector_columns import column, key_of

    keys = [key_of(text) if text else None for text in texts]
    return column("text", keys, texts.__getitem__, encoder, previous, threads=threads)


def media_column(
    kind: str, whose: str, rows: pa.Table, files: Files, encoders: Encoders, previous: pa.Table | None
) -> tuple[Column, Flow]:
    """The vectors of files, and their flow: a row whose file is not usable stays and has no vector."""
    from handpick.stages.embed.vector_columns import column
    from models.encoders import audio, image

    paths = rows[f"{kind}_path"].to_pylist()
    keys, lost = files.keys(paths, kind)
    seconds, pixels = files.embed.audio_seconds, files.limits.max_image_pixels

    def prepared(row: int) -> Any:
        content = files.content(paths[row])
        return image.prepare(content, pixels) if kind == "image" else audio.prepare(content, seconds)

    encoder = encoders.image if kind == "image" else encoders.audio
    ahead = encoders.pictures(whose) if kind == "image" else {}
    made = column(kind, keys, prepared, encoder, previous, ahead=ahead, threads=files.embed.threads)
    total = Counter(lost)
    total.update(made.unreadable)
    named = sum(path is not None for path in paths)
    total["no encoder"] = named - sum(total.values()) if encoder is None else 0
    return made, Flow(f"{whose} {kind} files", named, len(made.keys) - made.keys.null_count, total)


def _previous(night: Night, table: str) -> pa.Table | None:
    """The last partition before tonight, with all its columns."""
    earlier = night.lake.before(table, night.logical_date)
    return None if earlier is None else night.lake.read(table, earlier)


def table_of(rows: pa.Table, kept: Sequence[str], columns: Mapping[str, Column]) -> pa.Table:
    """Some columns of the rows, with one of vectors and one of keys for each modality; the metadata tells the encoders."""
    rows = rows.select(list(kept))
    for name, made in columns.items():
        rows = rows.append_column(name, made.vectors).append_column(f"{name}_key", made.keys)
    return rows.replace_schema_metadata({name: made.fingerprint for name, made in columns.items()})


def _notes(tables: Mapping[str, Mapping[str, Column]]) -> dict[str, Any]:
    """Different contents encoded and reused, by table and modality."""
    return {
        f"{what}_count": {
            f"{table}.{name}": getattr(made, what)
            for table, columns in tables.items()
            for name, made in columns.items()
        }
        for what in ("encoded", "reused")
    }
